/** Writes RecordBatch v2 (layout: record-batch.ts): record by record for the embedded log's queue and its packing, or all at once. */
import { CODECS, type Codec, compress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import type { NewRecord } from "./log.ts";
import {
  APPEND_TIME_BIT,
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  CRC_AT,
  MAGIC,
} from "./record-batch.ts";
import { varintBytes, writeInt32, writeInt64, writeVarint } from "./varint.ts";

/** No producer id, epoch or sequence; no leader epoch. */
const NONE = -1;
const NO_PRODUCER: BatchProducer = { id: NONE, epoch: NONE, sequence: NONE };

/** A batch's header fields, fixed when it is finished. */
export interface BatchStamp {
  readonly baseOffset: number;
  /** ms since the epoch; what the records' deltas were taken from. */
  readonly baseTimestamp: number;
  /** The newest record's, ms. */
  readonly maxTimestamp: number;
  /** True: every record has `maxTimestamp`, given by the log. */
  readonly appendTime: boolean;
  /** Default: none. */
  readonly producer?: BatchProducer;
}

/** The producer of a batch: lets a broker recognise a resend (Kafka protocol, "Record Batch"; KIP-98). */
export interface BatchProducer {
  /** Given by the cluster. */
  readonly id: number;
  readonly epoch: number;
  /** The sequence of the batch's first record in its partition. */
  readonly sequence: number;
}

/** One batch that grows in its own buffer. `add` copies; `finish` gives the buffer away and begins anew. */
export class BatchWriter {
  #bytes = new Uint8Array(0);
  #length = BATCH_HEADER_BYTES;
  #count = 0;
  #lastDelta = -1;

  get count(): number {
    return this.#count;
  }

  /** Bytes of the batch so far, header included. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a record; its offset follows the last one's.
   * @param timestampDelta ms after the batch's base timestamp
   */
  add(key: Uint8Array | undefined, value: Uint8Array | null, timestampDelta: number): void {
    const delta = ++this.#lastDelta;
    const keyBytes = key === undefined ? NONE : key.length;
    const valueBytes = value === null ? NONE : value.length;
    const length =
      2 + // attributes, count of headers
      varintBytes(timestampDelta) +
      varintBytes(delta) +
      varintBytes(keyBytes) +
      varintBytes(valueBytes) +
      (key === undefined ? 0 : keyBytes) +
      (value === null ? 0 : valueBytes);
    this.#reserve(this.#length + varintBytes(length) + length);
    const bytes = this.#bytes;
    let p = writeVarint(bytes, this.#length, length);
    bytes[p++] = 0;
    p = writeVarint(bytes, p, timestampDelta);
    p = writeVarint(bytes, p, delta);
    p = writeVarint(bytes, p, keyBytes);
    if (key !== undefined) {
      bytes.set(key, p);
      p += keyBytes;
    }
    p = writeVarint(bytes, p, valueBytes);
    if (value !== null) {
      bytes.set(value, p);
      p += valueBytes;
    }
    bytes[p++] = 0;
    this.#length = p;
    this.#count++;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const wider = new Uint8Array(Math.max(FIRST_BYTES, length, this.#bytes.length * 2));
    wider.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = wider;
  }

  /** The finished batch, which the caller then owns; this writer begins the next one. */
  finish(stamp: BatchStamp): Uint8Array<ArrayBuffer> {
    this.#reserve(BATCH_HEADER_BYTES);
    const batch = this.#bytes.subarray(0, this.#length);
    writeInt64(batch, 0, stamp.baseOffset);
    writeInt32(batch, 12, NONE);
    batch[16] = MAGIC;
    writeInt32(batch, 23, this.#lastDelta);
    writeInt64(batch, 27, stamp.baseTimestamp);
    writeInt64(batch, 35, stamp.maxTimestamp);
    const { id, epoch, sequence } = stamp.producer ?? NO_PRODUCER;
    writeInt64(batch, 43, id);
    batch[51] = epoch >> 8;
    batch[52] = epoch;
    writeInt32(batch, 53, sequence);
    writeInt32(batch, 57, this.#count);
    seal(batch, stamp.appendTime ? APPEND_TIME_BIT : 0);
    this.#bytes = new Uint8Array(0);
    this.#length = BATCH_HEADER_BYTES;
    this.#count = 0;
    this.#lastDelta = -1;
    return batch;
  }
}

/** A batch of a few records fits; a long one grows by doubling. */
const FIRST_BYTES = 256;

/** Writes what depends on the batch's final bytes: length, attributes, checksum. */
function seal(batch: Uint8Array, attributes: number): void {
  writeInt32(batch, 8, batch.length - BATCH_PREFIX_BYTES);
  batch[ATTRIBUTES_AT] = 0;
  batch[ATTRIBUTES_AT + 1] = attributes;
  writeInt32(batch, CRC_AT, crc32c(batch, ATTRIBUTES_AT, batch.length));
}

/** The same batch with its records compressed, or `batch` itself where that would not be smaller; `batch` is not compressed yet. */
export function compressBatch(batch: Uint8Array, codec: Codec): Uint8Array {
  const packed = compress(codec, batch.subarray(BATCH_HEADER_BYTES));
  if (BATCH_HEADER_BYTES + packed.length >= batch.length) return batch;
  const smaller = new Uint8Array(BATCH_HEADER_BYTES + packed.length);
  smaller.set(batch.subarray(0, BATCH_HEADER_BYTES));
  smaller.set(packed, BATCH_HEADER_BYTES);
  seal(smaller, batch[ATTRIBUTES_AT + 1] | CODECS.indexOf(codec));
  return smaller;
}

/** A whole batch at once. */
export interface NewBatch {
  readonly baseOffset: number;
  readonly records: readonly NewRecord[];
  /** ms since the epoch: one for all, or one for each record. */
  readonly timestamp: number | readonly number[];
  /** True: the log's own append time (then `timestamp` is one for all). */
  readonly appendTime?: boolean;
  readonly codec?: Codec;
  readonly producer?: BatchProducer;
}

/**
 * The batch's bytes; `records` is not empty.
 * @example
 * ```ts
 * const value = new TextEncoder().encode("21.5");
 * const bytes = encodeBatch({ baseOffset: 10, records: [{ value }, { value }], timestamp: Date.UTC(2020, 0, 13) });
 * const records = new Records();
 * assert.equal(decodeBatch(bytes, 0, bytes.length, 0, records), bytes.length);
 * assert.deepEqual([...records.offset.subarray(0, records.count)], [10, 11]);
 * ```
 */
export function encodeBatch(batch: NewBatch): Uint8Array {
  const times = typeof batch.timestamp === "number" ? [batch.timestamp] : batch.timestamp;
  const baseTimestamp = times[0];
  const writer = new BatchWriter();
  let maxTimestamp = baseTimestamp;
  for (const [i, record] of batch.records.entries()) {
    const time = times[Math.min(i, times.length - 1)];
    if (time > maxTimestamp) maxTimestamp = time;
    writer.add(record.key, record.value, time - baseTimestamp);
  }
  const { baseOffset, appendTime = false, codec = "none", producer = NO_PRODUCER } = batch;
  const bytes = writer.finish({ baseOffset, baseTimestamp, maxTimestamp, appendTime, producer });
  return codec === "none" ? bytes : compressBatch(bytes, codec);
}
