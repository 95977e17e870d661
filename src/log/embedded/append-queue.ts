/** Records that wait to be durable, encoded into batches as they come: all that is queued during one sync goes into the next transaction. */
import { assert } from "../../core/errors.ts";
import { BatchWriter } from "../batch-writer.ts";
import type { NewRecord } from "../log.ts";
import { BATCH_HEADER_BYTES } from "../record-batch.ts";
import type { NewRow } from "./messages.ts";

/** A batch is closed at this length, bytes: a read then brings at least one, and decompresses one at a time. */
const BATCH_BYTES = 1_048_576;

/** Bytes of a record beside its key and value: lengths, deltas and its share of a header. */
const RECORD_OVERHEAD_BYTES = 16;

/** Bytes that the records will take in the queue, about. */
export function queuedBytesOf(records: readonly NewRecord[]): number {
  let bytes = 0;
  for (const { key, value } of records) bytes += value.length + (key?.length ?? 0) + RECORD_OVERHEAD_BYTES;
  return bytes;
}

/** The appends of one transaction, and the promise that they await. */
export class AppendGroup {
  bytes = 0;
  readonly #writers = new Map<number, BatchWriter[]>();
  readonly #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Copies the records. @returns settled when the group is */
  add(topic: number, records: readonly NewRecord[], bytes: number): Promise<void> {
    let writers = this.#writers.get(topic);
    if (writers === undefined) this.#writers.set(topic, (writers = [new BatchWriter()]));
    let writer = writers[writers.length - 1];
    for (const { key, value } of records) {
      if (writer.length >= BATCH_BYTES) writers.push((writer = new BatchWriter()));
      writer.add(key, value, 0);
    }
    this.bytes += bytes;
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /**
   * Finishes the batches.
   * @param endOf the offset after a topic's newest record
   * @param time append time of all of them, ms
   */
  rows(endOf: (topic: number) => number, time: number): NewRow[] {
    const rows: NewRow[] = [];
    for (const [topic, writers] of this.#writers) {
      let base = endOf(topic);
      for (const writer of writers) {
        const next = base + writer.count;
        assert(writer.length > BATCH_HEADER_BYTES, () => "an empty batch was queued");
        const stamp = { baseOffset: base, baseTimestamp: time, maxTimestamp: time, appendTime: true };
        rows.push({ topic, base, next, time, bytes: writer.finish(stamp) });
        base = next;
      }
    }
    return rows;
  }

  resolve(): void {
    for (const { resolve } of this.#waiting) resolve();
  }

  reject(error: Error): void {
    for (const { reject } of this.#waiting) reject(error);
  }
}
