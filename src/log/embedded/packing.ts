/** Packing: a run of small batches of one topic becomes one compressed batch with the same records, offsets and append times. */
import { TidemarkError } from "../../core/errors.ts";
import { ABSENT, Records } from "../../core/records.ts";
import { BatchWriter, compressBatch } from "../batch-writer.ts";
import { ATTRIBUTES_AT, BATCH_HEADER_BYTES, CODEC_BITS, decodeBatch } from "../record-batch.ts";
import { rowOf, type StoredBatch } from "./log-file.ts";

/**
 * A run of small batches is packed when it holds this many bytes of records, and a batch of as many is compressed when it is appended.
 * Longer ones compress worse (their offsets and times take more bytes) and make a longer piece of work between two appends.
 */
export const PACK_BYTES = 65_536;

/** A batch written at once has one append time (bit 3 of its attributes); a packed one has each record's as a delta. */
export interface Packed extends StoredBatch {
  /** The first record's append time, ms. */
  readonly time: number;
}

const records = new Records();

/**
 * @param rows at least one, each following the one before
 * @param where names the log in an error
 * @throws TidemarkError "log-corrupt" when a row is damaged or missing
 */
function pack(rows: readonly StoredBatch[], where: string): Packed {
  const writer = new BatchWriter();
  const baseOffset = rows[0].base;
  let baseTimestamp = 0;
  let maxTimestamp = 0;
  let next = baseOffset;
  for (const { base, bytes } of rows) {
    if (base !== next) throw new TidemarkError("log-corrupt", `Cannot pack ${where}: offset ${next} is missing`);
    decodeBatch(bytes, 0, bytes.length, base, records, where);
    const { data, timestamp, keyStart, keyEnd, valueStart, valueEnd } = records;
    for (let i = 0; i < records.count; i++) {
      if (records.offset[i] !== next) {
        const found = `found offset ${records.offset[i]}`;
        throw new TidemarkError("log-corrupt", `Cannot pack ${where}: offset ${next} is missing, ${found}`);
      }
      if (next++ === baseOffset) baseTimestamp = maxTimestamp = timestamp[i];
      else if (timestamp[i] > maxTimestamp) maxTimestamp = timestamp[i];
      writer.add(
        keyStart[i] === ABSENT ? undefined : data.subarray(keyStart[i], keyEnd[i]),
        data.subarray(valueStart[i], valueEnd[i]),
        timestamp[i] - baseTimestamp,
      );
    }
  }
  const batch = writer.finish({ baseOffset, baseTimestamp, maxTimestamp, appendTime: false });
  return { base: baseOffset, next, time: baseTimestamp, bytes: compressBatch(batch, "zstd") };
}

/** Null when a batch of the run is damaged: it stays as it is, for the reader to name. */
export function packRun(run: readonly StoredBatch[], where: string): Packed | null {
  try {
    return pack(run, where);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "log-corrupt") return null;
    throw error;
  }
}

/** Batches at the start of the rows that are all small, or all large. */
interface Run {
  readonly run: readonly StoredBatch[];
  /** Of their records. */
  readonly bytes: number;
  readonly large: boolean;
  /** Whether the next batch is of the other kind, or there is enough to pack. */
  readonly ended: boolean;
}

/** @param rows at least one, with the columns of a stored batch */
export function firstRun(rows: Iterable<Record<string, unknown>>): Run {
  const run: StoredBatch[] = [];
  let bytes = 0;
  let large = false;
  let ended = false;
  for (const stored of rows) {
    const row = rowOf(stored);
    const rowLarge = isLarge(row.bytes);
    if (run.length === 0) large = rowLarge;
    ended = rowLarge !== large || bytes >= PACK_BYTES;
    if (ended) break;
    run.push(row);
    bytes += row.bytes.length - BATCH_HEADER_BYTES;
  }
  return { run, bytes, large, ended };
}

/** True for a batch that packing would not make smaller. */
function isLarge(batch: Uint8Array): boolean {
  return batch.length >= PACK_BYTES || (batch[ATTRIBUTES_AT + 1] & CODEC_BITS) !== 0;
}
