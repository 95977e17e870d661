/**
 * The test runner: `node test/run.ts [quick | all | PATH …] [--name PATTERN]`, `quick` when nothing is named.
 * A process per file, as many at once as there are cores and one more of those that wait, none longer than its time; every failure in full; the last
 * line counts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startBroker } from "./kafka/broker.ts";
import { jarsAvailable } from "./kafka/jars.ts";

const ROOT = resolve(import.meta.dirname, "..");
const REPORTER = join(import.meta.dirname, "run-reporter.ts");

/** Time of one file. Past it the file and what it started are killed, which is a failure. */
const QUICK_MS_MAX = 120_000;
const SYSTEM_MS_MAX = 900_000;

/** The system tests that take longest, in that order. */
const LONGEST: readonly string[] = [
  "planted-bugs",
  "crash-embedded",
  "contributing",
  "simulation",
  "cli-start",
  "kafka-security",
  "oracle-embedded",
  "crash-kafka",
];

/**
 * System tests that wait for more than half of their time, the longest first: for brokers to start or to be found gone, packages to be installed, whole seconds to pass.
 * Measured: CPU time of all their processes, against the time that was not spent waiting for a core. No core waits with them.
 */
const WAITING: readonly string[] = [
  "make-run",
  "package",
  "kafka-crash",
  "failing-disk",
  "sensors-appear",
  "bad-input",
  "kafka-topics",
  "simulators",
  "cli-sensor",
  "mqtt",
  "runner",
  "cli-doctor",
  "failing-beside",
  "cli-serve",
  "kafka-log",
  "alerts",
];

/** Folders and files that the quick run leaves out, as each file takes some five seconds of a core or more; a browser opens for each of `face`. */
const THOROUGH: readonly string[] = [
  "face",
  "alerts/api",
  "alerts/oracle",
  "client/connect",
  "core/zone",
  "doors/mqtt-listener",
  "doors/oracle",
  "examples",
  "formats/decode-fuzz",
  "formats/influx",
  "growth",
  "identity/device-rank",
  "log/embedded-damage",
  "log/embedded-retention",
  "log/embedded-writer",
  "oracle/generator",
  "pipeline/commits",
  "pipeline/corrections",
  "pipeline/oracle",
  "pipeline/replicas",
  "pipeline/state",
  "rollups/fold",
  "rollups/history",
  "rollups/replace",
  "rollups/revisions",
  "rollups/top",
  "server/as-of-devices",
  "server/connections",
  "server/live",
  "server/live-examples",
  "server/openapi",
  "verify/anew",
  "verify/flips",
  "verify/healthy",
  "verify/repair",
];

/** What a file wrote itself is shown from its end when it fails, characters. */
const OUTPUT_SHOWN = 6000;

/** In CI nothing may be left out without a word: a skipped test is a failure there. */
const STRICT = process.env["CI"] === "true";

/** What Node made of modules is kept for the next process, which else strips the types of the same files again: a quarter of the time of a quick file. */
const COMPILED = join(ROOT, "node_modules/.cache/tidemark-tests");

/** One broker for all files that do it no harm; each file learns of it by this variable. */
const KAFKA_VARIABLE = "TIDEMARK_TEST_KAFKA";

interface Entry {
  readonly kind: "start" | "pass" | "fail";
  readonly name: string;
  readonly nesting: number;
  readonly suite?: boolean;
  readonly skip?: string | null;
  readonly failureType?: string | null;
  readonly error?: string | null;
  readonly place?: string | null;
}

interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly skipped: readonly string[];
  readonly failures: readonly string[];
  readonly ms: number;
}

const children = new Set<ChildProcess>();

function isSystem(file: string): boolean {
  return file.includes(`${join("test", "system")}`);
}

function isWaiting(file: string): boolean {
  return WAITING.some((name) => isSystemTest(file, name));
}

function isSystemTest(file: string, name: string): boolean {
  return file.endsWith(join("system", `${name}.test.ts`));
}

