/** What a simulated sensor measures: payloads tick by tick, some twice, some late; the same seed gives the same. No I/O, no clock. */
import { Random } from "../../core/random.ts";

/** Values are whole numbers from 0 to this. */
const VALUE_MAX = 100;

/** How long a late reading is delayed, s: just so long that it counts as late, whatever the rate. */
const LATE_SECONDS_MIN = 62;
const LATE_SECONDS_MAX = 120;

/** Longest time after which a reading comes again, s; 0 is at once. */
const DUPLICATE_SECONDS_MAX = 10;

/** Payloads delayed: a minute of the fastest sensor in full. Past it they go out at once. */
const DELAYED_MAX = 600_000;

/** What is simulated; equal options give equal payloads. */
export interface SimulationOptions {
  readonly device: string;
  /** Unique for each start of the process. */
  readonly boot: string;
  /** Readings a second. */
  readonly rate: number;
  /** Shares, 0 to 1. */
  readonly duplicates: number;
  readonly late: number;
  readonly seed: number;
}

/**
 * Readings lie on a grid of ticks: tick n is at floor(n × 1000 / rate) ms since the epoch, so that a rate of 1 is on whole seconds.
 * Call `measure` with ascending ticks; what it and `flush` return is to be sent in that order.
 */
export class Simulation {
  readonly #random: Random;
  readonly #options: SimulationOptions;
  /** By the second in which they are due. */
  readonly #delayed = new Map<number, Uint8Array[]>();
  #delayedCount = 0;
  #second = Number.NEGATIVE_INFINITY;
  /** Readings measured, which is the next sequence. */
  measured = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** The first tick at or after `ms`. */
  tickAt(ms: number): number {
    let tick = Math.ceil((ms * this.#options.rate) / 1000);
    while (this.timeOf(tick) < ms) tick++;
    while (this.timeOf(tick - 1) >= ms) tick--;
    return tick;
  }

  /** ms since the epoch. */
  timeOf(tick: number): number {
    return Math.floor((tick * 1000) / this.#options.rate);
  }

  /** Measures at `tick`. @returns what is to be sent then: what was delayed until now, and this reading unless it is delayed */
  measure(tick: number): Uint8Array[] {
    const time = this.timeOf(tick);
    const due = this.#release(Math.floor(time / 1000));
    const value = this.#random.integer(0, VALUE_MAX);
    const payload = Buffer.from(
      JSON.stringify({ device: this.#options.device, boot: this.#options.boot, sequence: this.measured, value, time }),
    );
    this.measured++;
    if (this.#random.chance(this.#options.late))
      this.#delay(payload, this.#random.integer(LATE_SECONDS_MIN, LATE_SECONDS_MAX), due);
    else due.push(payload);
    if (this.#random.chance(this.#options.duplicates)) {
      this.#delay(payload, this.#random.integer(0, DUPLICATE_SECONDS_MAX), due);
    }
    return due;
  }

  /** Everything that is still delayed. */
  flush(): Uint8Array[] {
    return this.#release(Number.POSITIVE_INFINITY);
  }

  #delay(payload: Uint8Array, seconds: number, due: Uint8Array[]): void {
    if (seconds === 0 || this.#delayedCount >= DELAYED_MAX) {
      due.push(payload);
      return;
    }
    const second = this.#second + seconds;
    const delayed = this.#delayed.get(second);
    if (delayed === undefined) this.#delayed.set(second, [payload]);
    else delayed.push(payload);
    this.#delayedCount++;
  }

  #release(second: number): Uint8Array[] {
    if (second === this.#second) return [];
    this.#second = second;
    const due: Uint8Array[] = [];
    for (const [dueSecond, delayed] of this.#delayed) {
      if (dueSecond > second) continue;
      for (const payload of delayed) due.push(payload);
      this.#delayed.delete(dueSecond);
    }
    this.#delayedCount -= due.length;
    return due;
  }
}
