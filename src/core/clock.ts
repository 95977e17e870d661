/** The only place that asks what time it is; everything else takes a `Clock`. */
import { uptime } from "node:os";
import { platform } from "node:process";

/** Something that knows what time it is. */
export interface Clock {
  /** Milliseconds since the epoch (UTC), as the host's clock has it: it may be set. */
  now(): number;
  /** Milliseconds of a clock that cannot be set, and that goes on while the machine sleeps. */
  steady(): number;
}

/** The machine's own clock, which may step in either direction. Linux: `performance.now` stands still while the machine sleeps, and starts with the process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steady: platform === "linux" ? () => uptime() * 1000 : () => performance.now(),
};

/**
 * A clock that moves only by `set` and `advance`: for simulation and tests.
 * @example
 * ```ts
 * const clock = new ManualClock(Date.UTC(2020, 0, 13, 12));
 * clock.advance(1500);
 * assert.equal(clock.now(), Date.UTC(2020, 0, 13, 12, 0, 1, 500));
 * ```
 */
export class ManualClock implements Clock {
  #nowMs: number;
  #steadyMs = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  steady(): number {
    return this.#steadyMs;
  }

  /** Sets the host's clock, as people and NTP do. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Time passes. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#steadyMs += ms;
  }
}
