/** When a record's readings were measured, as the oracle decodes them. */
import { Oracle } from "../oracle/oracle.ts";

interface Content {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly time: number;
}

/** Event times of a record's readings, seen before or not, but for those past what the clock allows. */
export function timesOf({ key, value, time }: Content, zone: string, latest: number): number[] {
  if (time < 0) return [];
  const oracle = new Oracle({ zone, aheadMs: Number.POSITIVE_INFINITY });
  const head = { sensor: "s", topicId: "t", partition: 0, offset: 0, appendTime: false };
  oracle.receive({ ...head, recordTime: time, key, value, nowMs: time });
  return oracle
    .readings("s")
    .map((reading) => reading.time)
    .filter((each) => each <= latest);
}
