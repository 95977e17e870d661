/** The only place that asks what time it is; everything else takes a `Clock`. */
export interface Clock {
  /** Milliseconds since the epoch (UTC). */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/**
 * A clock that moves only when it is told to: simulation and tests.
 * @example
 * ```ts
 * const clock = new ManualClock(Date.UTC(2020, 0, 13, 12));
 * clock.advance(1500);
 * assert.equal(clock.now(), Date.UTC(2020, 0, 13, 12, 0, 1, 500));
 * ```
 */
export class ManualClock implements Clock {
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}
