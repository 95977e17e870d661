/** Appends to Kafka: per partition one request is under way, and what arrives meanwhile leaves together with the next. */
import { TidemarkError } from "../../core/errors.ts";
import { RECORD_BYTES_MAX } from "../../core/limits.ts";
import { asBuffer } from "../compression.ts";
import type { NewRecord, Topic } from "../log.ts";
import { keyHash } from "./client.ts";
import { operatingError } from "./faults.ts";
import type { Producer } from "./producer.ts";

/** A request's records, bytes: they become one batch, and brokers take batches of 1 MiB by default. A larger record leaves alone. */
const REQUEST_BYTES_MAX = 524_288;
/** A record's own cost beside key and value in a batch, bytes: lengths and deltas. */
const RECORD_OVERHEAD_BYTES = 24;
/** Records that wait to be durable, bytes: half a minute of a busy line. Beyond it appending is refused ("log-full"). */
const WAITING_BYTES_MAX = 16_777_216;

/** The records of one append for one partition. */
interface PartitionAppend {
  readonly records: readonly NewRecord[];
  /** The next record to leave. */
  at: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The records of an append that one request carries. */
interface Piece {
  readonly append: PartitionAppend;
  readonly records: readonly NewRecord[];
}

/** Listener for a partition's end after an append. */
export type OnEnd = (topic: Topic, partition: number, end: number) => void;

/** Gathers appends by partition. An append settles when the broker has acknowledged it, or given up. */
export class Appender {
  readonly #producer: () => Producer;
  readonly #onEnd: OnEnd;
  /** By topic and partition, while there is something to send. */
  readonly #queues = new Map<string, PartitionAppend[]>();
  readonly #pumps = new Set<Promise<void>>();
  #waitingBytes = 0;
  /** Which partition records without a key go to: another one with each append. */
  #turn = 0;

  constructor(producer: () => Producer, onEnd: OnEnd) {
    this.#producer = producer;
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
      const appends = [...this.#byPartition(topic, records)];
      await Promise.all(appends.map(([partition, own]) => this.#enqueue(topic, partition, own)));
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  /** By the key's hash where there is a key, else all to one partition. */
  #byPartition(topic: Topic, records: readonly NewRecord[]): Map<number, NewRecord[]> {
    const appends = new Map<number, NewRecord[]>();
    const count = topic.partitions.length;
    const keyless = this.#turn++ % count;
    for (const record of records) {
      const { key } = record;
      const partition = key === undefined || count === 1 ? keyless : keyHash(asBuffer(key)) % count;
      const append = appends.get(partition);
      if (append === undefined) appends.set(partition, [record]);
      else append.push(record);
    }
    return appends;
  }

  #enqueue(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const key = `${topic.name}/${partition}`;
    const append = { records, at: 0, resolve, reject };
    const queue = this.#queues.get(key);
    if (queue !== undefined) queue.push(append);
    else {
      const pump = this.#pump(topic, partition, key, [append]).finally(() => this.#pumps.delete(pump));
      this.#pumps.add(pump);
    }
    return promise;
  }

  /** Everything that waits is durable or was refused. */
  async drain(): Promise<void> {
    while (this.#pumps.size > 0) await Promise.all(this.#pumps);
  }

  async #pump(topic: Topic, partition: number, key: string, queue: PartitionAppend[]): Promise<void> {
    this.#queues.set(key, queue);
    while (queue.length > 0) await this.#send(topic, partition, queue);
    this.#queues.delete(key);
  }

  /** Sends one request with what fits of the queue's head; an append is done when its last record is durable. */
  async #send(topic: Topic, partition: number, queue: PartitionAppend[]): Promise<void> {
    const pieces = take(queue);
    try {
      const records = pieces.length === 1 ? pieces[0].records : pieces.flatMap((piece) => piece.records);
      await this.#produce(topic, partition, records);
      for (const { append } of pieces) settle(append);
    } catch (error) {
      // The request was for one partition, so none of it was taken: each append for itself finds the one that is too large.
      const apart = isTooLarge(error) && (pieces.length > 1 || pieces[0].records.length > 1);
      for (const piece of pieces) {
        if (apart) await this.#sendApart(topic, partition, piece);
        else refuse(piece.append, error);
      }
    }
    while (queue.length > 0 && queue[0].at === queue[0].records.length) queue.shift();
  }

  async #sendApart(topic: Topic, partition: number, { append, records }: Piece): Promise<void> {
    try {
      await this.#sendInHalves(topic, partition, records);
      settle(append);
    } catch (error) {
      refuse(append, error);
    }
  }

  /** A topic may take less than a request holds. */
  async #sendInHalves(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<void> {
    try {
      await this.#produce(topic, partition, records);
    } catch (error) {
      if (!isTooLarge(error) || records.length === 1) throw error;
      const half = records.length >> 1;
      await this.#sendInHalves(topic, partition, records.slice(0, half));
      await this.#sendInHalves(topic, partition, records.slice(half));
    }
  }

  async #produce(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<void> {
    try {
      const base = await this.#producer().produce(topic.name, partition, records);
      if (base >= 0) this.#onEnd(topic, partition, base + records.length);
    } catch (error) {
      throw operatingError(`append to "${topic.name}"`, error);
    }
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof TidemarkError && error.code === "record-too-large";
}

/** An append is done when its last record is durable. */
function settle(append: PartitionAppend): void {
  if (append.at === append.records.length) append.resolve();
}

/** Fails an append: its remaining records are not sent behind a hole. */
function refuse(append: PartitionAppend, error: unknown): void {
  append.at = append.records.length;
  append.reject(error);
}

/** Takes as many records as one request holds, at least one, by append. */
function take(queue: readonly PartitionAppend[]): Piece[] {
  const pieces: Piece[] = [];
  let bytes = 0;
  for (const append of queue) {
    const from = append.at;
    for (; append.at < append.records.length; append.at++) {
      const before = bytes;
      bytes += bytesOf(append.records[append.at]);
      if (bytes > REQUEST_BYTES_MAX && before > 0) break;
    }
    if (append.at > from) pieces.push({ append, records: append.records.slice(from, append.at) });
    if (bytes > REQUEST_BYTES_MAX) break;
  }
  return pieces;
}

function bytesOf({ key, value }: { readonly key?: Uint8Array; readonly value: Uint8Array }): number {
  return value.length + (key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}
