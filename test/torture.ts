/**
 * `npm run torture -- [--data DIR] [--kafka [HOST:PORT]] [--rounds N | --minutes M] [--seed N] [--picture FILE]`: real processes on your disk, killed
 * and hindered in every way that this machine allows while they take readings in; all answers are compared with the oracle. With `--kafka` every
 * second round reads from a broker: one of its own that is killed, too, or the named one, in topics of its own that are deleted after the round.
 * Each round is a process; one that fails is printed with the command that runs it again, and its directory is left. Exit code 1 when any did.
 * `npm run torture -- scale`: 100,000 devices, and a year of three sensors (test/scale).
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { readCommandLine, refuse } from "./command-line.ts";
import { type Broker, startBroker } from "./kafka/broker.ts";
import { Seeded } from "./oracle/seeded.ts";
import { canPreload } from "./simulation/disk.ts";
import { type CrashSettings, KILL_BROKER } from "./torture/crash.ts";
import type { CrashReport } from "./torture/crash-options.ts";
import { FAULTS, missingFaults } from "./torture/faults.ts";
import { type Picture, percentile, writePicture } from "./torture/picture.ts";

/** A round that takes longer hangs, which is a failure. */
const ROUND_MS_MAX = 600_000;
/** Of what a failed round printed. */
const OUTPUT_MAX = 4000;
const SEED_MAX = 2 ** 31 - 1;
const PICTURE = join(import.meta.dirname, "..", "build", "torture.svg");
/** Kills come in every way twice as often as what ends by itself. */
const TURNS = [...FAULTS, "commit", "ingest"] as const;

interface Round {
  readonly settings: CrashSettings;
  readonly fromMs: number;
  readonly ms: number;
  /** Null: it failed. */
  readonly report: CrashReport | null;
}

function roundOf(number: number, random: Seeded, withKafka: boolean, data: string | undefined): CrashSettings {
  const seed = random.int(1, SEED_MAX);
  const log = withKafka && number % 2 === 1 ? "kafka" : "embedded";
  const bulk = random.chance(0.3) ? Math.ceil(random.scale(1000, 300_000)) : 0;
  const readings = Math.ceil(random.scale(500, 12_000));
  const kills = random.int(6, 14);
  const faults = random.shuffle(TURNS);
  const corrections = random.chance(0.5);
  return {
    log,
    seed,
    readings,
    kills,
    bulk,
    windows: 60,
    faults,
    corrections,
    ...(data === undefined ? {} : { data }),
  };
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a round in a process of its own. @param broker what it may have killed; null: none */
function run(path: string, text: string, environment: NodeJS.ProcessEnv, broker: Broker | null): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path, text], {
      stdio: broker === null ? ["ignore", "pipe", "pipe"] : ["ignore", "pipe", "pipe", "ipc"],
      env: environment,
      timeout: ROUND_MS_MAX,
      killSignal: "SIGKILL",
    });
    let output = "";
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-OUTPUT_MAX * 10);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.on("message", async (message) => {
      if (message !== KILL_BROKER) return;
      await broker?.kill();
      await broker?.restart();
      if (child.connected) child.send("it is back");
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: output.trim() }));
  });
}

interface Settings {
  readonly data: string | undefined;
  readonly minutes: number;
  readonly rounds: number;
  readonly seed: number;
  readonly picture: string;
  /** An own one, the address of another, or none. */
  readonly kafka: Broker | string | null;
}

