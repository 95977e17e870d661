/** Row `stages`: what each stage of a reading's way costs by itself, what identities and exact sums cost, and the benches of single parts as they print. */
import { join } from "node:path";
import type { Bench, Row } from "../harness/bench.ts";
import { node, run, runForNumbers } from "../harness/child.ts";
import { median } from "../harness/statistics.ts";
import type { ExactSumsTask } from "../ours/exact-sums.ts";
import type { IdentitiesTask } from "../ours/identities.ts";
import type { StagesTask } from "../ours/stages.ts";
import { cell, figure, type Grid } from "../report/results.ts";

const HERE = join(import.meta.dirname, "..");
const OURS = join(HERE, "ours");
const STAGES = ["decode", "de-duplicate", "judge clocks", "fold"] as const;
/** Of all laps of a run, what is left out as warm-up. */
const WARM_PART = 0.25;

/** Programs of their own; those with `quick` null are left to full runs. */
const PARTS = [
  { file: "decode.ts", about: "payloads → columns", quick: ["6"], full: ["15"] },
  { file: "kafka-fetch.ts", about: "Kafka → columns", quick: null, full: ["10"] },
  { file: "log.ts", about: "the embedded log", quick: [], full: [] },
  { file: "http.ts", about: "the server without a pipeline", quick: null, full: ["3", "1500"] },
] as const;

interface Stream {
  readonly name: string;
  readonly stream: StagesTask["stream"];
}

function streams(): Stream[] {
  const json = [3, 1000, 100_000].flatMap((devices) =>
    [false, true].map(
      (shuffled): Stream => ({
        name: `JSON, ${devices.toLocaleString("en-US")} devices, ${shuffled ? "shuffled" : "in order"}`,
        stream: { kind: "json", devices, shuffled },
      }),
    ),
  );
  return [
    { name: "bare integers, one a second", stream: { kind: "bare", stepMs: 1000 } },
    { name: "bare integers, 1,000 a second", stream: { kind: "bare", stepMs: 1 } },
    ...json,
  ];
}

/** The laps called "NAME 0", "NAME 1", … */
export function lapsOf(numbers: Readonly<Record<string, number>>, name: string): number[] {
  const laps: number[] = [];
  for (let i = 0; numbers[`${name} ${i}`] !== undefined; i++) laps.push(numbers[`${name} ${i}`]);
  return laps;
}

const warmed = (laps: readonly number[]): number[] => laps.slice(Math.floor(laps.length * WARM_PART));

async function byStage(bench: Bench): Promise<Grid> {
  const rows: string[][] = [];
  for (const { name, stream } of streams()) {
    const readings = stream.kind === "bare" ? bench.size(3e6, 10e6) : bench.size(8e5, 4e6);
    bench.say(`stages: ${name}`);
    const measure = (whole: boolean) =>
      runForNumbers(node(join(OURS, "stages.ts"), { readings, stream, whole } satisfies StagesTask));
    const apart = await measure(false);
    const together = await measure(true);
    const stages = STAGES.map((stage) => lapsOf(apart, stage));
    const commits = lapsOf(apart, "commit");
    const first = stages.reduce((sum, laps) => sum + laps[0], 0);
    const whole = median(warmed(lapsOf(together, "whole"))) + median(lapsOf(together, "commit"));
    rows.push([name, ...stages.map((laps) => cell(warmed(laps))), cell(commits), figure(whole), figure(first)]);
  }
  return {
    title: "A reading's way after the log, stage by stage",
    about: `CPU time (all threads of the process: compiling and garbage included), one process for each stream, ${figure(bench.size(3e6, 10e6) / 1e6)} M bare or ${figure(bench.size(8e5, 4e6) / 1e6)} M JSON records in laps of 100,000: median lap (smallest–largest), the first quarter of the laps left out as warm-up. A lap goes through one stage after the other; “as one” is the pipeline's own loop over the same stream, commit included. The first lap has everything cold: nothing compiled, every device new. JSON: device, boot, sequence, value with a decimal, time; 10% duplicates, 5% up to 20,000 records late; shuffled over the whole stream.`,
    synced:
      "commits are not synced in themselves; the checkpoint after each (a worker thread's in the product) is, and is not counted",
    head: ["ns a reading", ...STAGES, "commit", "as one", "first lap"],
    rows,
  };
}

