/** The time that is known for sure: for deletions, as the host's clock may be wrong for a while. */
import type { Clock } from "../core/clock.ts";

/** Probation of a host's clock that jumped ahead, ms: clocks that are wrong at a start are set right within minutes. */
const PROBATION_MS = 3_600_000;
/** Then time is made good this much faster than it passes: a day an hour, so that a clock that is wrong for a week costs half a year, not all. */
const CATCH_UP = 24;
/** A host's clock that goes further ahead than this is a new jump, with a probation of its own. */
const JUMP_MS = 1000;

/**
 * Never ahead of the host's clock, and never faster than time passes while that clock is not trusted.
 * States: *in step* with the host's clock ⇄ *behind* it, when that jumped ahead, or has moved on while no process ran. Behind it goes on
 * at the pace of time, after the probation at 24 times that, until it is in step. A host's clock that is set back takes it along at once.
 */
export class KnownTime {
  readonly #clock: Clock;
  #ms: number;
  #steadyMs: number;
  /** How far the host's clock is ahead, and for how long it has been. */
  #aheadMs = 0;
  #behindForMs = 0;

  /** @param startMs what was known when the last process ended, ms since the epoch; null: the host's clock is believed, as there is nothing to lose */
  constructor(clock: Clock, startMs: number | null) {
    this.#clock = clock;
    this.#ms = Math.min(startMs ?? Number.POSITIVE_INFINITY, clock.now());
    this.#steadyMs = clock.steady();
  }

  /** Ms since the epoch. Call it every few seconds: it sees the host's clock only then. */
  now(): number {
    const host = this.#clock.now();
    const steady = this.#clock.steady();
    const passed = steady - this.#steadyMs;
    this.#steadyMs = steady;
    const ahead = host - this.#ms - passed;
    if (ahead <= 0) {
      this.#ms = host;
      this.#aheadMs = 0;
      this.#behindForMs = 0;
      return host;
    }
    const isJump = ahead > this.#aheadMs + JUMP_MS;
    this.#behindForMs = isJump || this.#aheadMs === 0 ? 0 : this.#behindForMs + passed;
    const pace = this.#behindForMs > PROBATION_MS ? CATCH_UP : 1;
    this.#ms = Math.min(host, this.#ms + passed * pace);
    this.#aheadMs = host - this.#ms;
    return this.#ms;
  }
}