/** @returns how many rounds failed */
async function torture({ data, minutes, rounds: roundsMax, seed, picture, kafka }: Settings): Promise<number> {
  const random = new Seeded(seed);
  const own = kafka !== null && typeof kafka !== "string" ? kafka : null;
  const bootstrap = own?.bootstrap ?? kafka;
  const environment = { ...process.env, ...(typeof bootstrap === "string" ? { TIDEMARK_TEST_KAFKA: bootstrap } : {}) };
  const path = join(import.meta.dirname, "torture", "crash.ts");
  const began = performance.now();
  const rounds: Round[] = [];
  const until = Number.isFinite(roundsMax) ? `${roundsMax} rounds` : `${minutes} min`;
  console.log(`torture with seed ${seed}, ${until}${bootstrap === null ? "" : `, Kafka at ${bootstrap}`}`);
  for (const log of bootstrap === null ? (["embedded"] as const) : (["embedded", "kafka"] as const))
    for (const [fault, why] of missingFaults(log, canPreload(), own !== null))
      console.log(`${log}: without ${fault}: ${why}`);
  while (rounds.length < roundsMax && performance.now() - began < minutes * 60_000) {
    const settings = roundOf(rounds.length, random, bootstrap !== null, data);
    const text = JSON.stringify(settings);
    const fromMs = performance.now() - began;
    const { code, output } = await run(path, text, environment, settings.log === "kafka" ? own : null);
    const ms = performance.now() - began - fromMs;
    const report = code === 0 ? (JSON.parse(output.slice(output.lastIndexOf("\n") + 1)) as CrashReport) : null;
    rounds.push({ settings, fromMs, ms, report });
    const what = `round ${rounds.length}, ${settings.log}, seed ${settings.seed}, ${(ms / 1000).toFixed(1)} s`;
    if (report !== null)
      console.log(`ok   ${what}: ${killsOf(report)} kills, ${report.records} readings, ${countOf(report)}`);
    else {
      console.log(`FAIL ${what}, exit code ${code}\n${output.slice(-OUTPUT_MAX)}`);
      console.log(`     again: node ${relative(process.cwd(), path)} '${text}'`);
    }
  }
  mkdirSync(dirname(picture), { recursive: true });
  const drawn = pictureOf(rounds, seed, (performance.now() - began) / 60_000);
  writePicture(picture, drawn);
  for (const row of drawn.table)
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(16) : cell.padStart(10))).join(""));
  for (const fact of drawn.facts) console.log(fact);
  console.log(`picture: ${relative(process.cwd(), picture)}`);
  return rounds.filter(({ report }) => report === null).length;
}

function killsOf({ killedInIngest, killedInCommit, killedBeforeListening, killedInReplay }: CrashReport): number {
  return killedInIngest + killedInCommit + killedBeforeListening + killedInReplay;
}

/** How often what else was done, in words. */
function countOf({ faults }: CrashReport): string {
  const others = Map.groupBy(faults, ({ fault }) => fault);
  const told = [...others].filter(([fault]) => fault !== "commit" && fault !== "ingest");
  return told.map(([fault, each]) => `${fault} ×${each.length}`).join(", ") || "nothing else";
}

function pictureOf(rounds: readonly Round[], seed: number, minutes: number): Picture {
  const passed = rounds.flatMap((round) => (round.report === null ? [] : [{ ...round, report: round.report }]));
  const sum = (value: (report: CrashReport) => number): number =>
    passed.reduce((total, { report }) => total + value(report), 0);
  const happened = passed.flatMap(({ report, fromMs }) =>
    report.faults.map((each) => ({ ...each, minutes: (fromMs + each.atMs) / 60_000 })),
  );
  const starts = passed.flatMap(({ report, fromMs }) =>
    report.startsKilledMs.map((ms) => ({ name: "killed starting", minutes: (fromMs + ms) / 60_000 })),
  );
  const byFault = [...Map.groupBy(happened, ({ fault }) => fault)].map(([fault, each]) => ({
    fault,
    each,
    recovered: each.flatMap(({ recoveredMs }) => (recoveredMs === null ? [] : [recoveredMs])),
  }));
  const figure = (values: readonly number[], p: number): string => String(percentile(values, p) ?? "–");
  const failed = rounds.length - passed.length;
  const kills = (log: CrashSettings["log"]): number =>
    passed.reduce((total, { settings, report }) => total + (settings.log === log ? killsOf(report) : 0), 0);
  const answers = `${sum(({ comparisons }) => comparisons)} answers compared with the oracle`;
  return {
    title:
      failed === 0 ? "tidemark under torture: every answer right" : `tidemark under torture: ${failed} rounds FAILED`,
    facts: [
      `${passed.length} rounds passed, ${failed} failed, seed ${seed}`,
      `power lost ${sum(({ powerLosses }) => powerLosses)} times, with ${sum(({ sectorsLost }) => sectorsLost)} sectors and names that were not synced`,
      `kill -9: ${kills("embedded")} on the embedded log, ${kills("kafka")} on Kafka; ${sum(({ records }) => records)} records in the logs, ${sum(({ sentTwice }) => sentTwice)} of them sent twice`,
      failed === 0 ? `${answers}: 0 wrong; 0 readings lost, 0 doubled` : `${answers} in the rounds that passed`,
    ],
    minutes,
    panels: [
      {
        title: "Until ready again",
        unit: "ms",
        isLogarithmic: true,
        lines: [
          {
            name: "recovery",
            isScattered: true,
            points: happened.flatMap(({ minutes, recoveredMs }) =>
              recoveredMs === null ? [] : [{ minutes, value: Math.max(1, recoveredMs) }],
            ),
          },
        ],
      },
      {
        title: "A round takes",
        unit: "s",
        lines: [
          {
            name: "round",
            isScattered: true,
            points: rounds.map(({ fromMs, ms }) => ({ minutes: (fromMs + ms) / 60_000, value: ms / 1000 })),
          },
        ],
      },
    ],
    marks: [...happened.map(({ fault, minutes }) => ({ name: fault, minutes })), ...starts],
    table: [
      ["ready again, ms", "times", "p50", "p90", "p99", "most"],
      ...byFault.map(({ fault, each, recovered }) => [
        fault,
        String(each.length),
        ...[50, 90, 99, 100].map((p) => figure(recovered, p)),
      ]),
    ],
  };
}

