/** Brings what waits for one target there: in order, each until it has arrived, at least once. */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { AlertStore, Delivery } from "../alerts/alert-store.ts";
import type { DeliveryView } from "../alerts/delivery-view.ts";
import { messageOf } from "../core/errors.ts";
import type { OnNotice } from "../core/notice.ts";

/** Between two tries, ms: twice as long after each, at random between half of it and all. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 300_000;

/** What a courier needs. */
interface CourierOptions {
  readonly name: string;
  readonly store: Pick<AlertStore, "nextDelivery" | "delivered" | "waiting" | "sync">;
  /** Resolves when it has arrived. @throws Error that says why it has not */
  readonly send: (delivery: Delivery, signal: AbortSignal) => Promise<void>;
  readonly onNotice: OnNotice;
  readonly onBug: (error: unknown) => void;
}

/**
 *     idle ─wake()─▶ sending ─all have arrived─▶ idle      sending ─failed─▶ waiting ─▶ sending      close(): from any state to closed
 *
 * What is sent was synced: after a power loss it is known what others were told. What has arrived and was not noted arrives again.
 */
export class Courier {
  readonly #options: CourierOptions;
  readonly #closing = new AbortController();
  #working: Promise<void> | null = null;
  #isAwake = false;
  #trouble: string | null = null;
  #delivered = 0;
  #failures = 0;

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  get view(): DeliveryView {
    const { name, store } = this.#options;
    const counts = { delivered: this.#delivered, failures: this.#failures };
    return { name, trouble: this.#trouble, waiting: store.waiting(name), ...counts };
  }

  /** Something waits. */
  wake(): void {
    this.#isAwake = true;
    this.#working ??= this.#work()
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#options.onBug(error);
      })
      .finally(() => {
        this.#working = null;
        if (this.#isAwake && !this.#closing.signal.aborted) this.wake();
      });
  }

  async #work(): Promise<void> {
    const { name, store } = this.#options;
    const { signal } = this.#closing;
    this.#isAwake = false;
    let wait = RETRY_MS_MIN;
    for (let next = store.nextDelivery(name); next !== null && !signal.aborted; next = store.nextDelivery(name)) {
      const fault = await this.#send(next);
      if (signal.aborted) return;
      if (fault === null) {
        wait = RETRY_MS_MIN;
        continue;
      }
      await delay(randomInt(Math.ceil(wait / 2), wait + 1), undefined, { signal, ref: false });
      wait = Math.min(RETRY_MS_MAX, wait * 2);
    }
  }

  /** @returns why it has not arrived; null: it has */
  async #send(delivery: Delivery): Promise<string | null> {
    const { name, store, send } = this.#options;
    try {
      await store.sync();
      await send(delivery, this.#closing.signal);
      store.delivered(name, delivery.number);
      this.#delivered++;
      this.#tell(null);
      return null;
    } catch (error) {
      if (this.#closing.signal.aborted) return null;
      this.#failures++;
      this.#tell(messageOf(error));
      return messageOf(error);
    }
  }

  /** One line when trouble begins, one when it ends. */
  #tell(trouble: string | null): void {
    const { name, onNotice } = this.#options;
    const before = this.#trouble;
    this.#trouble = trouble;
    if (trouble !== null && before === null) onNotice(`alerts wait for ${name}: ${trouble}`, "alert-target-failed");
    if (trouble === null && before !== null) onNotice(`alerts arrive at ${name} again`, "alert-target-works");
  }

  /** What is on its way is broken off, and arrives again with the next process. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
  }
}
