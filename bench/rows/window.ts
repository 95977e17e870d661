/** Row `window`: windows of three sensors at 1 Hz, in process and over HTTP, beside databases on the same readings, with and without rollups of their own. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DAY_SECONDS, writeCsv } from "../data/series.ts";
import { type Questions, questions, SENSORS } from "../data/windows.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers, withInput } from "../harness/child.ts";
import { askWindows } from "../harness/http-client.ts";
import { npmPeers, PEERS, pythonPeer } from "../harness/install.ts";
import { type Contestant, median } from "../harness/statistics.ts";
import type { BuildTask } from "../ours/build.ts";
import type { WindowTask } from "../ours/window.ts";
import { startPostgres } from "../peers/postgres/server.ts";
import { startVictoria } from "../peers/victoria/server.ts";
import { figure, type Goal, type Line, type Table } from "../report/results.ts";
import { startTidemark } from "./tidemark-server.ts";

type Numbers = Record<string, number>;
const OURS = join(import.meta.dirname, "..", "ours");
const IN_PROCESS = "tidemark, in process";
const WITH_QUANTILES = "tidemark, in process, with quantiles";
const OVER_HTTP = "tidemark, over HTTP";

/** Builds a history of the three sensors. @returns what it cost */
export function build(directory: string, days: number): Promise<Numbers> {
  const task: BuildTask = { directory, sensors: SENSORS, seconds: days * DAY_SECONDS, kind: "integers" };
  return runForNumbers(node(join(OURS, "build.ts"), task));
}

function inProcess(directory: string, asked: readonly Questions[], quantiles: boolean): Promise<Numbers> {
  return runForNumbers(
    node(join(OURS, "window.ts"), { directory, sensors: SENSORS, questions: asked, quantiles } satisfies WindowTask),
  );
}

interface Database {
  readonly contestants: Contestant<Numbers>[];
  readonly loaded: Numbers;
  readonly name: string;
  stop(): Promise<void>;
}

const nothing = async (): Promise<void> => {};

function nodeProgram(peer: string, input: Record<string, unknown>): Promise<Numbers> {
  return runForNumbers(node(join(PEERS, peer, "window.mjs"), input));
}

async function duckdb(bench: Bench, csv: string, asked: readonly Questions[]): Promise<Database> {
  await npmPeers(bench.policy);
  const database = join(bench.directory, "window.duckdb");
  const loaded = await nodeProgram("duckdb", { mode: "load", database, csv });
  const ask = (rolled: boolean) => () => nodeProgram("duckdb", { mode: "ask", database, questions: asked, rolled });
  return {
    name: "DuckDB",
    loaded,
    stop: nothing,
    contestants: [
      { name: "DuckDB, in process", run: ask(false) },
      { name: "DuckDB, in process, minute and hour rollups", run: ask(true) },
    ],
  };
}

