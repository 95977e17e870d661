/** What a sensor still has to deliver: a bounded queue that sends the same bytes again until they are acknowledged. */
import type { TidemarkError } from "../../core/errors.ts";
import type { Random } from "../../core/random.ts";

/** The target of readings. One `send` at a time; it never rejects. */
export interface Target {
  /** For people; no password in it. */
  readonly name: string;
  send(payloads: readonly Uint8Array[], signal: AbortSignal): Promise<Sent>;
  close(): Promise<void>;
}

/** Acknowledged, or why not; `retryAfterMs` when the other side asked for a pause. */
export type Sent =
  | { readonly acknowledged: true }
  | { readonly acknowledged: false; readonly error: TidemarkError; readonly retryAfterMs?: number };

/** Most payloads that wait: 27 hours of a sensor of 1 Hz, some 20 MB. While it is `full` the sensor measures nothing. */
const WAITING_MAX = 100_000;

/** One request: half of what a server takes in one body at the least. */
const BATCH_READINGS_MAX = 5000;
const BATCH_BYTES_MAX = 512 * 1024;

/** The pause before try n is at most FIRST × 2ⁿ and MAX, and at least half of that: a server that restarts is not run over. */
const PAUSE_MS_FIRST = 50;
const PAUSE_MS_MAX = 5000;

/** A pause that the other side asks for is kept up to here. */
const RETRY_AFTER_MS_MAX = 30_000;

/** Waiting for someone to offer → sending (→ pausing → sending the same again)* → … ; failed is final: the other side will never take it. */
export class SendQueue {
  readonly #target: Target;
  readonly #random: Random;
  readonly #onTrouble: (error: TidemarkError, tries: number) => void;
  readonly #onRelief: (tries: number) => void;
  readonly #ended = new AbortController();
  #queue: Uint8Array[] = [];
  #head = 0;
  #wakeSender: (() => void) | undefined;
  #wakeWaiters: (() => void)[] = [];
  /** Payloads acknowledged. */
  acknowledged = 0;
  /** Set once the other side refused for good. */
  failure: TidemarkError | null = null;
  readonly #sender: Promise<void>;

  /** @param random for the jitter of pauses only */
  constructor(
    target: Target,
    random: Random,
    onTrouble: (error: TidemarkError, tries: number) => void,
    onRelief: (tries: number) => void,
  ) {
    this.#target = target;
    this.#random = random;
    this.#onTrouble = onTrouble;
    this.#onRelief = onRelief;
    this.#sender = this.#run();
  }

  /** Payloads that are not acknowledged yet. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  get full(): boolean {
    return this.waiting >= WAITING_MAX;
  }

  /** Takes payloads in; ask `full` before they are made. */
  offer(payloads: readonly Uint8Array[]): void {
    for (const payload of payloads) this.#queue.push(payload);
    this.#wakeSender?.();
  }

  /** Resolves once at most `waiting` payloads wait, on failure, or when `signal` aborts. */
  async until(waiting: number, signal: AbortSignal): Promise<void> {
    while (this.waiting > waiting && this.failure === null && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          resolve();
        };
        signal.addEventListener("abort", wake, { once: true });
        this.#wakeWaiters.push(wake);
      });
    }
  }

  /** Stops sending, also in the middle of a request or pause, and closes the target. */
  async close(): Promise<void> {
    this.#ended.abort();
    this.#wakeSender?.();
    await this.#sender;
    await this.#target.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted && this.failure === null) {
      const batch = this.#batch();
      if (batch.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wakeSender = resolve;
        });
        continue;
      }
      if (await this.#deliver(batch, signal)) this.#forget(batch.length);
      for (const wake of this.#wakeWaiters.splice(0)) wake();
    }
  }

  /** @returns false when it was refused for good, or was stopped */
  async #deliver(batch: readonly Uint8Array[], signal: AbortSignal): Promise<boolean> {
    for (let tries = 0; !signal.aborted; tries++) {
      const sent = await this.#target.send(batch, signal);
      if (sent.acknowledged) {
        this.#onRelief(tries);
        return true;
      }
      if (signal.aborted) break;
      if (!sent.error.retryable) {
        this.failure = sent.error;
        break;
      }
      this.#onTrouble(sent.error, tries + 1);
      await pause(this.#pauseMs(tries, sent.retryAfterMs), signal);
    }
    return false;
  }

  #pauseMs(tries: number, askedMs: number | undefined): number {
    if (askedMs !== undefined) return Math.min(askedMs, RETRY_AFTER_MS_MAX) * (1 + this.#random.next() / 2);
    const most = Math.min(PAUSE_MS_FIRST * 2 ** Math.min(tries, 20), PAUSE_MS_MAX);
    return most * (0.5 + this.#random.next() / 2);
  }

  #batch(): Uint8Array[] {
    const batch: Uint8Array[] = [];
    let bytes = 0;
    for (let i = this.#head; i < this.#queue.length && batch.length < BATCH_READINGS_MAX; i++) {
      bytes += this.#queue[i].length + 1;
      if (bytes > BATCH_BYTES_MAX && batch.length > 0) break;
      batch.push(this.#queue[i]);
    }
    return batch;
  }

  #forget(count: number): void {
    this.acknowledged += count;
    this.#head += count;
    if (this.#head * 2 < this.#queue.length && this.#head < BATCH_READINGS_MAX) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
