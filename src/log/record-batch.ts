/** RecordBatch v2, the form of batches on Kafka's wire and in the embedded log: bytes ⇄ `Records`. The hottest loop of the product. */
import { crc32 } from "node:zlib";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { ABSENT, Records } from "../core/records.ts";
import { asBuffer, decompress, TooLarge } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { int16, int32, int64, readVarint, readVarlong, slot } from "./varint.ts";

/*
 * Layout (Kafka protocol, https://kafka.apache.org/documentation/#recordbatch), big-endian; the checksum covers attributes to the end:
 *   0 baseOffset int64 · 8 batchLength int32 (bytes after it) · 12 partitionLeaderEpoch int32 · 16 magic int8 · 17 crc uint32
 *   21 attributes int16 · 23 lastOffsetDelta int32 · 27 baseTimestamp int64 · 35 maxTimestamp int64
 *   43 producerId int64 · 51 producerEpoch int16 · 53 baseSequence int32 · 57 count int32 · 61 records
 * A record: length, attributes int8, timestampDelta, offsetDelta, key length, key, value length, value, headers; lengths and deltas are zigzag varints.
 */
/** Bytes of a batch before its records. */
export const BATCH_HEADER_BYTES = 61;
/** Bytes before those that `batchLength` counts. */
export const BATCH_PREFIX_BYTES = 12;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
const MAGIC_AT = 16;
export const MAGIC = 2;

/** Attribute bits. */
export const CODEC_BITS = 0x07;
export const APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;

/** The shortest record: length, attributes, two deltas, two lengths and a count of headers, one byte each. Bounds what a count may claim. */
const RECORD_BYTES_MIN = 7;

/** Bytes from a record's start within which `decodeShort` reads words: the end of a batch is for the general loop. */
const SHORT_RECORD_WINDOW = 13;

/** Control record types (Kafka protocol, "Control Batches"): what a transaction's marker says. */
export const CONTROL_ABORT = 0;
export const CONTROL_COMMIT = 1;

/** The header of a batch; reused, filled by `readBatchHeader`. */
export class BatchHeader {
  /** Byte positions of the whole batch, end exclusive. */
  start = 0;
  end = 0;
  baseOffset = 0;
  /** The offset after the batch; past its last record when compaction removed some. */
  nextOffset = 0;
  count = 0;
  attributes = 0;
  /** ms since the epoch. */
  baseTimestamp = 0;
  maxTimestamp = 0;
  /** -1 when the producer is neither idempotent nor transactional. */
  producerId = 0;

  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  get codec(): number {
    return this.attributes & CODEC_BITS;
  }

  /** True when the broker stamped the batch: every record has `maxTimestamp`. */
  get appendTime(): boolean {
    return (this.attributes & APPEND_TIME_BIT) !== 0;
  }

  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_BIT) !== 0;
  }

  /** True when the batch holds a transaction's marker and no readings. */
  get isControl(): boolean {
    return (this.attributes & CONTROL_BIT) !== 0;
  }
}

/**
 * Reads the header of the batch at `position`; no checksum yet.
 * @param where names the log in an error, e.g. `"temperature" partition 0`
 * @returns false when the batch is not complete before `end`
 * @throws TidemarkError "log-corrupt" when no batch can look like this, "log-too-old" when it was written before Kafka 0.11
 */
export function readBatchHeader(
  bytes: Uint8Array,
  position: number,
  end: number,
  header: BatchHeader,
  where = "the log",
): boolean {
  if (end - position > MAGIC_AT && bytes[position + MAGIC_AT] !== MAGIC) throw foreign(bytes, position, where);
  if (end - position < BATCH_HEADER_BYTES) return false;
  const baseOffset = int64(bytes, position);
  const length = int32(bytes, position + 8);
  if (length < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) {
    throw corrupt(where, baseOffset, `length must be >= ${BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES}, was ${length}`);
  }
  if (length > end - position - BATCH_PREFIX_BYTES) return false;
  const lastDelta = int32(bytes, position + 23);
  header.start = position;
  header.end = position + BATCH_PREFIX_BYTES + length;
  header.baseOffset = baseOffset;
  header.nextOffset = baseOffset + lastDelta + 1;
  header.attributes = int16(bytes, position + ATTRIBUTES_AT);
  header.baseTimestamp = int64(bytes, position + 27);
  header.maxTimestamp = int64(bytes, position + 35);
  header.producerId = int64(bytes, position + 43);
  header.count = int32(bytes, position + 57);
  if (baseOffset < 0 || lastDelta < 0 || header.nextOffset > Number.MAX_SAFE_INTEGER) {
    throw corrupt(where, baseOffset, `offsets must be within 0 and 2^53, the last was ${header.nextOffset - 1}`);
  }
  return true;
}