const IDENTITIES: readonly { name: string; kind: IdentitiesTask["kind"] }[] = [
  { name: "(device, boot, sequence), in order", kind: "ordered" },
  { name: "the same, 1% lost for good", kind: "lost" },
  { name: "the same, shuffled over all", kind: "shuffled" },
  { name: "(device, sequence, time), on whole seconds", kind: "timed" },
  { name: "the same, times that jitter by 20 ms", kind: "jitter" },
  { name: "the same, on whole seconds, shuffled over all", kind: "timed-shuffled" },
  { name: "(device, sequence, value)", kind: "untimed" },
  { name: "explicit ids (36 characters)", kind: "explicit" },
];

async function identities(bench: Bench): Promise<Grid> {
  const rows: string[][] = [];
  for (const { name, kind } of IDENTITIES) {
    bench.say(`identities: ${name}`);
    const isDear = kind === "explicit" || kind === "timed-shuffled";
    const count = isDear ? bench.size(300_000, 2e6) : bench.size(2e6, 10e6);
    const task: IdentitiesTask = { identities: count, devices: 100, kind };
    const found = await runForNumbers(node(join(OURS, "identities.ts"), task, ["--expose-gc"]));
    const millions = found["identities"] / 1e6;
    rows.push([
      ...[name, figure(millions), figure(found["diskBytes"] / millions / 1e3)],
      ...[figure(found["writtenBytes"] / millions / 1e3), figure(found["aliveBytes"] / millions / 1e3)],
      ...[figure(found["rssBytes"] / 1e6), figure(found["nanoseconds"])],
    ]);
  }
  return {
    title: "Identities: memory and disk per million",
    about:
      "Identities alone, of 100 devices, without their readings. On disk: growth of history.db. Alive: what the process holds more than before, after a collection, with its caches as full as they are (they are bounded: the figure falls as there are more).",
    synced: "committed each million (explicit ids each 100,000), checkpointed and synced after each commit",
    head: [
      "identities",
      "millions",
      "kB on disk per M",
      "kB committed per M",
      "kB alive per M",
      "largest RSS, MB",
      "CPU ns each",
    ],
    rows,
  };
}

async function exactSums(bench: Bench): Promise<Grid> {
  const task: ExactSumsTask = { laps: bench.size(7, 15) };
  const found = await runForNumbers(node(join(OURS, "exact-sums.ts"), task));
  const rows = ["integers 0–100", "decimals 0.00–100.00", "doubles of all digits"].map((values) => {
    const laps = (way: string): number[] => lapsOf(found, `${way} ${values}`);
    const dearer = (exact: string, plain: string): string => `${figure(median(laps(exact)) - median(laps(plain)))} ns`;
    return [
      ...[values, cell(laps("plain Σ")), cell(laps("exact Σ")), dearer("exact Σ", "plain Σ")],
      ...[cell(laps("plain Σ, Σx²")), cell(laps("exact Σ, Σx²")), dearer("exact Σ, Σx²", "plain Σ, Σx²")],
    ];
  });
  return {
    title: "Exact sums: an expansion beside a plain double",
    about:
      "A million values in an array, summed by additions in doubles and by the expansion's exact ones (three parts for Σ, four for Σx² with the square's own error); in turn in one process, three laps before the first counted one. Readings whose sums fit 53 bits (small integers) take plain additions in pages; this is what is paid where they do not.",
    synced: "nothing is written",
    head: ["CPU ns a value", "plain Σ", "exact Σ", "exactness", "plain Σ, Σx²", "exact Σ, Σx²", "exactness"],
    rows,
  };
}

export const stages: Row = {
  name: "stages",
  about:
    "each stage by itself (decode, de-duplicate, judge clocks, fold, commit); identities; exact sums; single parts",
  async run(bench) {
    const grids = [await byStage(bench), await identities(bench), await exactSums(bench)];
    const notes: { title: string; text: string }[] = [];
    for (const { file, about, quick, full } of PARTS) {
      const args = bench.settings.quick ? quick : full;
      if (args === null) continue;
      bench.say(`node bench/${file} ${args.join(" ")}`);
      const text = await bench.peer(`node bench/${file}`, () =>
        run({ command: process.execPath, args: [join(HERE, file), ...args], secondsMax: 300 }),
      );
      if (text !== null)
        notes.push({ title: `${about}: node bench/${file} ${args.join(" ")}`.trim(), text: text.trim() });
    }
    return { tables: [], grids, goals: [], notes };
  },
};
