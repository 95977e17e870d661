/** Decodes records at the door, as they will be decoded from the log, to tell the sender what will be rejected. */
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