const NO_BYTES = new Uint8Array(0);

/** The rest of a batch that is read in pieces; reused, filled by `startBatch`. */
export class BatchRest {
  /** The records, inflated. */
  data: Uint8Array = NO_BYTES;
  position = 0;
  end = 0;
  /** Records that were not read. */
  left = 0;
  /** The offset delta of the last record read. */
  before = -1;
}

/**
 * The offset behind a batch that cannot be read, as its header has it.
 * @param from what was asked for: the batch holds it, or comes after it
 * @param logEnd the offset after the log's newest record
 * @returns null when the header is not to be believed
 */
export function resumeBehind(bytes: Uint8Array, position: number, from: number, logEnd: number): number | null {
  if (bytes.length - position <= MAGIC_AT) return null;
  const isOld = bytes[position + MAGIC_AT] < MAGIC;
  if (!isOld && bytes.length - position < BATCH_HEADER_BYTES) return null;
  const next = int64(bytes, position) + (isOld ? 0 : int32(bytes, position + 23)) + 1;
  return next > from && next <= logEnd ? next : null;
}

/** Of a message of before Kafka 0.11: offset int64, size int32 (of what follows), CRC-32 uint32 (over what follows), magic int8 … */
const OLD_CRC_AT = 12;

/** What is no RecordBatch v2: a message of before Kafka 0.11 if its own checksum says so, else anything. */
function foreign(bytes: Uint8Array, position: number, where: string): TidemarkError {
  const magic = bytes[position + MAGIC_AT];
  const offset = int64(bytes, position);
  const end = position + BATCH_PREFIX_BYTES + int32(bytes, position + 8);
  const isOld = magic < MAGIC && end > position + MAGIC_AT && end <= bytes.length;
  if (!isOld || crc32(bytes.subarray(position + MAGIC_AT, end)) !== int32(bytes, position + OLD_CRC_AT) >>> 0) {
    return corrupt(where, offset, `magic must be ${MAGIC}, was ${magic}`);
  }
  const why = `was written before Kafka 0.11 (message format ${magic}), which is not read`;
  return new TidemarkError("log-too-old", `Cannot decode ${where}: the message at offset ${offset} ${why}`);
}

const controlRows = new Records(1);

