/** Packing: a run of small batches of one topic becomes one compressed batch with the same records, offsets and append times. */
import { TidemarkError } from "../../core/errors.ts";
import { ABSENT, Records } from "../../core/records.ts";
import { BatchWriter, compressBatch } from "../batch-writer.ts";
import { decodeBatch } from "../record-batch.ts";
import type { StoredBatch } from "./log-file.ts";

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
export function pack(rows: readonly StoredBatch[], where: string): Packed {
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
