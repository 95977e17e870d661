/** Row `memory`: resident memory with a year of history under load, and with many devices as their history grows tenfold. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SERVER_FLAGS } from "../../src/runtime/server-flags.ts";
import { DAY_SECONDS } from "../data/series.ts";
import { SENSORS } from "../data/windows.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import { HttpConnection, postRequest } from "../harness/http-client.ts";
import { output } from "../harness/install.ts";
import type { DevicesTask } from "../ours/devices.ts";
import type { LoadTask } from "../ours/http-load.ts";
import { type Found, figure, type Goal, type Table } from "../report/results.ts";
import { startTidemark } from "./tidemark-server.ts";
import { build } from "./window.ts";

const OURS = join(import.meta.dirname, "..", "ours");

/** So much more after ten times the history still counts as flat: garbage comes and goes. */
const FLAT = 1.15;
const GOAL_DEVICES = 100_000;

/** Resident set of a process, MB: now and at its largest (NaN where the system does not tell). */
function residentMb(pid: number): { now: number; peak: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const mb = (field: string): number => (Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024) / 1e6;
    return { now: mb("VmRSS"), peak: mb("VmHWM") };
  } catch {
    const now = (Number(output("ps", ["-o", "rss=", "-p", String(pid)])) * 1024) / 1e6;
    return { now, peak: Number.NaN };
  }
}

async function post(port: number, seconds: number): Promise<void> {
  const connection = await HttpConnection.open(port);
  const end = performance.now() + seconds * 1000;
  for (let i = 0; performance.now() < end; i++) {
    await connection.ask(postRequest(`/readings/${SENSORS[i % SENSORS.length]}`, String(i % 101)));
  }
  connection.close();
}

async function year(bench: Bench): Promise<{ table: Table; goal: Goal }> {
  const days = bench.size(60, 365);
  const data = join(bench.directory, "memory");
  bench.say(`building ${days} days of three sensors`);
  const built = await build(data, days);
  const server = await startTidemark({ data, log: "local" });
  try {
    const idle = residentMb(server.pid).now;
    const seconds = bench.size(6, 20);
    const historySeconds = days * DAY_SECONDS;
    const plain: LoadTask = {
      port: server.port,
      ms: seconds * 1000,
      historySeconds,
      tail: "",
      metrics: ["count", "min"],
    };
    const quantiles: LoadTask = { ...plain, metrics: ["median", "p99"] };
    const loads = [plain, quantiles].map((task) => runForNumbers(node(join(OURS, "http-load.ts"), task)));
    await Promise.all([...loads, post(server.port, seconds)]);
    const { now, peak } = residentMb(server.pid);
    return {
      table: {
        title: `Three sensors, ${days} days at 1 Hz: resident memory of the server`,
        about: `${figure((days * DAY_SECONDS * SENSORS.length) / 1e6)} M readings in the history, then ${seconds} s of questions about windows anywhere in it on 32 connections (half with quantiles) while single readings are posted. The backfill that built it took at most ${figure(built["rssBytes"] / 1e6)} MB.`,
        unit: "MB",
        better: "less",
        synced: "each posted reading",
        lines: [
          { name: "tidemark, under load: largest", ours: true, laps: [Number.isNaN(peak) ? now : peak] },
          { name: "tidemark, after the load", variant: true, laps: [now] },
          { name: "tidemark, just opened", variant: true, laps: [idle] },
        ],
      },
      goal: {
        what: `memory: three sensors, a year of history, under load${days < 365 ? ` (here ${days} days)` : ""}`,
        atLeast: "< 160 MB RSS",
        aim: "100 MB",
        measured: `${figure(peak)} MB at most, ${figure(now)} MB after`,
        toAim: peak / 100,
        met: peak < 160,
      },
    };
  } finally {
    await server.stop();
  }
}

async function devices(bench: Bench): Promise<{ tables: Table[]; goal: Goal }> {
  const tables: Table[] = [];
  const growing: number[] = [];
  let largest = 0;
  const measured: string[] = [];
  for (const [count, first] of [
    [GOAL_DEVICES, bench.size(500_000, 2e6)],
    [1000, bench.size(1e6, 3e6)],
  ] as const) {
    const stages = [first, first * 5, first * 10];
    bench.say(`${count} devices, up to ${figure(stages[2])} readings`);
    const task: DevicesTask = { devices: count, stages, lost: 0.01 };
    const found = await runForNumbers(node(join(OURS, "devices.ts"), task, SERVER_FLAGS));
    const lines = stages.map((stage, i) => {
      const before =
        i === 0
          ? { counted: 0, seconds: 0 }
          : { counted: found[`counted ${i - 1}`], seconds: found[`seconds ${i - 1}`] };
      const counted = found[`counted ${i}`];
      const rate = (counted - before.counted) / (found[`seconds ${i}`] - before.seconds) / 1e6;
      return {
        name: `after ${figure(stage / 1e6)} M readings`,
        ours: i === 0,
        variant: i > 0,
        laps: [found[`rss ${i}`] / 1e6],
        remark: `largest ${figure(found[`peak ${i}`] / 1e6)} MB; ${figure(rate)} M readings/s since the line above; ${figure(found[`bytes ${i}`] / counted)} B of history a reading; ${figure(found[`written ${i}`] / found[`payload ${i}`])} bytes committed a byte received`,
      };
    });
    if (found["rss 2"] > found["rss 0"] * FLAT) growing.push(count);
    const resident = stages.map((_, i) => figure(found[`rss ${i}`] / 1e6));
    measured.push(`${count.toLocaleString("en-US")} devices: ${resident.join(" → ")} MB`);
    largest = Math.max(largest, ...stages.map((_, i) => found[`peak ${i}`] / 1e6));
    tables.push({
      title: `${count.toLocaleString("en-US")} devices, 1% lost for good, shuffled arrival: memory as the history grows tenfold`,
      about:
        "JSON readings with device, boot and sequence, each second of all devices shuffled among 500,000 readings; the pipeline without a log before it, in one process.",
      unit: "MB resident",
      better: "less",
      synced: "committed each million readings and checkpointed (synced) at once",
      lines,
    });
  }
  const goal: Goal = {
    what: "memory: 100,000 devices, 1% lost for good, shuffled arrival, 10 × more history",
    atLeast: "flat",
    aim: "< 300 MB RSS",
    measured: `${measured.join("; ")} (after a tenth, a half and all of it)`,
    toAim: largest / 300,
    // The goal is about 100,000 devices; fewer are shown beside it.
    met: !growing.includes(GOAL_DEVICES),
  };
  return { tables, goal };
}

export const memory: Row = {
  name: "memory",
  about: "resident memory: a long history under load; many devices as their history grows tenfold",
  async run(bench): Promise<Found> {
    const first = await year(bench);
    const second = await devices(bench);
    return { tables: [first.table, ...second.tables], goals: [first.goal, second.goal] };
  },
};
