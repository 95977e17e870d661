/** Raw records of one topic partition, between log and formats: positions into one buffer, never an object per record. */

/** No key, or no value: the start position of an absent field. */
export const ABSENT = -1;

/** The timestamp of a record whose producer gave it none, as Kafka writes it. */
export const NO_TIMESTAMP = -1;

/**
 * A reusable batch of raw records. Columns have room for at least `count` rows; row i is one record.
 * Owner: whoever created it. `data` and the rows are valid until the next fill.
 */
export class Records {
  count = 0;
  /** The bytes that keys and values point into. */
  data: Uint8Array = new Uint8Array(0);
  /** Log offsets, ascending, < 2^53. */
  offset: Float64Array;
  /** Record timestamps, ms since the epoch: the log's own append time when `appendTime`, else what the producer claims, or NO_TIMESTAMP. */
  timestamp: Float64Array;
  /** True when `timestamp` is the moment the log took the record in (Kafka's LogAppendTime; always for the embedded log). */
  appendTime = false;
  /** True when it is known that no row has a key; `reserve` resets it. */
  keyless = false;
  /** Byte positions into `data`, end exclusive; start is `ABSENT` where there is no key (or value). */
  keyStart: Int32Array;
  keyEnd: Int32Array;
  valueStart: Int32Array;
  valueEnd: Int32Array;
  /** The offset to read after this batch; past its last record even when all of them were skipped (control batches, compaction). */
  nextOffset = 0;

  constructor(capacity = 1024) {
    this.offset = new Float64Array(capacity);
    this.timestamp = new Float64Array(capacity);
    this.keyStart = new Int32Array(capacity);
    this.keyEnd = new Int32Array(capacity);
    this.valueStart = new Int32Array(capacity);
    this.valueEnd = new Int32Array(capacity);
  }

  get capacity(): number {
    return this.offset.length;
  }

  /** Makes room for `capacity` rows; what the rows held is lost. */
  reserve(capacity: number): void {
    this.keyless = false;
    if (capacity <= this.capacity) return;
    const size = 2 ** Math.ceil(Math.log2(capacity));
    this.offset = new Float64Array(size);
    this.timestamp = new Float64Array(size);
    this.keyStart = new Int32Array(size);
    this.keyEnd = new Int32Array(size);
    this.valueStart = new Int32Array(size);
    this.valueEnd = new Int32Array(size);
  }
}
