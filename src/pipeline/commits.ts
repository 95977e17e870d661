/** When the history commits, what happens when it cannot, and when the log may forget: the way from taken in to safe. */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import type { Log } from "../log/log.ts";
import type { Checkpointer } from "../store/checkpointer.ts";
import type { State } from "./state.ts";

/** First wait before a commit that failed is tried again, ms; doubled up to the bound. */
const RETRY_FIRST_MS = 250;

/** What a commit needs. */
export interface CommitsOptions {
  readonly state: State;
  readonly log: Log;
  readonly checkpointer: Checkpointer;
  readonly clock: Clock;
  /** Called before each try. @throws TidemarkError "disk-full" */
  readonly before?: () => void;
  /** Ends the wait for a full disk: what was not committed is dropped, and read from the log again. */
  readonly stop: AbortSignal;
}

/** States: waiting → writing → waiting, or, after a failure, waiting for another try; closed after the last one. */
export class Commits {
  readonly #options: CommitsOptions;
  readonly #state: State;
  #waitingSinceMs: number | null = null;
  #commitTrouble: string | null = null;
  #logTrouble: string | null = null;
  #endsTrouble: string | null = null;
  #telling: Promise<void> | null = null;
  /** The last commit that the log was told of; none since the start. */
  #told = -1;

  constructor(options: CommitsOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** Why what is taken in does not become safe; null when it does. */
  get trouble(): string | null {
    return this.#commitTrouble ?? this.#options.checkpointer.error ?? this.#logTrouble ?? this.#endsTrouble;
  }

  /** Whether changes have waited long enough. The wait is measured between calls: call it regularly. */
  isDue(): boolean {
    if (!this.#state.hasChanged) {
      this.#waitingSinceMs = null;
      return false;
    }
    const now = this.#options.clock.steady();
    this.#waitingSinceMs ??= now;
    return now - this.#waitingSinceMs >= this.#state.bounds.commitIntervalMs;
  }

  /**
   * Commits. Only while nothing is taken in. A full disk is trouble: what waits stays in memory,
   * and it is tried again.
   * @throws TidemarkError "disk-full" once stopped
   */
  async commit(): Promise<void> {
    const { stop } = this.#options;
    let wait = RETRY_FIRST_MS;
    for (;;) {
      try {
        this.#options.before?.();
        await this.#state.commit();
        this.#commitTrouble = null;
        this.#waitingSinceMs = null;
        return;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== "disk-full") throw error;
        this.#commitTrouble = error.message;
        if (stop.aborted) throw error;
      }
      await delay(wait, undefined, { signal: stop }).catch(() => {});
      wait = Math.min(wait * 2, this.#state.bounds.retryMs);
    }
  }

  /** Tells the log of the last commit once it is on disk, unless that was done: the log may delete what is before it. */
  async tell(): Promise<void> {
    await this.#telling;
    // What is kept beside the history, and could not be written, is written again, whether anything comes or not.
    const isBehind = this.#options.checkpointer.error !== null || this.#endsTrouble !== null;
    if (this.#told === this.#state.commits && !isBehind) return;
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = null;
    });
    await this.#telling;
  }

  async #tell(): Promise<void> {
    const { checkpointer, log } = this.#options;
    const { commits, sources } = this.#state;
    const followed = [...sources.list()].flatMap(({ partitions }) => partitions);
    const committed = followed.map((partition) => ({ partition, offset: partition.committed }));
    if (followed.length === 0 || !(await checkpointer.sync())) return;
    const safe = committed
      // Not of a topic that was recreated, or cut back, meanwhile: the offset is of its former life.
      .filter(({ partition, offset }) => {
        const source = sources.find(partition.topic);
        const isFollowed = source?.partitions[partition.partition] === partition && !source.isOutdated;
        return isFollowed && offset > 0 && partition.committed >= offset;
      });
    try {
      sources.onDisk(safe);
      this.#endsTrouble = null;
    } catch (error) {
      // Later: meanwhile it says less.
      this.#endsTrouble = `Cannot write what the history holds beside it: ${messageOf(error)}`;
    }
    const positions = safe.map(({ partition: { topic, partition }, offset }) => ({ topic, partition, offset }));
    try {
      await log.committed(positions);
      this.#told = commits;
      this.#logTrouble = null;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#logTrouble = `Cannot tell the log what is safe: ${error.message}`;
    }
  }
}