/** The type of a control batch's marker: `CONTROL_ABORT`, `CONTROL_COMMIT`, or another number that a reader may skip. @throws TidemarkError "log-corrupt" */
export function controlType(bytes: Uint8Array, header: BatchHeader, where = "the log"): number {
  const rows = controlRows;
  startBatch(bytes, header, ownRest, where);
  continueBatch(header, ownRest, 0, rows, where, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  if (rows.count < 1 || rows.keyStart[0] === ABSENT || rows.keyEnd[0] - rows.keyStart[0] < 4) {
    throw corrupt(where, header.baseOffset, "a control record must have a key of >= 4 bytes");
  }
  return int16(rows.data, rows.keyStart[0] + 2);
}

const ownHeader = new BatchHeader();
const ownRest = new BatchRest();

/**
 * Fills `into` with the records of the batch at `position` whose offset is >= `from`; positions point into `bytes`, or into new memory when the batch was compressed.
 * A control batch gives `count` 0. `nextOffset` is the offset to read afterwards, never below `from`. About 10 ns a record.
 * @param end where the bytes that may be read end
 * @param where names the log in an error, e.g. `"temperature" partition 0`
 * @returns the position after the batch, or -1 when it is not complete (then `into` is as it was)
 * @throws TidemarkError "log-corrupt", naming the base offset, when the checksum fails or a length is malformed
 * @example
 * ```ts
 * const value = new TextEncoder().encode("21.5");
 * const bytes = encodeBatch({ baseOffset: 10, records: [{ value }, { value }], timestamp: 0 });
 * const records = new Records();
 * decodeBatch(bytes, 0, bytes.length, 11, records); // from offset 11 on
 * const [start, end] = [records.valueStart[0], records.valueEnd[0]];
 * assert.equal(new TextDecoder().decode(records.data.subarray(start, end)), "21.5");
 * assert.deepEqual([records.count, records.nextOffset], [1, 12]);
 * ```
 */
export function decodeBatch(
  bytes: Uint8Array,
  position: number,
  end: number,
  from: number,
  into: Records,
  where = "the log",
): number {
  const header = ownHeader;
  if (!readBatchHeader(bytes, position, end, header, where)) return -1;
  if (header.isControl) {
    verify(bytes, header, where);
    into.count = 0;
    into.appendTime = header.appendTime;
    into.nextOffset = Math.max(from, header.nextOffset);
  } else {
    startBatch(bytes, header, ownRest, where);
    continueBatch(header, ownRest, from, into, where, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  }
  return header.end;
}

/**
 * A batch is taken in in pieces of so many rows, or bytes where a record may hold many readings, at most (one record whatever its size): others
 * wait for one piece. 4 µs a row where each is of a device that is new.
 */
const PIECE_ROWS = 4096;
const PIECE_BYTES = 32_768;

/** Verifies the batch of the header and inflates its records, for `continueBatch`. @throws TidemarkError "log-corrupt" */
export function startBatch(bytes: Uint8Array, header: BatchHeader, rest: BatchRest, where = "the log"): void {
  verify(bytes, header, where);
  rest.before = -1;
  rest.left = header.count;
  rest.data = bytes;
  rest.position = header.start + BATCH_HEADER_BYTES;
  rest.end = header.end;
  if (header.codec !== 0) {
    rest.data = decompressed(bytes.subarray(rest.position, rest.end), header, where);
    rest.position = 0;
    rest.end = rest.data.length;
  }
  if (header.count < 0 || header.count * RECORD_BYTES_MIN > rest.end - rest.position) {
    throw corrupt(where, header.baseOffset, `${rest.end - rest.position} bytes cannot hold ${header.count} records`);
  }
}

/**
 * Fills `into` with the next records of the batch; there are more while `rest.left` is not 0.
 * @param from rows of lower offsets are left out
 * @throws TidemarkError "log-corrupt" when a length is malformed
 */
export function continueBatch(
  header: BatchHeader,
  rest: BatchRest,
  from: number,
  into: Records,
  where = "the log",
  rowsMax = PIECE_ROWS,
  bytesMax = PIECE_BYTES,
): void {
  into.count = 0;
  into.appendTime = header.appendTime;
  if (from >= header.nextOffset) rest.left = 0;
  else {
    const count = Math.min(rest.left, rowsMax) | 0;
    into.reserve(count);
    into.data = rest.data;
    const fault = decodeColumns(rest, count, bytesMax, header, from, into);
    if (fault !== "") throw corrupt(where, header.baseOffset, fault);
    if (header.appendTime) into.timestamp.fill(header.maxTimestamp, 0, into.count);
  }
  into.nextOffset = Math.max(from, rest.left > 0 ? header.baseOffset + rest.before + 1 : header.nextOffset);
  if (rest.left === 0) rest.data = NO_BYTES;
}

function verify(bytes: Uint8Array, header: BatchHeader, where: string): void {
  const wanted = int32(bytes, header.start + CRC_AT) >>> 0;
  const actual = crc32c(bytes, header.start + ATTRIBUTES_AT, header.end);
  if (actual !== wanted) throw corrupt(where, header.baseOffset, `checksum must be ${hex(wanted)}, was ${hex(actual)}`);
}

function decompressed(packed: Uint8Array, header: BatchHeader, where: string): Uint8Array {
  try {
    return decompress(header.codec, asBuffer(packed));
  } catch (cause) {
    if (cause instanceof TooLarge) {
      const what = `Cannot decode ${where}: the batch at offset ${header.baseOffset} is too large: ${cause.message}`;
      throw new TidemarkError("log-corrupt", what, cause);
    }
    throw corrupt(where, header.baseOffset, "its records cannot be decompressed", cause);
  }
}

/**
 * The loop over the records. Short varints are read in line, longer ones by `readVarint`. A malformed record may make it look a few bytes past `end`
 * (past the array that is `undefined`, hence 0 in bit operations); positions only grow, and none is kept that passes its record's end.
 * `| 0` keeps lengths and deltas in small integers (as Kafka's own int32); without it every position becomes a double.
 * @returns "" or what is malformed
 */
function decodeColumns(
  rest: BatchRest,
  count: number,
  bytesMax: number,
  header: BatchHeader,
  from: number,
  into: Records,
): string {
  const { data } = rest;
  const end = rest.end | 0;
  const { offset, timestamp, keyStart, keyEnd, valueStart, valueEnd } = into;
  const { baseOffset, baseTimestamp } = header;
  const lastDelta = (header.nextOffset - 1 - baseOffset) | 0;
  const fromDelta = Math.max(0, from - baseOffset) | 0;
  let row = 0;
  let keyRows = 0; // rows whose key columns are written: whole runs without keys, the usual case, are filled at once
  let before = rest.before | 0;
  let p = rest.position | 0;
  const enough = Math.min(end, p + bytesMax) | 0;
  let left = count;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (; left > 0; left--) {
    if (p >= enough && p < end) break;
    if (before >= fromDelta - 1) {
      const short = decodeShort(view, p, end, left, row, before, lastDelta, header, into);
      if (short > 0) {
        p = slot[0];
        row += short;
        left -= short;
        before = offset[row - 1] - baseOffset;
        if (left === 0) break;
      }
    }
    if (p >= end) return `${left + rest.left - count} of ${header.count} records are missing`;
    let x = data[p++];
    let length = x >>> 1;
    if (x >= 128) {
      x = (x & 127) | (data[p++] << 7);
      length = x >>> 1;
      if (x >= 16384) {
        x = (x & 16383) | (data[p++] << 14);
        length = x >>> 1;
        if (x >= 2097152) {
          p = readVarint(data, p - 3, end);
          length = slot[0] | 0;
        }
      }
      if (x & 1) return "a record's length is negative";
    } else if (x & 1) return "a record's length is negative";
    const next = p + length;
    if (!(next <= end)) return "a record passes the end of its batch";
    p++; // attributes: unused

    x = data[p++];
    let time = (x >>> 1) ^ -(x & 1);
    if (x >= 128) {
      x = (x & 127) | (data[p++] << 7);
      time = (x >>> 1) ^ -(x & 1);
      if (x >= 16384) {
        x = (x & 16383) | (data[p++] << 14);
        time = (x >>> 1) ^ -(x & 1);
        if (x >= 2097152) {
          x = (x & 2097151) | (data[p++] << 21);
          time = (x >>> 1) ^ -(x & 1);
          if (x >= 268435456) {
            p = readVarlong(data, p - 4, end);
            time = slot[0];
          }
        }
      }
    }

    x = data[p++];
    let delta = (x >>> 1) ^ -(x & 1);
    if (x >= 128) {
      x = (x & 127) | (data[p++] << 7);
      delta = (x >>> 1) ^ -(x & 1);
      if (x >= 16384) {
        x = (x & 16383) | (data[p++] << 14);
        delta = (x >>> 1) ^ -(x & 1);
        if (x >= 2097152) {
          p = readVarint(data, p - 3, end);
          delta = slot[0] | 0;
        }
      }
    }
    if (!(delta > before && delta <= lastDelta)) return `a record's offset delta ${delta} is out of order`;
    before = delta;

    x = data[p++];
    let keyLength = (x >>> 1) ^ -(x & 1);
    if (x >= 128) {
      x = (x & 127) | (data[p++] << 7);
      keyLength = (x >>> 1) ^ -(x & 1);
      if (x >= 16384) {
        p = readVarint(data, p - 2, end);
        keyLength = slot[0] | 0;
      }
    }
    const keyAt = p;
    if (keyLength > 0) p += keyLength;

    x = data[p++];
    let valueLength = (x >>> 1) ^ -(x & 1);
    if (x >= 128) {
      x = (x & 127) | (data[p++] << 7);
      valueLength = (x >>> 1) ^ -(x & 1);
      if (x >= 16384) {
        x = (x & 16383) | (data[p++] << 14);
        valueLength = (x >>> 1) ^ -(x & 1);
        if (x >= 2097152) {
          p = readVarint(data, p - 3, end);
          valueLength = slot[0] | 0;
        }
      }
    }
    const valueAt = p;
    if (valueLength > 0) p += valueLength;
    // What is left of the record, at least one byte, is its headers: nothing of tidemark reads them.
    if (!(p < next && keyLength >= -1 && valueLength >= -1)) return "a record's fields pass its end";
    p = next;
    if (delta < fromDelta) continue;
    offset[row] = baseOffset + delta;
    timestamp[row] = baseTimestamp + time;
    if (keyLength >= 0) {
      if (row > keyRows) {
        keyStart.fill(ABSENT, keyRows, row);
        keyEnd.fill(ABSENT, keyRows, row);
      }
      keyStart[row] = keyAt;
      keyEnd[row] = keyAt + keyLength;
      keyRows = row + 1;
    }
    valueStart[row] = valueLength < 0 ? ABSENT : valueAt;
    valueEnd[row] = valueLength < 0 ? ABSENT : valueAt + valueLength;
    row++;
  }
  rest.left -= count - left;
  rest.position = p;
  rest.before = before;
  if (rest.left === 0 && p !== end) return `${end - p} bytes are left after the last record`;
  keyStart.fill(ABSENT, keyRows, row);
  keyEnd.fill(ABSENT, keyRows, row);
  into.keyless = keyRows === 0;
  into.count = row;
  return "";
}

/**
 * Records as a sensor writes them, without a key and with short fields, each from two words: their columns into the rows from `firstRow` on.
 * It ends before a record that is anything else or wrong in any way, which the general loop reads.
 * @returns how many rows; `slot` holds the position after them
 */
function decodeShort(
  view: DataView,
  position: number,
  end: number,
  count: number,
  firstRow: number,
  deltaBefore: number,
  lastDelta: number,
  header: BatchHeader,
  into: Records,
): number {
  const { offset, timestamp, valueStart, valueEnd } = into;
  const { baseOffset, baseTimestamp } = header;
  const limit = end - SHORT_RECORD_WINDOW;
  const rowLimit = firstRow + count;
  let before = deltaBefore;
  let p = position;
  let row = firstRow;
  for (; row < rowLimit && p <= limit; row++) {
    const length = view.getUint8(p);
    let word = view.getUint32(p + 2, true); // the time delta, up to four bytes
    let time = word & 127;
    let at = p + 3;
    if ((word & 0x80) !== 0) {
      time |= (word >>> 1) & 0x3f80;
      at++;
      if ((word & 0x8000) !== 0) {
        time |= (word >>> 2) & 0x1fc000;
        at++;
        if ((word & 0x800000) !== 0) {
          if (word >>> 31 !== 0) break;
          time |= (word >>> 3) & 0xfe00000;
          at++;
        }
      }
    }
    word = view.getUint32(at, true); // the offset delta, up to three bytes, and the lengths of key and value
    let delta = word & 127;
    let lengths = word >>> 8;
    at += 3;
    if ((word & 0x80) !== 0) {
      delta |= (word >>> 1) & 0x3f80;
      lengths = word >>> 16;
      at++;
      if ((word & 0x8000) !== 0) {
        if ((word & 0x800000) !== 0) break;
        delta |= (word >>> 2) & 0x1fc000;
        lengths = view.getUint16(at - 1, true);
        at++;
      }
    }
    // Even, so not negative, and of one byte each: the record's length, the delta, the value's length; 1 is a key's length of -1.
    if ((length & 0x81) !== 0 || (delta & 1) !== 0 || (lengths & 0x81ff) !== 1) break;
    delta >>>= 1;
    const valueAfter = at + ((lengths >>> 9) & 63);
    const next = p + 1 + (length >>> 1);
    if (delta <= before || delta > lastDelta || valueAfter >= next || next > end) break;
    offset[row] = baseOffset + delta;
    timestamp[row] = baseTimestamp + ((time >>> 1) ^ -(time & 1));
    valueStart[row] = at;
    valueEnd[row] = valueAfter;
    before = delta;
    p = next;
  }
  slot[0] = p;
  return row - firstRow;
}

function hex(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, "0")}`;
}

function corrupt(where: string, baseOffset: number, what: string, cause?: unknown): TidemarkError {
  const because = cause === undefined ? "" : ` (${messageOf(cause)})`;
  return new TidemarkError(
    "log-corrupt",
    `Cannot decode ${where}: the batch at offset ${baseOffset} is damaged: ${what}${because}`,
    cause,
  );
}
