/** Takes quarantined readings and rejected records in after all, or forgets them, between the batches that are read. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { plural } from "../core/figures.ts";
import type { OnNotice } from "../core/notice.ts";
import type { Chosen, ChosenRejections } from "../engine/engine.ts";
import type { Series } from "./sensors.ts";
import type { SerialQueue } from "./serial-queue.ts";
import type { State } from "./state.ts";
import type { Parts, Settled, Uncounted } from "./uncounted.ts";

/** What the pipeline lends. */
export interface ReleasesOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly clockAheadMs: number;
  readonly onNotice?: OnNotice;
  readonly uncounted: Uncounted;
  readonly queue: SerialQueue;
  /** True once closed without a failure. */
  readonly isClosed: () => boolean;
  readonly commit: () => Promise<void>;
  readonly notify: (changed: ReadonlySet<Series>) => void;
  readonly fail: (error: unknown) => void;
}

/** Each method resolves with the number of rows dealt with. */
export class Releases {
  readonly #options: ReleasesOptions;

  constructor(options: ReleasesOptions) {
    this.#options = options;
    const { state, clock } = options;
    if (!state.clockOffset.start(clock)) state.quarantine.forgetClocks();
  }

  releaseQuarantine(which: Chosen): Promise<number> {
    const { uncounted } = this.#options;
    return this.#release(uncounted.quarantineParts(which));
  }

  #release(parts: Parts): Promise<number> {
    return this.#inParts(parts, (ids) => this.#options.uncounted.releaseQuarantine(ids));
  }

  /** Releases what was held back as the host's clock was behind, once that is known: to be called each second. */
  async watch(): Promise<void> {
    const { state, uncounted, clockAheadMs, isClosed, onNotice } = this.#options;
    if (!state.clockOffset.look()) return;
    let count = 0;
    try {
      count = await this.#release(uncounted.misjudgedParts(clockAheadMs));
    } catch (error) {
      if (!isClosed()) throw error; // the next process goes on
    }
    if (count > 0)
      onNotice?.(`the clock was set forward: released ${plural(count, "reading")} that it had held back`, "released");
  }

  discardQuarantine(which: Chosen): Promise<number> {
    const { uncounted } = this.#options;
    return this.#inParts(uncounted.quarantineParts(which), (ids) => uncounted.discardQuarantine(ids));
  }

  releaseRejections(which: ChosenRejections): Promise<number> {
    const { uncounted } = this.#options;
    return this.#inParts(uncounted.rejectionParts(which), (ids) => uncounted.releaseRejections(ids));
  }

  discardRejections(which: ChosenRejections): Promise<number> {
    const { uncounted } = this.#options;
    return this.#inParts(uncounted.rejectionParts(which), (ids) => uncounted.discardRejections(ids));
  }

  /** Each part runs in the serial queue by itself, so that readings are taken in between. */
  async #inParts(parts: Parts, deal: (ids: readonly number[]) => Promise<Settled>): Promise<number> {
    let sum = 0;
    for (const ids of parts) {
      if (ids.length > 0 || Array.isArray(parts)) sum += await this.#settle(() => deal(ids));
      else await nextTurn();
    }
    return sum;
  }

  /** Commits, as only stored rows can be dealt with; deals with them, and commits what came of it. */
  #settle(deal: () => Promise<Settled>): Promise<number> {
    const { queue, isClosed, commit, notify, fail } = this.#options;
    return queue.run(async () => {
      if (isClosed()) throw new TidemarkError("not-ready", "Cannot change a list: tidemark is closing");
      try {
        await commit();
        const { count, changed } = await deal();
        await commit();
        notify(changed);
        return count;
      } catch (error) {
        fail(error);
        throw error;
      }
    });
  }
}
