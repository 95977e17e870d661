/**
 * `npm run planted -- [PATTERN] [--control]`: plants each bug whose name matches in a copy of the sources, runs what must catch it, and prints what did and
 * how long it took. `--control` runs the same tests in a copy without a bug. Exit code 1 when one was not caught.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { readCommandLine } from "../command-line.ts";
import { copyWith, type PlantedBug, plant, restore } from "./broken-copy.ts";
import { AS_OF } from "./planted-as-of.ts";
import { AT_REST } from "./planted-at-rest.ts";
import { ELSEWHERE } from "./planted-elsewhere.ts";
import { IN_CORRECTIONS } from "./planted-in-corrections.ts";
import { IN_DOORS } from "./planted-in-doors.ts";
import { IN_PIPELINE } from "./planted-in-pipeline.ts";
import { IN_SIMULATION } from "./planted-in-simulation.ts";
import type { SimulationOptions } from "./simulate.ts";

const SIMULATED: SimulationOptions = { seed: 1, readings: 3000, log: "kafka", windows: 30 };

const REPLICAS = { seed: 60, readings: 400, log: "kafka", histories: 3 };

/** A file of tests takes some seconds; what takes longer hangs, which is no way to be caught. */
const FILE_MS_MAX = 120_000;

/** Characters of what a copy prints. */
const OUTPUT_KEPT = 200_000;

/** Of the first test that failed, the innermost. */
const FAILED = /^ *not ok \d+ - (.*)\n/m;

export interface Planted extends PlantedBug {
  /** The promise of docs/GUARANTEES.md that it breaks. */
  readonly promise: string;
  /** The file of tests that must catch it; undefined: the simulation. */
  readonly by?: string;
  /** A pattern of its tests' names, where the others are slow. */
  readonly only?: string;
  /** Two histories of one log beside each other (replicas.ts), in place of one simulation. */
  readonly program?: "replicas";
  /** Of the simulation. */
  readonly log?: SimulationOptions["log"];
}

export const PLANTED: readonly Planted[] = [
  ...IN_SIMULATION,
  ...IN_PIPELINE,
  ...AT_REST,
  ...AS_OF,
  ...ELSEWHERE,
  ...IN_CORRECTIONS,
  ...IN_DOORS,
];

export interface Caught {
  /** The first test that failed, or what the comparison said; null: nothing did. */
  readonly by: string | null;
  readonly seconds: number;
  readonly output: string;
}

/** Plants the bug (null: none) in a copy and runs what must catch it. */
export async function caught(
  bug: Planted | null,
  { by, only, program, log = SIMULATED.log }: Pick<Planted, "by" | "only" | "log" | "program">,
): Promise<Caught> {
  const directory = free.pop() ?? newCopy();
  try {
    if (bug !== null) plant(directory, bug);
    const startMs = performance.now();
    const options = program === undefined ? { ...SIMULATED, log } : REPLICAS;
    const simulation = [join("test", "torture", `${program ?? "simulate"}.ts`), JSON.stringify(options)];
    const output = await run(
      directory,
      by === undefined
        ? simulation
        : ["--test-reporter=tap", ...(only === undefined ? [] : [`--test-name-pattern=${only}`]), by],
    );
    const seconds = (performance.now() - startMs) / 1000;
    return { by: by === undefined ? comparisonIn(output) : failedTestIn(output, by), seconds, output };
  } finally {
    if (bug !== null) restore(directory, bug);
    free.push(directory);
  }
}

/** Copies of the sources without a bug that nothing runs in: Node finds what it has compiled of a file by its path. */
const free: string[] = [];

function newCopy(): string {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-planted-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  copyWith(directory, null);
  return directory;
}

function run(directory: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: directory,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, NODE_COMPILE_CACHE: join(directory, ".compiled") },
    });
    // What it started and left behind goes with it.
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It is gone, with all of its group.
      }
    };
    const timer = setTimeout(end, FILE_MS_MAX);
    child.on("exit", () => {
      clearTimeout(timer);
      end();
    });
    let output = "";
    const keep = (chunk: Buffer): void => {
      if (output.length < OUTPUT_KEPT) output += chunk.toString("utf8");
      if (FAILED.test(output)) end(); // what a test leaves open when it fails may keep its process for long
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", () => resolve(output.trim()));
  });
}

/** It must end by the comparison, not by a bug's own crash. */
function comparisonIn(output: string): string | null {
  return /^(?:seed.*\n)*(AssertionError.*)$/m.exec(output)?.[1] ?? null;
}

/** The first test that failed, the innermost; null when none did, or the file as a whole could not run. */
function failedTestIn(output: string, file: string): string | null {
  const failed = FAILED.exec(`${output}\n`)?.[1] ?? null;
  return failed === null || failed.includes(file) ? null : failed;
}

/** All of them, as many at a time as there are cores. */
async function runAll(bugs: readonly Planted[], isControl: boolean): Promise<number> {
  const waiting = [...bugs];
  let missed = 0;
  const lane = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const { by, seconds, output } = await caught(isControl ? null : bug, bug);
      const isRight = (by === null) === isControl;
      if (!isRight) missed++;
      const where = bug.by ?? "the simulation";
      const found = by ?? (isControl ? "nothing, as it must" : `NOT CAUGHT\n${output.slice(-1500)}`);
      console.log(
        `${isRight ? "ok  " : "FAIL"} ${seconds.toFixed(1).padStart(5)} s  ${bug.name}\n             ${where}: ${found}`,
      );
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  console.log(
    `${bugs.length - missed} of ${bugs.length} ${isControl ? "copies without a bug pass" : "planted bugs caught"}`,
  );
  return missed;
}

if (import.meta.main) {
  const { values, positionals } = readCommandLine({
    name: "planted",
    about: [
      "Plants each known bug in a copy of the sources, runs what must catch it, and prints what did and how long it took.",
      "Exit code 1 when one was not caught.",
    ],
    positionals: { PATTERN: "only those whose name matches" },
    options: { control: { text: "the same tests in a copy without a bug: nothing may fail" } },
  });
  const chosen = PLANTED.filter(({ name }) => new RegExp(positionals[0] ?? "").test(name));
  const once = values.control ? [...new Map(chosen.map((bug) => [`${bug.by} ${bug.log}`, bug])).values()] : chosen;
  process.exit((await runAll(once, values.control)) > 0 || once.length === 0 ? 1 : 0);
}
