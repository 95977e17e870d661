/** Puts what ingest does not count into the lists: quarantined readings and rejected records. */
import { CLOCK_BEHIND_MS } from "../core/limits.ts";
import { IDENTITY_SEQUENCE, NO_BOOT, type Readings } from "../core/readings.ts";
import { ABSENT, NO_TIMESTAMP, type Records } from "../core/records.ts";
import { rejectionAt } from "../core/rejections.ts";
import type { SeriesBatch } from "./by-series.ts";
import { REJECTION_BYTES_MAX } from "./dead-letters.ts";
import type { Series } from "./sensors.ts";
import type { State } from "./state.ts";

/** The position of each row in its record; null: each record is one row. */
export type RowsInRecord = Pick<SeriesBatch, "index" | "isAlone"> | null;

/** Works on one batch at a time, as ingest does. */
export class SetAside {
  readonly #state: State;
  readonly #foreignAppendTimes: boolean;
  /** The clocks were looked at for this batch. */
  #hasLooked = false;

  /** @param foreignAppendTimes append times are of another host's clock */
  constructor(state: State, foreignAppendTimes: boolean) {
    this.#state = state;
    this.#foreignAppendTimes = foreignAppendTimes;
  }

  /** Another batch begins. */
  begin(): void {
    this.#hasLooked = false;
  }

  /** Row i has an impossible time. */
  quarantine(records: Records, readings: Readings, i: number, sensor: Series, nowMs: number): void {
    const { quarantine, clockOffset, identities } = this.#state;
    const { deviceNames, bootNames } = identities;
    sensor.totals.quarantined++;
    if (quarantine.isFull) {
      sensor.totals.quarantineDropped++;
      return;
    }
    const time = readings.time[i];
    const judgedAgainst = records.appendTime ? records.timestamp[i] : nowMs;
    const isSequence = readings.identity[i] === IDENTITY_SEQUENCE;
    if (!this.#hasLooked) clockOffset.look();
    this.#hasLooked = true;
    quarantine.add({
      id: quarantine.takeId(),
      sensor: sensor.id,
      device: deviceNames.text(readings.device[i]),
      boot: readings.boot[i] === NO_BOOT || !isSequence ? null : bootNames.text(readings.boot[i]),
      sequence: isSequence ? readings.sequence[i] : null,
      value: readings.value[i],
      time,
      judgedAgainst,
      reason: time < CLOCK_BEHIND_MS ? "before-2000" : "ahead",
      clockOffset: records.appendTime && this.#foreignAppendTimes ? null : clockOffset.of(judgedAgainst),
      identity: readings.identity[i],
    });
  }

  /** Row i was rejected by its decoder. */
  reject(
    records: Records,
    readings: Readings,
    i: number,
    sensor: Series,
    partition: number,
    nowMs: number,
    inRecord: RowsInRecord,
  ): void {
    const { rejections } = this.#state;
    sensor.totals.rejected++;
    const start = records.valueStart[i];
    const length = start === ABSENT ? 0 : records.valueEnd[i] - start;
    const kept = Math.min(length, REJECTION_BYTES_MAX);
    const timestamp = records.timestamp[i];
    rejections.add({
      id: rejections.takeId(),
      sensor: sensor.id,
      partition,
      offset: records.offset[i],
      reading: inRecord?.index[i] ?? 0,
      isAlone: inRecord === null || inRecord.isAlone[i] !== 0,
      code: rejectionAt(readings.rejection[i]).code,
      key: records.keyStart[i] === ABSENT ? null : records.data.slice(records.keyStart[i], records.keyEnd[i]),
      bytes: kept === 0 ? new Uint8Array(0) : records.data.slice(start, start + kept),
      length,
      timestamp: timestamp === NO_TIMESTAMP ? nowMs : timestamp,
      appendTime: records.appendTime,
      arrival: nowMs,
    });
  }
}