function isQuick(file: string): boolean {
  return !isSystem(file) && !THOROUGH.some((place) => isIn(file, place));
}

/** @param place of a folder of tests, or of a file without its ending */
function isIn(file: string, place: string): boolean {
  const path = join(ROOT, "test", place);
  return file === `${path}.test.ts` || file.startsWith(`${path}/`);
}

function filesOf(args: readonly string[]): { files: string[]; missing: string[] } {
  const every = globSync("test/**/*.test.ts", { cwd: ROOT })
    .sort()
    .map((file) => join(ROOT, file));
  const found = new Set<string>();
  const missing: string[] = [];
  for (const arg of args) {
    if (arg === "all") for (const file of every) found.add(file);
    else if (arg === "quick") for (const file of every.filter(isQuick)) found.add(file);
    else {
      const path = resolve(arg);
      const below = every.filter((file) => file === path || file.startsWith(`${path}/`));
      if (below.length > 0) for (const file of below) found.add(file);
      else if (path.endsWith(".ts") && existsSync(path)) found.add(path);
      else missing.push(arg);
    }
  }
  for (const place of THOROUGH) if (!every.some((file) => isIn(file, place))) missing.push(place);
  for (const name of [...LONGEST, ...WAITING]) if (!every.some((file) => isSystemTest(file, name))) missing.push(name);
  return { files: [...found].sort((a, b) => rankOf(a) - rankOf(b)), missing };
}

/** What is quick to know comes early; then the longest first, so that no core waits for the last of them. */
function rankOf(file: string): number {
  if (!isSystem(file)) return -1;
  const ranked = [...LONGEST, ...WAITING];
  const rank = ranked.findIndex((name) => isSystemTest(file, name));
  return rank === -1 ? ranked.length : rank;
}

/** Kills the file's process and all that it started and did not let go of. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone, with all of its group.
  }
}

async function runFile(file: string, name: string | undefined, environment: NodeJS.ProcessEnv): Promise<FileResult> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-run-"));
  const report = join(directory, "report.jsonl");
  const startedAt = performance.now();
  const limitMs = Number(environment["TIDEMARK_TEST_FILE_MS"]) || (isSystem(file) ? SYSTEM_MS_MAX : QUICK_MS_MAX);
  const only = name === undefined ? [] : [`--test-name-pattern=${name}`];
  const args = [...only, `--test-reporter=${REPORTER}`, `--test-reporter-destination=${report}`, file];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: environment,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let output = "";
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString("utf8")).slice(-OUTPUT_SHOWN);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, limitMs);
  const end = await new Promise<string | null>((done) => {
    child.on("error", (error) => done(error.message));
    child.on("exit", (code, signal) => done(code === 0 ? null : signal === null ? `exit code ${code}` : signal));
  });
  clearTimeout(timer);
  killGroup(child);
  children.delete(child);
  const entries = readReport(report);
  rmSync(directory, { recursive: true });
  const fault = late
    ? `still ran after ${limitMs / 1000} s`
    : (end ?? (entries.length > 0 || name !== undefined ? null : "has no test"));
  return resultOf(file, entries, fault, output, performance.now() - startedAt);
}

function readReport(path: string): Entry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1); // what follows the last line break was cut
  return lines.map((line) => JSON.parse(line));
}

function resultOf(file: string, entries: readonly Entry[], end: string | null, output: string, ms: number): FileResult {
  const name = relative(ROOT, file);
  let passed = 0;
  const skipped: string[] = [];
  const failures: string[] = [];
  const open: string[] = [];
  for (const entry of entries) {
    if (entry.kind === "start") {
      open.push(entry.name);
      continue;
    }
    const at = open.lastIndexOf(entry.name);
    if (at !== -1) open.splice(at, 1);
    if (entry.kind === "fail") {
      if (entry.failureType === "subtestsFailed") continue;
      failures.push(`${name}: ${entry.name}\n  ${entry.place}\n${indented(entry.error ?? "")}`);
    } else if (typeof entry.skip === "string") {
      skipped.push(`${name}: ${entry.name}${entry.skip === "" ? "" : ` (${entry.skip})`}`);
    } else if (entry.suite !== true) passed++;
  }
  if (end !== null && failures.length === 0) {
    const during = open.length === 0 ? "" : `, in ${open.map((test) => `"${test}"`).join(" > ")}`;
    failures.push(`${name}: ${end}${during}`);
  }
  if (STRICT) for (const skip of skipped) failures.push(`${skip}: skipped, which CI does not allow`);
  if (failures.length > 0 && output.trim() !== "") failures.push(`${name} wrote:\n${indented(output.trimEnd())}`);
  return { file, passed, skipped, failures, ms };
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}

/** What a file wrote is shown with its failures, and is none. */
function failedOf(result: FileResult): number {
  return result.failures.filter((failure) => !/^[^\n]* wrote:\n/.test(failure)).length;
}

