/** Row `series`: what a chart costs, in process, over a day and over all of the history; and the hours of a month beside others. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { SeriesQuery } from "../../src/server/series-request.ts";
import { DAY_SECONDS, START_SECOND, writeCsv } from "../data/series.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import { getOften } from "../harness/get.ts";
import { npmPeers, PEERS } from "../harness/install.ts";
import { type Contestant, median } from "../harness/statistics.ts";
import type { BuildTask } from "../ours/build.ts";
import type { SeriesTask } from "../ours/series.ts";
import { sumOfSeries } from "../ours/series-sum.ts";
import { startVictoria } from "../peers/victoria/server.ts";
import { figure, type Goal, type Grid, type Table } from "../report/results.ts";
import { startTidemark } from "./tidemark-server.ts";

const OURS = join(import.meta.dirname, "..", "ours");
const SENSOR = "temperature";
const METRICS = "mean,min,max";
const POINTS = 500;
const GOAL_MS = 5;
const AIM_MS = 1;
const WHO = "tidemark, in process";

interface Timed {
  readonly p50: number;
  readonly p99: number;
  readonly check: number;
}

async function run(bench: Bench): Promise<{ tables: Table[]; grids: Grid[]; goals: Goal[] }> {
  const days = bench.size(365, 3652);
  const directory = mkdtempSync(join(bench.directory, "series-"));
  bench.say(`series: building ${days} days`);
  await build(directory, days);
  const last = (START_SECOND + days * DAY_SECONDS - 1) * 1000;
  const query = (metrics: string, length: number): SeriesQuery => {
    return { metrics, from: String(last - length * DAY_SECONDS * 1000), to: String(last) };
  };
  // As many points as there are: 500 of ten years are weeks, of which 522 are needed, so the server chooses months.
  const whole = `${days} days by the week, mean, min, max`;
  const queries: SeriesTask["queries"] = {
    "a day, mean, min, max": { ...query(METRICS, 1), points: POINTS },
    [`${days} days, mean, min, max`]: { ...query(METRICS, days - 1), points: POINTS },
    [whole]: { ...query(METRICS, days - 1), every: "1w" },
    [`${days} days, p95`]: { ...query("p95", days - 1), points: POINTS },
  };
  const task: SeriesTask = { directory, sensor: SENSOR, queries, laps: bench.size(30, 100) };
  const found = await runForNumbers(node(join(OURS, "series.ts"), task));
  const p50 = found[`p50 ${whole}`];
  return {
    tables: [await beside(bench)],
    grids: [
      {
        title: "Series of a sensor at 1 Hz, in process, ms",
        about: `At most ${POINTS} buckets of a calendar in Europe/Berlin, or weeks, as JSON text.`,
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
        what: `series: ${whole}`,
        ...{ atLeast: `p50 ≤ ${GOAL_MS} ms`, aim: `${AIM_MS} ms`, measured: `${figure(p50)} ms` },
        ...{ met: p50 <= GOAL_MS, toAim: p50 / AIM_MS },
      },
    ],
  };
}

function build(directory: string, days: number): Promise<unknown> {
  const task: BuildTask = { directory, sensors: [SENSOR], seconds: days * DAY_SECONDS, kind: "integers" };
  return runForNumbers(node(join(OURS, "build.ts"), task));
}

/** The hours of some days, asked of databases that hold the same readings. */
async function beside(bench: Bench): Promise<Table> {
  const days = bench.size(7, 30);
  const directory = mkdtempSync(join(bench.directory, "series-hours-"));
  const csv = join(bench.directory, "series.csv");
  bench.say(`series: ${days} days beside others`);
  await build(directory, days);
  await writeCsv(csv, 1, days * DAY_SECONDS);
  const laps = bench.size(20, 50);
  const [from, to] = [START_SECOND, START_SECOND + days * DAY_SECONDS];
  const query = {
    ...{ metrics: METRICS, every: "1h", timezone: "UTC" },
    ...{ from: String(from * 1000), toExclusive: String(to * 1000) },
  };
  const path = `/series?${new URLSearchParams({ sensor: SENSOR, ...query })}`;
  const contestants: Contestant<Timed>[] = [
    {
      name: WHO,
      run: async () => {
        const task: SeriesTask = { directory, sensor: SENSOR, queries: { hours: query }, laps };
        const found = await runForNumbers(node(join(OURS, "series.ts"), task));
        return { p50: found["p50 hours"], p99: found["p99 hours"], check: found["check hours"] };
      },
    },
  ];
  await bench.peer("DuckDB", async () => {
    await npmPeers(bench.policy);
    const database = join(bench.directory, "series.duckdb");
    await runForNumbers(node(join(PEERS, "duckdb", "window.mjs"), { mode: "load", database, csv }));
    const ask = (rolled: boolean) => async () => {
      const input = { database, from, to, laps, rolled };
      return (await runForNumbers(node(join(PEERS, "duckdb", "series.mjs"), input))) as unknown as Timed;
    };
    contestants.push({ name: "DuckDB, in process", run: ask(false) });
    contestants.push({ name: "DuckDB, in process, minute rollups", run: ask(true) });
  });
  // Those with a server are compared with the one above them.
  contestants.push({
    name: "tidemark, over HTTP",
    run: async () => {
      const server = await startTidemark({ data: directory, log: "local", sensors: [SENSOR] });
      return getOften(server.port, path, laps, sumOfSeries).finally(() => server.stop());
    },
  });
  const victoria = await bench.peer("VictoriaMetrics", () => startVictoria(bench));
  try {
    if (victoria !== null) {
      const { port } = victoria;
      await runForNumbers(node(join(PEERS, "victoria", "window.mjs"), { port, mode: "load", csv }));
      const run = () => getOften(port, victoriaPath(from, to), laps, sumOfMatrix);
      contestants.push({ name: "VictoriaMetrics, query_range over HTTP", run });
    }
    return tableOf(bench, days, await bench.laps(contestants, bench.rounds(2, 3)));
  } finally {
    await victoria?.server.stop();
  }
}

