/** When a record's readings were measured, as the oracle decodes them. */
import { decodeRecord, refused } from "../oracle/decode.ts";

interface Content {
  readonly value: Uint8Array | null;
  readonly time: number;
}

/** Before it no clock is right. */
const YEAR_2000 = 946_684_800_000;

/** Of records that were looked at: each is several times. */
const known = new WeakMap<Uint8Array, readonly number[]>();

/** Event times of a record's readings, seen before or not, but for those that no clock allows. The time of reading is nobody's. */
export function timesOf({ value, time }: Content, zone: string, latest: number): readonly number[] {
  if (value === null) return [];
  let times = known.get(value);
  if (times === undefined) {
    const decoded = decodeRecord(value, zone).flatMap((outcome) => (refused(outcome) ? [] : (outcome.time ?? time)));
    times = decoded.filter((each) => each >= YEAR_2000);
    known.set(value, times);
  }
  return times.filter((each) => each <= latest);
}