async function scale(): Promise<void> {
  const { runDevices } = await import("./scale/devices.ts");
  const steps = Array.from({ length: 10 }, (_, i) => (i + 1) * 2_000_000);
  console.log("100,000 devices, 1% of sequences lost for good, arrival shuffled, one in ten sent twice");
  await runDevices({ devices: 100_000, steps, intervalMs: 60_000, print: console.log });
  const { runBackfill } = await import("./scale/backfill.ts");
  console.log("a year of three sensors at one reading a second");
  await runBackfill({ days: 365, steps: 10, print: console.log });
}

const { values, positionals } = readCommandLine({
  name: "torture",
  about: [
    "Runs real servers on your disk, kills and hinders them while they take readings in, and compares every answer with the oracle.",
    "A round is a process; one that fails is printed with the command that runs it again, and its directory is left: then the exit code is 1.",
  ],
  positionals: { scale: "instead: 100,000 devices, and a year of three sensors" },
  options: {
    rounds: { value: "N", text: "how many rounds" },
    minutes: { value: "M", text: "or how long (5)" },
    data: { value: "DIR", text: "where the rounds have their directories (the system's place for temporary files)" },
    kafka: { text: "every second round reads from a broker of its own, or from HOST:PORT if that follows" },
    seed: { value: "N", text: "of the first round (at random)" },
    picture: { value: "FILE", text: `what happened, as SVG (${relative(process.cwd(), PICTURE)})` },
  },
});
if (positionals[0] === "scale") await scale();
else {
  const rounds = values.rounds === undefined ? Number.POSITIVE_INFINITY : Number(values.rounds);
  const minutes = Number(values.minutes ?? (values.rounds === undefined ? 5 : Number.POSITIVE_INFINITY));
  const seed = Number(values.seed ?? randomInt(SEED_MAX));
  const [address, ...more] = positionals;
  const isAddress = address === undefined || (values.kafka && /^[^/]+:\d+$/.test(address));
  if (!(minutes > 0) || !(rounds > 0) || !Number.isSafeInteger(seed) || more.length > 0 || !isAddress) {
    refuse("torture", "expected numbers above 0, and HOST:PORT behind --kafka or nothing");
  }
  const data = values.data === undefined ? undefined : resolve(values.data);
  if (data !== undefined) mkdirSync(data, { recursive: true });
  const broker = values.kafka && address === undefined ? await startBroker() : null;
  const kafka = broker ?? address ?? null;
  const failures = await torture({ data, minutes, rounds, seed, picture: resolve(values.picture ?? PICTURE), kafka });
  await broker?.stop();
  process.exit(failures > 0 ? 1 : 0);
}
