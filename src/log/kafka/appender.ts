/** Appends to Kafka: per partition one request is under way, and what arrives meanwhile leaves together with the next. */
import { TidemarkError } from "../../core/errors.ts";
import { RECORD_BYTES_MAX } from "../../core/limits.ts";
import { asBuffer } from "../compression.ts";
import type { NewRecord, Topic } from "../log.ts";
import { type KafkaClient, keyHash, type OutgoingMessage } from "./client.ts";
import { operatingError } from "./faults.ts";

/** A request's records, bytes: they become one batch, and brokers take batches of 1 MiB by default. A larger record leaves alone. */
const REQUEST_BYTES_MAX = 524_288;
/** A record's own cost beside key and value in a batch, bytes: lengths and deltas. */
const RECORD_OVERHEAD_BYTES = 24;
/** Records that wait to be durable, bytes: half a minute of a busy line. Beyond it appending is refused ("log-full"). */
const WAITING_BYTES_MAX = 16_777_216;

/** The records of one append that go to one partition. */
interface Share {
  readonly messages: readonly OutgoingMessage[];
  /** The next message to leave. */
  at: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Told where a partition ends after an append. */
export type OnEnd = (topic: Topic, partition: number, end: number) => void;

export class Appender {
  readonly #client: KafkaClient;
  readonly #onEnd: OnEnd;
  /** By topic and partition, while there is something to send. */
  readonly #lanes = new Map<string, Share[]>();
  readonly #pumps = new Set<Promise<void>>();
  #waitingBytes = 0;
  /** Which partition records without a key go to: another one with each append. */
  #turn = 0;

  constructor(client: KafkaClient, onEnd: OnEnd) {
    this.#client = client;
    this.#onEnd = onEnd;
  }

  /** Resolves when all records are durable. After "log-unreachable" some of them may be. */
  async append(topic: Topic, records: readonly NewRecord[]): Promise<void> {
    for (const { value } of records) {
      if (value.length <= RECORD_BYTES_MAX) continue;
      const limit = `a record's value must be <= ${RECORD_BYTES_MAX} bytes, was ${value.length}`;
      throw new TidemarkError("record-too-large", `Cannot append to "${topic.name}": ${limit}`);
    }
    const bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      const limit = `bytes on their way must be <= ${WAITING_BYTES_MAX}, would be ${this.#waitingBytes + bytes}`;
      throw new TidemarkError("log-full", `Cannot append to "${topic.name}": ${limit}`);
    }
    this.#waitingBytes += bytes;
    try {
      const shares = [...this.#shares(topic, records)];
      await Promise.all(shares.map(([partition, messages]) => this.#enqueue(topic, partition, messages)));
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  /** By the key's hash where there is a key, else all to one partition. */
  #shares(topic: Topic, records: readonly NewRecord[]): Map<number, OutgoingMessage[]> {
    const shares = new Map<number, OutgoingMessage[]>();
    const count = topic.partitions.length;
    const keyless = this.#turn++ % count;
    for (const { key, value } of records) {
      const keyBytes = key === undefined ? undefined : asBuffer(key);
      const partition = keyBytes === undefined ? keyless : keyHash(keyBytes) % count;
      const message = { topic: topic.name, partition, value: asBuffer(value), ...(keyBytes && { key: keyBytes }) };
      const share = shares.get(partition);
      if (share === undefined) shares.set(partition, [message]);
      else share.push(message);
    }
    return shares;
  }

  #enqueue(topic: Topic, partition: number, messages: readonly OutgoingMessage[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const key = `${topic.name}/${partition}`;
    const share = { messages, at: 0, resolve, reject };
    const lane = this.#lanes.get(key);
    if (lane !== undefined) lane.push(share);
    else {
      const pump = this.#pump(topic, partition, key, [share]).finally(() => this.#pumps.delete(pump));
      this.#pumps.add(pump);
    }
    return promise;
  }

  /** Everything that waits is durable or was refused. */
  async drain(): Promise<void> {
    while (this.#pumps.size > 0) await Promise.all(this.#pumps);
  }

  async #pump(topic: Topic, partition: number, key: string, lane: Share[]): Promise<void> {
    this.#lanes.set(key, lane);
    while (lane.length > 0) await this.#send(topic, partition, lane);
    this.#lanes.delete(key);
  }

  /** One request with what fits of the lane's head; a share is done when its last message is durable. */
  async #send(topic: Topic, partition: number, lane: Share[]): Promise<void> {
    const { messages, shares } = take(lane);
    try {
      this.#onEnd(topic, partition, await this.#produce(topic.name, messages));
      for (const share of shares) if (share.at === share.messages.length) share.resolve();
    } catch (error) {
      for (const share of shares) {
        share.at = share.messages.length; // the rest is not sent behind a hole
        share.reject(error);
      }
    }
    while (lane.length > 0 && lane[0].at === lane[0].messages.length) lane.shift();
  }

  /**
   * A topic may take less than a request holds: then it is sent in halves, until a record that is too large is alone.
   * A request is for one partition, so it was taken as a whole or not at all.
   * @returns the offset after the last
   */
  async #produce(topic: string, messages: readonly OutgoingMessage[]): Promise<number> {
    try {
      return (await this.#client.produce(messages)) + messages.length;
    } catch (error) {
      const failure = operatingError(`append to "${topic}"`, error);
      if (failure.code !== "record-too-large" || messages.length === 1) throw failure;
      const half = messages.length >> 1;
      await this.#produce(topic, messages.slice(0, half));
      return this.#produce(topic, messages.slice(half));
    }
  }
}

/** As many messages as one request holds, at least one, and whose they are. */
function take(lane: readonly Share[]): { messages: OutgoingMessage[]; shares: Share[] } {
  const messages: OutgoingMessage[] = [];
  const shares: Share[] = [];
  let bytes = 0;
  for (const share of lane) {
    shares.push(share);
    for (; share.at < share.messages.length; share.at++) {
      const message = share.messages[share.at];
      bytes += bytesOf(message);
      if (bytes > REQUEST_BYTES_MAX && messages.length > 0) {
        if (share.at === 0) shares.pop();
        return { messages, shares };
      }
      messages.push(message);
    }
  }
  return { messages, shares };
}

function bytesOf({ key, value }: { readonly key?: Uint8Array; readonly value: Uint8Array }): number {
  return value.length + (key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}
