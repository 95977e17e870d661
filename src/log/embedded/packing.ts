/** Packing: a run of small batches of one topic becomes one compressed batch with the same records, offsets and append times. */
import { assert } from "../../core/errors.ts";
import { ABSENT, Records } from "../../core/records.ts";
import { BatchWriter, compressBatch } from "../batch-writer.ts";
import { decodeBatch } from "../record-batch.ts";
import type { Row } from "./log-file.ts";

/** A batch has one append time (bit 3 of its attributes) only when it was written at once; a packed one has each record's as a delta. */
export interface Packed extends Row {
  /** The first record's append time, ms. */
  readonly time: number;
}

const records = new Records();

/**
 * @param rows at least one, each following the one before
 * @param where names the log in an error
 * @throws TidemarkError "log-corrupt" when a row is damaged
 */
export function pack(rows: readonly Row[], where: string): Packed {
  const writer = new BatchWriter();
  const baseOffset = rows[0].base;
  let baseTimestamp = 0;
  let maxTimestamp = 0;
  let next = baseOffset;
  for (const { base, bytes } of rows) {
    assert(base === next, () => `packing offset ${base} after ${next}`);
    decodeBatch(bytes, 0, bytes.length, base, records, where);
    const { data, timestamp, keyStart, keyEnd, valueStart, valueEnd } = records;
    for (let i = 0; i < records.count; i++) {
      assert(records.offset[i] === next, () => `packing offset ${records.offset[i]} as ${next}`);
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