function printed(result: FileResult): string {
  const failed = failedOf(result);
  const counts = [
    `${result.passed} passed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(result.skipped.length > 0 ? [`${result.skipped.length} skipped`] : []),
  ];
  const name = relative(ROOT, result.file).replace(/\.test\.ts$/, "");
  return `${failed > 0 ? "✖" : "✔"} ${name.padEnd(46)} ${counts.join(", ").padEnd(28)} ${(result.ms / 1000).toFixed(1)} s`;
}

async function runAll(
  files: readonly string[],
  name: string | undefined,
  environmentOf: (file: string) => Promise<NodeJS.ProcessEnv>,
): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const waiting = files.filter(isWaiting);
  const others = files.filter((file) => !isWaiting(file));
  const lane = async (next: () => string | undefined) => {
    for (let file = next(); file !== undefined; file = next()) {
      const result = await runFile(file, name, await environmentOf(file));
      results.push(result);
      if (result.passed + result.skipped.length + result.failures.length === 0) continue; // no test of that name
      console.log(printed(result));
      for (const failure of result.failures) console.log(`\n${failure}\n`);
    }
  };
  const cores = Array.from({ length: availableParallelism() }, () => lane(() => others.shift() ?? waiting.shift()));
  await Promise.all([...cores, lane(() => waiting.shift())]);
  return results;
}

function readArguments(): { name: string | undefined; paths: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { name: { type: "string" } } });
    return { name: values.name, paths: positionals };
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: node test/run.ts [quick | all | PATH …] [--name PATTERN]`);
    process.exit(2);
  }
}

async function main(): Promise<number> {
  const { name, paths } = readArguments();
  const { files, missing } = filesOf(paths.length === 0 ? ["quick"] : paths);
  process.on("exit", () => {
    for (const child of children) killGroup(child);
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));
  const wantsBroker = process.env[KAFKA_VARIABLE] === undefined && files.some(isSystem) && jarsAvailable().ok;
  // Beside the quick files, which need none.
  const starting = wantsBroker ? startBroker() : null;
  starting?.catch(() => {}); // whoever needs it is told
  const environment: NodeJS.ProcessEnv = { NODE_COMPILE_CACHE: COMPILED, ...process.env };
  const environmentOf = async (file: string): Promise<NodeJS.ProcessEnv> =>
    starting === null || !isSystem(file)
      ? environment
      : { ...environment, [KAFKA_VARIABLE]: (await starting).bootstrap };
  const startedAt = performance.now();
  const results = await runAll(files, name, environmentOf);
  await (await starting)?.kill();
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + failedOf(result), 0);
  const skipped = results.flatMap((result) => result.skipped);
  if (!STRICT) for (const skip of skipped) console.log(`skipped ${skip}`);
  const broken = results.filter((result) => failedOf(result) > 0).map(({ file }) => relative(ROOT, file));
  for (const path of missing) console.log(`no test file: ${path}`);
  if (broken.length > 0) console.log(`failed in: ${broken.join(", ")}`);
  console.log(`${results.length} files in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
  return passed > 0 && failed + missing.length === 0 ? 0 : 1;
}

process.exit(await main());
