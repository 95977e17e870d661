/** Decodes records at the door, as they will be decoded from the log, to tell the sender what will be rejected. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { NewRecord } from "../log/log.ts";

/** A record that will be rejected when it is read from the log. */
export interface RecordFault {
  /** Its index among the records of the body. */
  readonly record: number;
  /** Where in the record's value it begins, bytes: not at its start where the record holds many. */
  readonly at: number;
  /** As in the list of rejections. */
  readonly code: string;
  readonly reason: string;
}

/** What the records of a body are: readings, and others. */
export interface RecordsFound {
  /** A record may hold many. */
  readonly readings: number;
  readonly rejected: number;
  /** Of what is rejected, the first ones; in the order of the body. */
  readonly faults: readonly RecordFault[];
}

/** Finds what will become of records, before they are appended. @param faultsMax most faults to return */
export type LookInto = (records: readonly NewRecord[], faultsMax: number) => RecordsFound;

/** Records that are looked into before others may run, and bytes of them: some 10 ms. A record alone may be larger. */
const SLICE_RECORDS = 8192;
const SLICE_BYTES = 262_144;

/** Looks into many records without holding up others; finds what `lookInto` finds in all of them at once. */
export async function lookInSlices(
  lookInto: LookInto,
  records: readonly NewRecord[],
  faultsMax: number,
): Promise<RecordsFound> {
  const all = { readings: 0, rejected: 0, faults: [] as RecordFault[] };
  for (let start = 0, end = 0; start < records.length; start = end) {
    end = sliceEnd(records, start);
    if (end - start === records.length) return lookInto(records, faultsMax);
    await nextTurn(); // the first time, too: the body was cut into its records just now
    const { readings, rejected, faults } = lookInto(records.slice(start, end), faultsMax - all.faults.length);
    all.readings += readings;
    all.rejected += rejected;
    for (const fault of faults) all.faults.push({ ...fault, record: start + fault.record });
  }
  return all;
}

function sliceEnd(records: readonly NewRecord[], start: number): number {
  let end = start;
  const most = Math.min(records.length, start + SLICE_RECORDS);
  for (let bytes = 0; end < most && bytes < SLICE_BYTES; end++) bytes += records[end].value.length;
  return end;
}
