/** Row `series`: what a chart costs, in process, over a day and over all of the history. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { DAY_SECONDS } from "../data/series.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import type { BuildTask } from "../ours/build.ts";
import type { SeriesTask } from "../ours/series.ts";
import { figure, type Goal, type Grid } from "../report/results.ts";

const OURS = join(import.meta.dirname, "..", "ours");
const POINTS = 500;
const GOAL_MS = 5;
const AIM_MS = 1;

async function run(bench: Bench): Promise<{ tables: []; grids: Grid[]; goals: Goal[] }> {
  const days = bench.size(365, 3652);
  const directory = mkdtempSync(join(bench.directory, "series-"));
  const sensors = ["temperature"];
  bench.say(`series: building ${days} days`);
  await runForNumbers(
    node(join(OURS, "build.ts"), {
      directory,
      sensors,
      seconds: days * DAY_SECONDS,
      kind: "integers",
    } satisfies BuildTask),
  );
  const whole = `${days} days, mean, min, max`;
  const queries: SeriesTask["queries"] = {
    "a day, mean, min, max": { metrics: "mean,min,max", points: POINTS, days: 1 },
    [whole]: { metrics: "mean,min,max", points: POINTS, days: days - 1 },
    [`${days} days, p95`]: { metrics: "p95", points: POINTS, days: days - 1 },
  };
  const task: SeriesTask = { directory, sensor: sensors[0], queries, laps: bench.size(30, 100) };
  const found = await runForNumbers(node(join(OURS, "series.ts"), task));
  const p50 = found[`p50 ${whole}`];
  return {
    tables: [],
    grids: [
      {
        title: "Series of a sensor at 1 Hz, in process, ms",
        about: `At most ${POINTS} buckets of a calendar in Europe/Berlin, as JSON text.`,
        synced: "reading only",
        head: ["series", "buckets", "p50, ms", "p99, ms", "KB"],
        rows: Object.keys(queries).map((name) => [
          ...[name, String(found[`buckets ${name}`]), figure(found[`p50 ${name}`]), figure(found[`p99 ${name}`])],
          figure(found[`bytes ${name}`] / 1000),
        ]),
      },
    ],
    goals: [
      {
        what: `series: ${whole}, ${POINTS} points`,
        ...{ atLeast: `p50 ≤ ${GOAL_MS} ms`, aim: `${AIM_MS} ms`, measured: `${figure(p50)} ms` },
        ...{ met: p50 <= GOAL_MS, toAim: p50 / AIM_MS },
      },
    ],
  };
}

export const series: Row = { name: "series", about: "charts: 500 buckets of a day and of years, in process", run };
