/** Messages of MQTT on their way into the log, whoever brought them: many an append, acknowledged in order and only once they are durable. */
import { setTimeout as delay } from "node:timers/promises";
import { TidemarkError } from "../../core/errors.ts";
import { Batch, type MappedDoor } from "../mapped-door.ts";
import { payloadOf } from "../mapping/payload.ts";
import type { Publish } from "./packets.ts";

/** Messages of one append: mapping them takes some 10 ms, in which nothing else runs. */
const BATCH_MESSAGES = 512;

/** Messages and their bytes that may wait; past it nobody is read. Those of quality of service 0 no broker holds back. */
const WAITING_MAX = 20_000;
const WAITING_BYTES_MAX = 16_777_216;

/** Between two tries of an append, ms. */
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 5000;

/** Who brought a message: one connection. */
export interface Sender {
  /** Told of its messages, in their order, once they are durable. */
  acknowledge(messages: readonly Publish[]): void;
}

interface Waiting {
  readonly message: Publish;
  readonly sender: Sender;
}

/** What a queue needs. */
export interface QueueOptions {
  readonly door: MappedDoor;
  /** Called when so much waits that nobody may be read, and when they may be again. */
  readonly onFull: (isFull: boolean) => void;
  readonly onBug: (error: unknown) => void;
}

/** The queue. */
export class MessageQueue {
  readonly #options: QueueOptions;
  readonly #closing = new AbortController();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #pumping: Promise<void> | null = null;
  #isFull = false;
  /** Why the log takes nothing; null: it does. */
  trouble: string | null = null;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Whether nothing waits, nor is on its way into the log. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#pumping === null;
  }

  came(message: Publish, sender: Sender): void {
    this.#waiting.push({ message, sender });
    this.#waitingBytes += message.body.length;
    if (this.#waiting.length > WAITING_MAX || this.#waitingBytes > WAITING_BYTES_MAX) this.#tellFull(true);
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
    });
  }

  #tellFull(isFull: boolean): void {
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#options.onFull(isFull);
  }

  /** A connection is lost: what it brought, was not begun and was to be acknowledged comes again. */
  lost(sender: Sender): void {
    this.#waiting = this.#waiting.filter((each) => each.sender !== sender || each.message.packetId === null);
    this.#waitingBytes = this.#waiting.reduce((sum, { message }) => sum + message.body.length, 0);
    this.#tellLow();
  }

  #tellLow(): void {
    const isLow = this.#waiting.length <= WAITING_MAX / 2 && this.#waitingBytes <= WAITING_BYTES_MAX / 2;
    if (isLow) this.#tellFull(false);
  }

  async #pump(): Promise<void> {
    try {
      // The whole chunk that is being read, and what comes while the log syncs, is one append.
      await Promise.resolve();
      while (this.#waiting.length > 0 && !this.#closing.signal.aborted) {
        const taken = this.#waiting.slice(0, BATCH_MESSAGES);
        this.#waiting = this.#waiting.slice(BATCH_MESSAGES);
        for (const { message } of taken) this.#waitingBytes -= message.body.length;
        this.#tellLow();
        const batch = new Batch();
        for (const { message } of taken) this.#take(message, batch);
        await this.#appendUntilDurable(batch);
        const durable = new Map<Sender, Publish[]>();
        for (const { message, sender } of taken) {
          const messages = durable.get(sender);
          if (messages === undefined) durable.set(sender, [message]);
          else messages.push(message);
        }
        for (const [sender, messages] of durable) sender.acknowledge(messages);
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#options.onBug(error);
    }
  }

  #take({ topic, body, isRetained, isCut }: Publish, batch: Batch): void {
    const { door } = this.#options;
    if (isCut) door.counts.tooLarge++;
    const fault = "expected a message of at most 4 MiB";
    const payload = isCut ? ({ kind: "fault", fault } as const) : payloadOf(body, undefined);
    door.take({ topic, body, payload, isRetained }, batch);
  }

  /** A log that takes nothing is tried again until it does, or the door is closed: nothing is acknowledged meanwhile. */
  async #appendUntilDurable(batch: Batch): Promise<void> {
    for (let wait = RETRY_MS_MIN; ; wait = Math.min(RETRY_MS_MAX, wait * 2)) {
      try {
        await this.#options.door.append(batch);
        this.trouble = null;
        return;
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        this.trouble = error.message;
        try {
          await delay(wait, undefined, { signal: this.#closing.signal });
        } catch (aborted) {
          batch.settle(aborted);
          throw aborted;
        }
      }
    }
  }

  /** Takes in nothing more; what is on its way into the log is acknowledged first. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pumping;
  }
}
