/** What one JSON object says, while it is read, and how it becomes a row. Shared by the scanner and the JSON.parse fall-back. */
import { TIME_MS_MAX, TIME_MS_MIN } from "../../core/limits.ts";
import { IDENTITY_EXPLICIT, IDENTITY_SEQUENCE, NO_BOOT } from "../../core/readings.ts";
import type { Batch } from "../format.ts";

/** Fields of one object. Names are byte ranges, so that none is interned before the whole object is known to be good. */
export class JsonRow {
  value = 0.5;
  hasTime = false;
  /** ms, an integer. */
  timeMs = 0.5;
  /** Where the names' bytes are: the batch's own, or others when a name had to be put together. */
  names: DataView;
  /** -1: absent; the same for boot. */
  deviceStart = -1;
  deviceEnd = 0;
  bootStart = -1;
  bootEnd = 0;
  idText: string | undefined = undefined;
  /** -1: absent. */
  sequence = -1;

  constructor(names: DataView) {
    this.names = names;
  }

  clear(names: DataView): void {
    this.names = names;
    this.hasTime = false;
    this.deviceStart = -1;
    this.bootStart = -1;
    this.idText = undefined;
    this.sequence = -1;
  }

  /** True when the row's time is one that a reading can have: the payload's own was judged before, the record's is now. */
  isInTime(batch: Batch, row: number): boolean {
    if (this.hasTime) return true;
    const timestamp = batch.records.timestamp[batch.recordOf(row)];
    return timestamp >= TIME_MS_MIN && timestamp <= TIME_MS_MAX;
  }

  /** Writes an accepted row over the bare value's columns that `Batch.begin` put there. */
  write(batch: Batch, row: number): void {
    const { readings, context } = batch;
    readings.value[row] = this.value;
    if (this.hasTime) {
      readings.time[row] = this.timeMs;
      readings.ownTime[row] = 1;
    }
    readings.device[row] =
      this.deviceStart < 0
        ? batch.keyDevice(batch.recordOf(row))
        : context.devices.internFrom(context.series, this.names, this.deviceStart, this.deviceEnd);
    readings.boot[row] =
      this.bootStart < 0 ? NO_BOOT : context.boots.internFrom(context.series, this.names, this.bootStart, this.bootEnd);
    if (this.idText !== undefined) {
      readings.identity[row] = IDENTITY_EXPLICIT;
      batch.setId(row, this.idText);
    } else if (this.sequence >= 0) {
      readings.identity[row] = IDENTITY_SEQUENCE;
      readings.sequence[row] = this.sequence;
    }
  }
}
