/** Runs a target's thread, watches it for hangs and memory, makes what fails small, and keeps it (corpus/TARGET.txt, base64, a line each). */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { minimised } from "./mutate.ts";
import type { WorkerMessage, WorkerSettings } from "./worker.ts";

/** An input that takes more of the processor hangs, ms: all but a few take less than one. On a busy machine a thread waits for longer. */
const INPUT_MS_MAX = 1000;
/** So does one that has not ended after this long, as what it waits for never comes, ms. */
const WAIT_MS_MAX = 60_000;
const LOOK_MS = 100;
/** Each try is a thread, and may hang. */
const MINIMISE_MS_MAX = 30_000;
/** Of the thread: past it the input takes memory without a bound. */
const HEAP_MB = 512;
const INPUT_BYTES_MAX = 8_388_608;

export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
  /** Default: until `inputs` are done. */
  readonly minutes?: number;
}

export interface Failure {
  readonly input: Uint8Array;
  readonly error: string;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly kept: number;
  readonly coveredBytes: number;
  readonly failure: Failure | null;
}

const corpusPath = (target: string): string => join(import.meta.dirname, "corpus", `${target}.txt`);

/** What failed once. */
function corpusOf(target: string): Uint8Array[] {
  if (!existsSync(corpusPath(target))) return [];
  const lines = readFileSync(corpusPath(target), "utf8").split("\n");
  return lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => Buffer.from(line, "base64"));
}

/** Adds an input to those that every later run begins with. */
export function keepInCorpus(target: string, { input, error }: Failure): void {
  const [first] = error.split("\n", 1);
  appendFileSync(corpusPath(target), `# ${first.slice(0, 160)}\n${Buffer.from(input).toString("base64")}\n`);
}

/** One thread, until it is done or something failed. */
export async function fuzz(target: string, { seed, inputs, minutes }: FuzzOptions): Promise<FuzzResult> {
  const endMs = minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + minutes * 60_000;
  return run(target, { seed, inputs, endMs, corpus: corpusOf(target) });
}

/** The input that failed, made small. */
export async function minimise(target: string, { input, error }: Failure): Promise<Failure> {
  let last = error;
  const endMs = performance.now() + MINIMISE_MS_MAX;
  const small = await minimised(input, async (smaller) => {
    if (performance.now() > endMs) return false;
    const { failure } = await run(target, { seed: 1, inputs: 0, endMs: 0, corpus: [smaller] });
    if (failure !== null) last = failure.error;
    return failure !== null && failure.input.length === smaller.length;
  });
  return { input: small, error: last };
}

function run(target: string, given: Omit<WorkerSettings, "target" | "state" | "input">): Promise<FuzzResult> {
  const shared = { state: new SharedArrayBuffer(8), input: new SharedArrayBuffer(INPUT_BYTES_MAX) };
  const state = new Int32Array(shared.state);
  state[0] = -1;
  const failed = (error: string): FuzzResult => {
    const input = new Uint8Array(shared.input).slice(0, Math.max(0, Atomics.load(state, 0)));
    return { inputs: Atomics.load(state, 1), kept: 0, coveredBytes: 0, failure: { input, error } };
  };
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { target, ...given, ...shared } satisfies WorkerSettings,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    let [last, sinceMs, usedMs] = [-1, 0, 0];
    const look = async (): Promise<void> => {
      const { user, system } = await worker.cpuUsage();
      const now = Atomics.load(state, 1);
      const spentMs = (user + system) / 1000;
      if (now !== last || Atomics.load(state, 0) === -1) [last, sinceMs, usedMs] = [now, performance.now(), spentMs];
      else if (spentMs - usedMs > INPUT_MS_MAX) end(failed(`it hangs: over ${INPUT_MS_MAX} ms of the processor`));
      else if (performance.now() - sinceMs > WAIT_MS_MAX) end(failed(`it hangs: over ${WAIT_MS_MAX} ms`));
    };
    // A thread that has ended says so itself.
    const watch = setInterval(() => void look().catch(() => {}), LOOK_MS);
    const end = (result: FuzzResult): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve(result);
    };
    worker.on("message", (message: WorkerMessage) =>
      end(message.kind === "failed" ? failed(message.error) : { ...message, failure: null }),
    );
    worker.on("error", (error) => end(failed(error instanceof Error ? (error.stack ?? error.message) : String(error))));
  });
}
