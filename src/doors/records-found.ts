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

/** Records that are looked into before others may run: some 10 ms. */
const SLICE_RECORDS = 8192;

/** Looks into many records without holding up others; finds what `lookInto` finds in all of them at once. */
export async function lookInSlices(
  lookInto: LookInto,
  records: readonly NewRecord[],
  faultsMax: number,
): Promise<RecordsFound> {
  if (records.length <= SLICE_RECORDS) return lookInto(records, faultsMax);
  const all = { readings: 0, rejected: 0, faults: [] as RecordFault[] };
  for (let start = 0; start < records.length; start += SLICE_RECORDS) {
    if (start > 0) await nextTurn();
    const slice = records.slice(start, start + SLICE_RECORDS);
    const { readings, rejected, faults } = lookInto(slice, faultsMax - all.faults.length);
    all.readings += readings;
    all.rejected += rejected;
    for (const fault of faults) all.faults.push({ ...fault, record: start + fault.record });
  }
  return all;
}
