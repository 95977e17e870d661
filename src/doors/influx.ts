/** The bytes of a write request of InfluxDB's → records for the log: the lines as they are, behind a header that says how they are read. */
import { TidemarkError } from "../core/errors.ts";
import { RECORD_BYTES_MAX } from "../core/limits.ts";
import type { LineNaming } from "../core/line-naming.ts";
import { PRECISIONS, writeHeader } from "../formats/influx/header.ts";
import { InfluxLines } from "../formats/influx/lines.ts";
import type { NewRecord } from "../log/log.ts";

/** The topic of all records of line protocol: one request is one append, whatever sensors it names. */
export const INFLUX_TOPIC = "influx";

/** What the unit of times may be called. */
export const PRECISION_NAMES: readonly string[] = Object.keys(PRECISIONS);

/** Bytes of lines in one record: what takes some 3 ms to take in, so that no answer waits longer for it. */
const LINES_BYTES = 131_072;

/**
 * Records of some lines each; none when there is nothing but white space.
 * @param precision one of `PRECISION_NAMES`
 * @throws TidemarkError "record-too-large" when a line does not fit into a record
 */
export function recordsOfLines(body: Uint8Array, precision: string, naming: LineNaming): NewRecord[] {
  const head = Buffer.from(writeHeader(precision, naming), "utf8");
  const records: NewRecord[] = [];
  let start = -1;
  let end = 0;
  const take = (): void => {
    if (head.length + end - start > RECORD_BYTES_MAX) {
      const wanted = `expected lines of <= ${RECORD_BYTES_MAX - head.length} bytes, was ${end - start}`;
      throw new TidemarkError("record-too-large", `Cannot append lines: ${wanted}`);
    }
    records.push({ value: Buffer.concat([head, body.subarray(start, end)]) });
    start = -1;
  };
  for (const lines = new InfluxLines(body, 0, body.length); lines.next(); ) {
    if (start >= 0 && lines.end - start > LINES_BYTES) take();
    if (start < 0) start = lines.start;
    end = lines.end;
  }
  if (start >= 0) take();
  return records;
}