/** A range is (time − 1 h, time]: up to the last second of each hour. */
function victoriaPath(from: number, to: number): string {
  const parts = ["avg", "min", "max"].map((name, i) => `label_set(${name}_over_time(${SENSOR}[1h]), "f", "${i}")`);
  const range = { start: String(from + 3599), end: String(to - 1), step: "3600", nocache: "1" };
  return `/api/v1/query_range?${new URLSearchParams({ ...range, query: `union(${parts.join(",")})` })}`;
}

function sumOfMatrix(text: string): number {
  const { data } = JSON.parse(text) as { data: { result: { values: [number, string][] }[] } };
  return data.result.flatMap(({ values }) => values).reduce((sum, [, value]) => sum + Number(value), 0);
}

function tableOf(bench: Bench, days: number, laps: ReadonlyMap<string, readonly Timed[]>): Table {
  const expected = laps.get(WHO)?.[0].check ?? Number.NaN;
  for (const [who, [{ check }]] of laps) {
    if (Math.abs(check - expected) < 1e-9 * Math.abs(expected)) continue;
    bench.skip(`agreement of ${who}`, new Error(`its numbers add up to ${check}, tidemark's to ${expected}`));
  }
  return {
    title: `The hours of ${days} days`,
    about: `One sensor at 1 Hz, ${days * 24} buckets: mean, minimum, maximum of each. One question at a time; the numbers of all are added up and compared.`,
    unit: "ms, p50",
    better: "less",
    synced: "reading only",
    lines: [...laps].map(([name, own]) => ({
      name,
      ours: name.startsWith("tidemark"),
      laps: own.map(({ p50 }) => p50),
      remark: `p99 ${figure(median(own.map(({ p99 }) => p99)))} ms`,
    })),
  };
}

export const series: Row = {
  name: "series",
  about: "charts: 500 buckets of a day and of years, in process; hours beside DuckDB and VictoriaMetrics",
  run,
};
