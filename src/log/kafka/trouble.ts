/** Reports a fault only when it lasts, once, and its end; most pass by themselves. */
import type { Clock } from "../../core/clock.ts";

/** A fault that lasts longer is reported, ms: a leader election, or a broker's restart behind a balancer, is over by then. */
const TROUBLE_AFTER_MS = 5000;

/** Listener: why reading does not go on; null when it does again. */
export type OnTrouble = (trouble: string | null) => void;

/** Keeps since when each partition is at fault; reports the first fault that lasts longer than `TROUBLE_AFTER_MS`. */
export class Trouble {
  readonly #clock: Clock;
  readonly #tell: OnTrouble;
  readonly #since = new Map<string, number>();
  #told = false;

  constructor(clock: Clock, tell: OnTrouble) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** @param why what cannot be done: a whole sentence without its end */
  fault(where: string, why: string): void {
    const now = this.#clock.steady();
    const since = this.#since.get(where) ?? now;
    this.#since.set(where, since);
    if (this.#told || now - since < TROUBLE_AFTER_MS) return;
    this.#told = true;
    this.#tell(why);
  }

  good(where: string): void {
    if (this.#since.size === 0 || !this.#since.delete(where) || this.#since.size > 0 || !this.#told) return;
    this.#told = false;
    this.#tell(null);
  }
}
