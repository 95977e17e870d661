/** Puts a test's records into the columns that the pipeline reads. */
import { ABSENT, type Records } from "../../src/core/records.ts";

interface Row {
  readonly offset: number;
  /** ms; -1: none. */
  readonly time: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** @param nextOffset the offset to read after these */
export function fillRecords(into: Records, rows: readonly Row[], nextOffset: number, appendTime: boolean): void {
  into.reserve(rows.length);
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array | null): [number, number] => {
    if (bytes === null) return [ABSENT, ABSENT];
    parts.push(bytes);
    at += bytes.length;
    return [at - bytes.length, at];
  };
  rows.forEach((row, i) => {
    into.offset[i] = row.offset;
    into.timestamp[i] = row.time;
    [into.keyStart[i], into.keyEnd[i]] = put(row.key);
    [into.valueStart[i], into.valueEnd[i]] = put(row.value);
  });
  into.data = Buffer.concat(parts);
  into.count = rows.length;
  into.appendTime = appendTime;
  into.nextOffset = nextOffset;
}
