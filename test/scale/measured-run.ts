/** Follows a column log with the real pipeline, history and HTTP server, step by step, and measures each step: memory, bytes, speed, commits, answers. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import { State } from "../../src/pipeline/state.ts";
import { createServer } from "../../src/server/server.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";
import { ColumnLog, type ColumnSource } from "./column-log.ts";
import type { Probe } from "./prober.ts";

const MB = 1e6;

export interface RunOptions {
  readonly sources: readonly ColumnSource[];
  /** What the prober asks over HTTP, and how often, ms. */
  readonly question: object;
  readonly probeEveryMs: number;
}

/** Of the records since the step before. */
export interface Step {
  /** Of each topic, in all. */
  readonly records: number;
  readonly readingsPerSecond: number;
  readonly rssMb: number;
  readonly heapMb: number;
  readonly externalMb: number;
  /** Heap and buffers after a full collection: what is alive. RSS also holds what the collector has not got round to. */
  readonly liveMb: number;
  /** Handed to the store by commits, and what the files hold, a reading of all so far. */
  readonly bytesWrittenPerReading: number;
  readonly fileBytesPerReading: number;
  readonly commits: number;
  readonly commitMsMax: number;
  /** Answers over HTTP, ms from when each was due: of all, and of those during a commit. */
  readonly answers: number;
  readonly answerMs: Quantiles;
  readonly answersInCommit: number;
  readonly answerMsInCommit: Quantiles;
  readonly loopDelayMsMax: number;
}

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export class MeasuredRun {
  readonly engine: Engine;
  readonly #root = mkdtempSync(join(tmpdir(), "tidemark-scale-"));
  readonly #log: ColumnLog;
  readonly #state: State;
  readonly #database: Database;
  readonly #checkpointer: Checkpointer;
  readonly #pipeline: Pipeline;
  readonly #topics: number;
  readonly #commits: { readonly startMs: number; readonly endMs: number }[] = [];
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 5 });
  #prober: ChildProcess | null = null;
  #close: () => Promise<void> = async () => {};
  #records = 0;

  constructor({ sources }: RunOptions) {
    this.#topics = sources.length;
    this.#log = new ColumnLog(sources);
    this.#database = Database.open(this.#root);
    this.#state = new State(this.#database);
    this.#checkpointer = new Checkpointer(this.#database.file);
    this.#pipeline = new Pipeline({
      state: this.#state,
      log: this.#log,
      checkpointer: this.#checkpointer,
      follow: { sensors: sources.map(({ topic }) => topic), passes: () => false, mayCreate: true },
      clock: systemClock,
      zone: openZone("UTC"),
      clockAheadMs: 300_000,
      keepMs: null,
    });
    this.engine = this.#pipeline;
    this.#timeCommits();
  }

  #timeCommits(): void {
    const state = this.#state;
    const commit = state.commit.bind(state);
    state.commit = async () => {
      const startMs = now();
      try {
        return await commit();
      } finally {
        this.#commits.push({ startMs, endMs: now() });
      }
    };
  }

  static async start(options: RunOptions): Promise<MeasuredRun> {
    const run = new MeasuredRun(options);
    const failed = new Promise<never>((_, reject) => {
      void createServer({
        engine: run.#pipeline,
        log: run.#log,
        clock: systemClock,
        zone: openZone("UTC"),
        tokens: null,
        onBug: reject,
      }).then(async (server) => {
        run.#close = () => server.close();
        const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
        const script = join(import.meta.dirname, "prober.ts");
        run.#prober = fork(script, [String(port), String(options.probeEveryMs), JSON.stringify(options.question)]);
        started();
      }, reject);
    });
    let started: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      started = resolve;
    });
    run.#pipeline.failed.catch((error: unknown) => {
      throw error;
    });
    await Promise.race([ready, failed]);
    failed.catch((error: unknown) => {
      throw error;
    });
    void run.#pipeline.start();
    run.#loopDelay.enable();
    return run;
  }

  /** Takes in up to so many records of each topic. */
  async step(records: number): Promise<Step> {
    const [commitsBefore, start] = [this.#commits.length, performance.now()];
    this.#loopDelay.reset();
    await this.#log.readUpTo(records);
    const ms = performance.now() - start;
    const taken = (records - this.#records) * this.#topics;
    this.#records = records;
    const all = records * this.#topics;
    const commits = this.#commits.slice(commitsBefore);
    const loopDelayMsMax = round(this.#loopDelay.max / 1e6);
    const probes = await this.#probes();
    const inCommit = probes.filter(([due, answered]) => commits.some((c) => due < c.endMs && answered > c.startMs));
    const memory = process.memoryUsage();
    return {
      records,
      readingsPerSecond: Math.round((taken / ms) * 1000),
      rssMb: Math.round(memory.rss / MB),
      heapMb: Math.round(memory.heapUsed / MB),
      externalMb: Math.round(memory.external / MB),
      bytesWrittenPerReading: round(this.#state.bytesWritten / all),
      fileBytesPerReading: round(this.fileBytes / all),
      commits: commits.length,
      commitMsMax: round(Math.max(0, ...commits.map(({ startMs, endMs }) => endMs - startMs))),
      answers: probes.length,
      answerMs: quantilesOf(probes),
      answersInCommit: inCommit.length,
      answerMsInCommit: quantilesOf(inCommit),
      loopDelayMsMax,
      liveMb: Math.round(liveBytes() / MB),
    };
  }

  async #probes(): Promise<Probe[]> {
    const prober = this.#prober;
    if (prober === null) return [];
    const answer = once(prober, "message");
    prober.send("how long?");
    const [probes] = await answer;
    return probes;
  }

  /** What the history's files hold, bytes. */
  get fileBytes(): number {
    const { file } = this.#database;
    return [file, `${file}-wal`].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  /** Makes all that waits committed. */
  async commit(): Promise<void> {
    await this.#pipeline.releaseQuarantine([]);
  }

  async close(): Promise<void> {
    this.#loopDelay.disable();
    if (this.#prober !== null) {
      const ended = once(this.#prober, "exit");
      this.#prober.disconnect();
      await ended;
    }
    await this.#close();
    await this.#pipeline.close();
    await this.#checkpointer.close();
    this.#database.close();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

function liveBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function quantilesOf(probes: readonly Probe[]): Quantiles {
  const sorted = probes.map(([due, answered]) => answered - due).sort((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function round(number: number): number {
  return Math.round(number * 100) / 100;
}

/** A line of a table: names and values. */
export function lineOf(step: Step): string {
  const { answerMs, answerMsInCommit, ...rest } = step;
  const flat = {
    ...rest,
    answerMs: `${answerMs.p50}/${answerMs.p99}/${answerMs.max}`,
    answerMsInCommit: `${answerMsInCommit.p50}/${answerMsInCommit.p99}/${answerMsInCommit.max}`,
  };
  return Object.entries(flat)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
