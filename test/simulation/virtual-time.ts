/**
 * Time that passes only when a simulation says so: replaces the timers, `setImmediate`, `performance.now` and the pool's file syncs of this whole process,
 * so that src/ runs as it is and one seed is one order of events. Import it before src/.
 */
import fs, { closeSync, fdatasyncSync, openSync } from "node:fs";
import filePromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import timerPromises from "node:timers/promises";
import type { Clock } from "../../src/core/clock.ts";

const turn = setImmediate;

/** How long one run of `performance.now` to the next may take, ms: slices of work then end in the middle. */
const STEP_MAX_MS = 2;

/** How long a sync takes, ms. */
const SYNC_MAX_MS = 40;

interface Timer {
  due: number;
  readonly everyMs: number | null;
  readonly run: () => void;
  unref(): Timer;
  ref(): Timer;
}

class VirtualTime {
  #steadyMs = 0;
  #workMs = 0;
  #random: () => number = () => 0;
  readonly #timers = new Set<Timer>();
  #immediates: (() => void)[] = [];

  /** Begins anew: no timers, and another order of slices. */
  reset(random: () => number): void {
    this.#timers.clear();
    this.#immediates = [];
    this.#random = random;
  }

  /** Uniform in [0, 1). */
  random(): number {
    return this.#random();
  }

  get steadyMs(): number {
    return this.#steadyMs;
  }

  /** Never stands still: reading the time takes some, as work does. */
  performanceNow(): number {
    this.#workMs += this.#random() * STEP_MAX_MS;
    return this.#steadyMs + this.#workMs;
  }

  add(run: () => void, ms: number, everyMs: number | null): Timer {
    const timer: Timer = { due: this.#steadyMs + Math.max(1, ms), everyMs, run, unref: () => timer, ref: () => timer };
    this.#timers.add(timer);
    return timer;
  }

  remove(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  soon(run: () => void): void {
    this.#immediates.push(run);
  }

  /** Until everything waits for time to pass. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => turn(resolve));
      const next = this.#immediates.shift();
      if (next === undefined) return;
      next();
    }
  }

  /** Time passes. A process that has waited long does each of its timers once, not once a period. */
  async pass(ms: number): Promise<void> {
    const end = this.#steadyMs + ms;
    const hop = Math.max(500, ms / 8);
    for (;;) {
      await this.settle();
      let due = end + 1;
      for (const timer of this.#timers) due = Math.min(due, timer.due);
      if (due > end) break;
      this.#steadyMs = Math.max(due, Math.min(end, this.#steadyMs + hop));
      const ripe = [...this.#timers].filter((each) => each.due <= this.#steadyMs).sort((a, b) => a.due - b.due);
      for (const timer of ripe) {
        if (!this.#timers.has(timer)) continue;
        if (timer.everyMs === null) this.#timers.delete(timer);
        else timer.due = this.#steadyMs + timer.everyMs;
        timer.run();
      }
    }
    this.#steadyMs = end;
    await this.settle();
  }

  /** Lets time pass until the work has ended. */
  async until<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    work.then(end, end);
    for (let waits = 0; ; waits++) {
      await this.settle();
      if (ended) return work;
      if (waits === WAITS_MAX) throw new Error("it does not end, whatever time passes");
      await this.pass(1000);
    }
  }
}

const WAITS_MAX = 200;

/** The one of this process. */
export const time = new VirtualTime();

/** The host's clock: may be set. */
export class HostClock implements Clock {
  #offsetMs: number;

  constructor(nowMs: number) {
    this.#offsetMs = nowMs - time.steadyMs;
  }

  now(): number {
    return time.steadyMs + this.#offsetMs;
  }

  steady(): number {
    return time.steadyMs;
  }

  set(byMs: number): void {
    this.#offsetMs += byMs;
  }
}

function waiting<T>(begin: (done: () => void) => unknown, value: T, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new DOMException("The operation was aborted", "AbortError"));
    if (signal?.aborted === true) return stop();
    const timer = begin(() => {
      signal?.removeEventListener("abort", aborted);
      resolve(value);
    });
    const aborted = (): void => {
      time.remove(timer);
      stop();
    };
    signal?.addEventListener("abort", aborted);
  });
}

interface Waiting {
  readonly signal?: AbortSignal;
}

Object.assign(globalThis, {
  setTimeout: (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) => time.add(() => run(...args), ms, null),
  setInterval: (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) => time.add(() => run(...args), ms, ms),
  setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) => time.soon(() => run(...args)),
  clearTimeout: (timer: unknown) => time.remove(timer),
  clearInterval: (timer: unknown) => time.remove(timer),
});
performance.now = () => time.performanceNow();
Object.assign(timerPromises, {
  setTimeout: (ms: number, value: unknown, { signal }: Waiting = {}) =>
    waiting((done) => time.add(done, ms, null), value, signal),
  setImmediate: (value: unknown, { signal }: Waiting = {}) => waiting((done) => time.soon(done), value, signal),
});
// The history's sync, in the pool: what is committed before its answer comes is not on the disk for that.
Object.assign(filePromises, {
  open: async (path: string, flags: string) => {
    const file = openSync(path, flags);
    const datasync = async (): Promise<void> => {
      fdatasyncSync(file);
      await waiting((done) => time.add(done, time.random() * SYNC_MAX_MS, null), undefined, undefined);
    };
    return { datasync, close: async () => closeSync(file) };
  },
});
// That of the last words, which nobody waits for.
Object.assign(fs, {
  fdatasync: (file: number, done: () => void) => {
    fdatasyncSync(file);
    time.soon(done);
  },
});
syncBuiltinESMExports();