async function postgres(bench: Bench, csv: string, asked: readonly Questions[]): Promise<Database> {
  await npmPeers(bench.policy);
  const directory = join(bench.directory, "postgres");
  mkdirSync(directory);
  // The server's user must reach its directory and the readings.
  chmodSync(bench.directory, 0o755);
  const server = await startPostgres(directory);
  const { host, port } = server;
  try {
    const loaded = await nodeProgram("postgres", { host, port, mode: "load", csv });
    const ask = (rolled: boolean) => () =>
      nodeProgram("postgres", { host, port, mode: "ask", questions: asked, rolled });
    return {
      name: "PostgreSQL",
      loaded,
      stop: () => server.stop(),
      contestants: [
        { name: "PostgreSQL, covering index", run: ask(false) },
        { name: "PostgreSQL, materialised minutes and hours", run: ask(true) },
      ],
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function victoria(bench: Bench, csv: string, asked: readonly Questions[]): Promise<Database> {
  const { port, server } = await startVictoria(bench);
  try {
    const loaded = await nodeProgram("victoria", { port, mode: "load", csv });
    const run = () => nodeProgram("victoria", { port, mode: "ask", questions: asked });
    return {
      name: "VictoriaMetrics",
      loaded,
      stop: () => server.stop(),
      contestants: [{ name: "VictoriaMetrics, over HTTP", run }],
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function clickhouse(bench: Bench, csv: string, asked: readonly Questions[]): Promise<Database> {
  const python = await pythonPeer(bench.policy, "clickhouse");
  const directory = join(bench.directory, "clickhouse");
  const call = (input: Record<string, unknown>): Promise<Numbers> => {
    const program = join(PEERS, "clickhouse", "window.py");
    return runForNumbers(withInput(python, [program], { directory, ...input }));
  };
  const loaded = await call({ mode: "load", csv });
  const run = () => call({ mode: "ask", questions: asked });
  return {
    name: "ClickHouse (chdb)",
    loaded,
    stop: nothing,
    contestants: [{ name: "ClickHouse, in process (chdb)", run }],
  };
}

/** One table for each length of window. */
function tables(laps: ReadonlyMap<string, readonly Numbers[]>, asked: readonly Questions[], about: string): Table[] {
  return asked.map(({ name }) => {
    const lines: Line[] = [];
    for (const [who, own] of laps) {
      const p50 = own.map((lap) => lap[`p50 ${name}`]).filter((value) => value !== undefined);
      if (p50.length === 0) continue;
      const p99 = median(own.map((lap) => lap[`p99 ${name}`]));
      lines.push({
        name: who,
        laps: p50,
        remark: `p99 ${figure(p99)} µs`,
        ours: who === IN_PROCESS || who === OVER_HTTP,
        variant: who === WITH_QUANTILES,
      });
    }
    return {
      title: `A window of ${name}`,
      about,
      unit: "µs, p50",
      better: "less",
      synced: "none while asked",
      lines: ordered(lines),
    };
  });
}

/** Those in process after ours in process, those with a server after ours over HTTP: each is compared with its like. */
function ordered(lines: readonly Line[]): Line[] {
  const served = (line: Line): boolean => /HTTP|PostgreSQL/.test(line.name);
  return [...lines.filter((line) => !served(line)), ...lines.filter(served)];
}

/** All who answer the same questions must answer the same. */
function checkAgreement(
  bench: Bench,
  laps: ReadonlyMap<string, readonly Numbers[]>,
  asked: readonly Questions[],
): void {
  for (const { name, starts } of asked) {
    const checks = new Map<string, number>();
    for (const [who, [lap]] of laps) {
      const all = lap?.[`asked ${name}`] === undefined || lap[`asked ${name}`] === starts.length;
      if (lap?.[`check ${name}`] !== undefined && all) checks.set(who, lap[`check ${name}`]);
    }
    const [first] = checks.values();
    for (const [who, check] of checks) {
      if (Math.abs(check - first) > 1e-6 * Math.abs(first)) {
        bench.skip(
          `agreement of ${who} on ${name}`,
          new Error(`its answers add up to ${check}, tidemark's to ${first}`),
        );
      }
    }
  }
}

export const window: Row = {
  name: "window",
  about: "windows in process and over HTTP; DuckDB, PostgreSQL, VictoriaMetrics, ClickHouse, with and without rollups",
  async run(bench) {
    const days = bench.size(7, 60);
    const directory = join(bench.directory, "window");
    bench.say(`building ${days} days of three sensors`);
    const built = await build(directory, days);
    const csv = join(bench.directory, "window.csv");
    await writeCsv(csv, SENSORS.length, days * DAY_SECONDS);
    const asked = questions(days * DAY_SECONDS, bench.size(500, 2000)).filter(({ seconds }) => seconds > 1);
    const contestants: Contestant<Numbers>[] = [
      { name: IN_PROCESS, run: () => inProcess(directory, asked, false) },
      { name: WITH_QUANTILES, run: () => inProcess(directory, asked, true) },
      {
        name: OVER_HTTP,
        run: async () => {
          const server = await startTidemark({ data: directory, log: "local" });
          try {
            return await askWindows(server.port, asked);
          } finally {
            await server.stop();
          }
        },
      },
    ];
    const databases: Database[] = [];
    for (const [name, open] of [
      ["DuckDB", duckdb],
      ["PostgreSQL", postgres],
      ["ClickHouse (chdb)", clickhouse],
      ["VictoriaMetrics", victoria],
    ] as const) {
      bench.say(`loading ${name}`);
      const database = await bench.peer(name, () => open(bench, csv, asked));
      if (database === null) continue;
      databases.push(database);
      contestants.push(...database.contestants);
    }
    const laps = await bench.laps(contestants, bench.rounds(2, 3));
    for (const database of databases) await database.stop();
    checkAgreement(bench, laps, asked);
    const readings = days * DAY_SECONDS * SENSORS.length;
    const about = `Three sensors, ${days} days at 1 Hz (${figure(readings / 1e6)} M integers), windows at random places: count, mean, minimum, maximum of one sensor. One question at a time; every answer is checked against the others'.`;
    const load: Table = {
      title: "Loading these readings, and what they take on disk",
      about: `${figure(readings / 1e6)} M readings. Tidemark: records through decode, identity, clocks, fold and commit, without a log before it. The others: COPY or import of a sorted CSV file with the index, without their rollups.`,
      unit: "M readings/s",
      better: "more",
      synced:
        "tidemark, DuckDB, PostgreSQL: synced; ClickHouse and VictoriaMetrics: by their defaults, not synced at once",
      lines: [
        {
          name: "tidemark",
          ours: true,
          laps: [readings / 1e6 / built["seconds"]],
          remark: `${figure(built["bytes"] / readings)} B a reading with all rollups`,
        },
        ...databases.map(({ name, loaded }) => ({
          name,
          laps: [readings / 1e6 / loaded["seconds"]],
          remark: loaded["bytes"] === undefined ? "" : `${figure(loaded["bytes"] / readings)} B a reading`,
        })),
      ],
    };
    return { tables: [...tables(laps, asked, about), load], goals: goals(laps) };
  },
};

function goals(laps: ReadonlyMap<string, readonly Numbers[]>): Goal[] {
  const p50 = (who: string, name: string): number => median((laps.get(who) ?? []).map((lap) => lap[`p50 ${name}`]));
  const minute = p50(IN_PROCESS, "1 min");
  const day = p50(IN_PROCESS, "1 day");
  const quantiles = Math.max(p50(WITH_QUANTILES, "1 min"), p50(WITH_QUANTILES, "1 day"));
  return [
    {
      what: "a window in process, without quantiles (with: ≤ 500 µs)",
      atLeast: "p50 ≤ 50 µs",
      aim: "10 µs",
      measured: `a minute ${figure(minute)} µs, a day ${figure(day)} µs; with quantiles at most ${figure(quantiles)} µs`,
      toAim: Math.max(minute, day) / 10,
      met: minute <= 50 && day <= 50 && quantiles <= 500,
    },
  ];
}
