/** Pages are compared with their sums also while nothing is committed: some each ten seconds, so that all are read once a day (page-sums.ts). */
import type { Clock } from "../core/clock.ts";
import type { Log } from "../log/log.ts";
import type { Checkpointer } from "../store/checkpointer.ts";

/** How often, ms: a megabyte each time is a hundredth of what a slow disk reads. */
const SCRUB_EACH_MS = 10_000;

/** Of one pipeline. `tick` it. */
export class IdleScrub {
  readonly #options: { readonly log: Log; readonly checkpointer: Checkpointer; readonly clock: Clock };
  #lastMs: number;

  constructor(options: { readonly log: Log; readonly checkpointer: Checkpointer; readonly clock: Clock }) {
    this.#options = options;
    this.#lastMs = options.clock.steady();
  }

  /** Compares some pages when it is time. */
  async tick(): Promise<void> {
    const { log, checkpointer, clock } = this.#options;
    const now = clock.steady();
    if (now - this.#lastMs < SCRUB_EACH_MS) return;
    this.#lastMs = now;
    // A log that is scrubbed is so whenever it is told what is safe.
    if (log.scrub !== undefined) await log.committed([]);
    await checkpointer.scrubIdle();
  }
}
