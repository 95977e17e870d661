/** Row `percentiles`: windows with percentiles in process, of sensors with few values and of such with more than a distribution has bins. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { DAY_SECONDS, VALUE_KINDS, type ValueKind } from "../data/series.ts";
import { questions } from "../data/windows.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import { median } from "../harness/statistics.ts";
import type { BuildTask } from "../ours/build.ts";
import type { WindowTask } from "../ours/window.ts";
import { figure, type Goal, type Table } from "../report/results.ts";

const OURS = join(import.meta.dirname, "..", "ours");
const SENSORS = ["sensor"];
const GOAL_US = 500;
const AIM_US = 250;

async function run(bench: Bench): Promise<{ tables: Table[]; goals: Goal[] }> {
  const days = bench.size(14, 66);
  const asked = questions(days * DAY_SECONDS, bench.size(500, 1000), SENSORS.length).filter(
    ({ seconds }) => seconds > 1,
  );
  const kinds = Object.keys(VALUE_KINDS) as ValueKind[];
  const contestants = [];
  for (const kind of kinds) {
    const directory = mkdtempSync(join(bench.directory, "percentiles-"));
    bench.say(`building ${days} days of ${kind}`);
    const task: BuildTask = { directory, sensors: SENSORS, seconds: days * DAY_SECONDS, kind };
    await runForNumbers(node(join(OURS, "build.ts"), task));
    const window: WindowTask = { directory, sensors: SENSORS, questions: asked, quantiles: true };
    contestants.push({ name: kind, run: () => runForNumbers(node(join(OURS, "window.ts"), window)) });
  }
  const laps = await bench.laps(contestants, bench.rounds(2, 3));
  const of = (kind: string, column: string): number[] => (laps.get(kind) ?? []).map((lap) => lap[column]);
  const worst = Math.max(...kinds.flatMap((kind) => asked.map(({ name }) => median(of(kind, `p50 ${name}`)))));
  return {
    tables: asked.map(({ name }) => ({
      title: `A window of ${name} with percentiles, by kind of values`,
      about: `A sensor, ${days} days at 1 Hz, windows at random places, in process: count, mean, extremes and p99.`,
      unit: "µs, p50",
      better: "less",
      synced: "none while asked",
      lines: kinds.map((kind) => ({
        name: kind,
        laps: of(kind, `p50 ${name}`),
        remark: `p99 ${figure(median(of(kind, `p99 ${name}`)))} µs`,
        variant: true,
      })),
    })),
    goals: [
      {
        what: "a window with percentiles in process, of any length and kind of values",
        ...{ atLeast: `p50 ≤ ${GOAL_US} µs`, aim: `${AIM_US} µs`, measured: `at most ${figure(worst)} µs` },
        ...{ met: worst <= GOAL_US, toAim: worst / AIM_US },
      },
    ],
  };
}

export const percentiles: Row = {
  name: "percentiles",
  about: "windows with percentiles in process, by kind of values: integers to 60,000 decimals",
  run,
};
