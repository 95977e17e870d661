/** Records in, counted readings out: decode, identity, clocks, fold. Works on batches of columns; no I/O but for cold look-ups. */
import type { Clock } from "../core/clock.ts";
import { ACTIVE_DEVICE_MS, CLOCK_BEHIND_MS } from "../core/limits.ts";
import type { OnNotice } from "../core/notice.ts";
import { IDENTITY_EXPLICIT, IDENTITY_OFFSET, IDENTITY_SEQUENCE, NO_BOOT, Readings } from "../core/readings.ts";
import { ABSENT, NO_TIMESTAMP, Records } from "../core/records.ts";
import { ACCEPTED, rejectionAt } from "../core/rejections.ts";
import type { Zone } from "../core/zone.ts";
import type { Cause } from "../engine/change.ts";
import { createDecoder, type Decoder, type Formats } from "../formats/decode.ts";
import { CONFLICT, DEVICE_CELLS, HEARD_AT, type Identities, NEW, NEWEST } from "../identity/identities.ts";
import type { Fetched } from "../log/log.ts";
import { ascendingRows, ReadingRun } from "../rollups/reading-run.ts";
import { BySeries, type SeriesBatch } from "./by-series.ts";
import { REJECTION_BYTES_MAX, type RejectionRow, recordOf } from "./dead-letters.ts";
import { Hints } from "./hints.ts";
import type { Series } from "./sensors.ts";
import type { PartitionState, Source } from "./sources.ts";
import type { State } from "./state.ts";

/** From this many devices on their state outgrows the processor's caches: it is prefetched, some rows at a time. */
const WARMED_DEVICES_MIN = 4096;
const WARMED_ROWS = 128;

/** What ingest works on. */
export interface IngestOptions {
  readonly clock: Clock;
  readonly zone: Zone;
  /** Append times are of another host's clock. */
  readonly foreignAppendTimes?: boolean;
  /** A device this far ahead of the reference has a wrong clock, ms. */
  readonly clockAheadMs: number;
  /** The payload formats; default all. */
  readonly formats?: Formats;
  /** Listener for hints to the operator; default: nobody. */
  readonly onNotice?: OnNotice;
}

/** The partition that records come from; `newest` is updated. */
type FromPartition = Pick<PartitionState, "partition" | "newest">;

/** The position of each row in its record; null: each record is one row. */
type RowsInRecord = Pick<SeriesBatch, "index" | "isAlone"> | null;

/** Takes in batches, one at a time; never waits. */
export class Ingest {
  readonly #state: State;
  readonly #options: IngestOptions;
  readonly #identities: Identities;
  readonly #records = new Records(4096);
  readonly #readings = new Readings(4096);
  readonly #decoders = new Map<string, Decoder>();
  /** After judging, the first `#counted` rows of the readings' times and values are the counted ones; `#late` says which were late. */
  #late = new Uint8Array(4096);
  #lateRows = 0;
  #counted = 0;
  readonly #run = new ReadingRun();
  readonly #bySeries = new BySeries();
  /** Sensors that received readings since it was last emptied. */
  readonly changed = new Set<Series>();
  readonly hints: Hints;
  /** The clocks were looked at for this batch. */
  #hasLooked = false;

  constructor(state: State, options: IngestOptions) {
    this.#state = state;
    this.#options = options;
    this.#identities = state.identities;
    this.hints = new Hints(options.onNotice ?? (() => {}));
  }

  /**
   * Takes in the next batch of what was read.
   * @returns false when it is used up
   * @throws TidemarkError "log-corrupt"
   */
  takeBatch(fetched: Fetched, source: Source, partition: PartitionState): boolean {
    const records = this.#records;
    if (!fetched.next(records)) return false;
    if (records.count > 0) this.take(records, source, partition);
    partition.next = records.nextOffset;
    return true;
  }

  /** Takes in a batch of records. */
  take(records: Records, source: Source, partition: FromPartition): void {
    this.#hasLooked = false;
    const { own } = source;
    const readings = this.#readings;
    if (!records.appendTime) stampArrival(records, this.#options.clock.now());
    this.#decoder(own).decode(records, readings);
    const { count, origins } = readings;
    this.#state.db.startReading();
    try {
      if (origins === null) this.#takeReadings(records, readings, own, partition, null);
      else {
        for (const batch of this.#bySeries.split(records, readings, origins)) {
          const series = this.#state.sensors.of(batch.series);
          this.#state.sources.feed(source, series);
          this.#state.sensors.follow(series, true);
          this.#takeReadings(batch.records, batch.readings, series, partition, batch);
        }
      }
    } finally {
      this.#state.db.endReading();
    }
    this.#state.waitingReadings += count;
  }

  /** @param own the series of the records' source */
  #decoder(own: Series): Decoder {
    let decoder = this.#decoders.get(own.name);
    if (decoder === undefined) {
      const { deviceNames, bootNames } = this.#identities;
      const seriesOf = (sensor: string): number => this.#state.sensors.numberOf(sensor);
      const names = { devices: deviceNames, boots: bootNames, zone: this.#options.zone };
      const unreadKeys = this.hints.unreadKeys(own);
      decoder = createDecoder({ series: own.id, seriesOf, unreadKeys, ...names }, this.#options.formats);
      this.#decoders.set(own.name, decoder);
    }
    return decoder;
  }

  /** Judges all rows, which are of one series, then counts and folds the new ones whose clock is plausible. */
  #takeReadings(
    records: Records,
    readings: Readings,
    sensor: Series,
    partition: FromPartition,
    inRecord: RowsInRecord,
  ): void {
    const { devices } = this.#identities;
    const { device, identity, rejection } = readings;
    const { count } = records;
    const nowMs = this.#options.clock.now();
    sensor.lastArrival = nowMs;
    sensor.changed = true;
    this.changed.add(sensor);
    sensor.totals.received += count;
    if (this.#late.length < count) this.#late = new Uint8Array(readings.capacity);
    this.#counted = 0;
    this.#lateRows = 0;
    let warm = devices.names.size < WARMED_DEVICES_MIN ? count : 0;
    for (let i = 0; i < count; ) {
      if (i >= warm) {
        warm = Math.min(count, i + WARMED_ROWS);
        devices.warm(readings, i, warm);
      }
      if (rejection[i] !== ACCEPTED) this.#reject(records, i, rejection[i], sensor, partition, nowMs, inRecord);
      else {
        if (!devices.isLoaded(device[i])) devices.load(device[i]);
        this.#judge(records, readings, i, sensor, nowMs);
        if (identity[i] === IDENTITY_OFFSET) i = this.#skipOrderly(records, readings, i, sensor, nowMs);
      }
      i++;
    }
    this.#countAll(readings, sensor, partition, this.#lateRows === 0 ? "reading" : null);
  }

  /** Judges row i, whose device is resident: a duplicate, quarantined, or counted. */
  #judge(records: Records, readings: Readings, i: number, sensor: Series, nowMs: number): void {
    const { devices } = this.#identities;
    const { totals, watermark } = sensor;
    const slot = readings.device[i];
    const t = readings.time[i];
    // Against the mark from before this device was heard again: it may pull the mark back.
    const isHeard = devices.cells[slot * DEVICE_CELLS + HEARD_AT] === nowMs;
    const wasLate = !isHeard && watermark.isLate(t, nowMs);
    if (!isHeard) this.#hear(slot, sensor, nowMs);
    const reference = records.appendTime ? records.timestamp[i] : nowMs;
    const impossible = t > reference + this.#options.clockAheadMs || t < CLOCK_BEHIND_MS;
    const kind = readings.identity[i];
    if (kind !== IDENTITY_OFFSET) {
      const verdict = this.#identities.classify(readings, i, sensor.id);
      if (verdict !== NEW) {
        totals.duplicates++;
        if (verdict === CONFLICT) totals.conflicts++;
        if (kind === IDENTITY_EXPLICIT)
          this.hints.takeDuplicate(sensor, readings.idText[i] ?? "", t, readings.value[i]);
        return;
      }
      totals.implicitBoots += this.#identities.startedBoots;
      devices.touch(slot);
    }
    if (impossible) {
      this.#quarantine(readings, i, sensor, reference, records.appendTime);
      return;
    }
    const late = isHeard ? watermark.isLate(t, nowMs) : wasLate;
    if (kind === IDENTITY_SEQUENCE) totals.sequence++;
    else if (kind === IDENTITY_EXPLICIT) totals.explicit++;
    else totals.offset++;
    const newest = devices.cells[slot * DEVICE_CELLS + NEWEST];
    if (t > newest) {
      devices.cells[slot * DEVICE_CELLS + NEWEST] = t;
      devices.touch(slot);
      if (newest === Number.NEGATIVE_INFINITY) watermark.joined(slot);
    }
    const row = this.#counted++;
    readings.time[row] = t;
    readings.value[row] = readings.value[i];
    this.#late[row] = late ? 1 : 0;
    if (late) this.#lateRows++;
  }

  /**
   * Takes the rows after i that need no judging: of the same device, just heard, identified by offset, at plausible times, not late. They
   * are not late when they are not before the device's newest time, nor before what other partitions still have to bring.
   * @returns the last of them, or i
   */
  #skipOrderly(records: Records, readings: Readings, i: number, sensor: Series, nowMs: number): number {
    const { devices } = this.#identities;
    const { time, device, identity, rejection } = readings;
    const { count, timestamp, appendTime } = records;
    const { uniform } = readings;
    const slot = device[i];
    const { unreadLimit } = sensor.watermark;
    const aheadMs = this.#options.clockAheadMs;
    let newest = devices.cells[slot * DEVICE_CELLS + NEWEST];
    if (newest === Number.NEGATIVE_INFINITY) return i;
    let end = i + 1;
    if (uniform && !appendTime && end < count && time[end] >= newest) {
      const ascending = ascendingRows(time, end, count);
      if (time[ascending - 1] <= nowMs + aheadMs) {
        end = ascending;
        newest = time[end - 1];
      }
    }
    for (; end < count; end++) {
      const t = time[end];
      if (t > (appendTime ? timestamp[end] : nowMs) + aheadMs) break;
      if (t < newest) {
        if (t < unreadLimit || t < CLOCK_BEHIND_MS) break;
      } else newest = t;
      if (uniform) continue;
      if (device[end] !== slot || identity[end] !== IDENTITY_OFFSET || rejection[end] !== ACCEPTED) break;
    }
    const rows = end - i - 1;
    if (rows === 0) return i;
    const to = this.#counted;
    if (to !== i + 1) {
      time.copyWithin(to, i + 1, end);
      readings.value.copyWithin(to, i + 1, end);
    }
    this.#late.fill(0, to, to + rows);
    this.#counted += rows;
    sensor.totals.offset += rows;
    devices.cells[slot * DEVICE_CELLS + NEWEST] = newest;
    devices.touch(slot);
    return end - 1;
  }

  /** Counts and folds the counted rows: the first ones of the columns by now. */
  #countAll(readings: Readings, sensor: Series, partition: { newest: number }, cause: Cause | null): void {
    const n = this.#counted;
    if (n === 0) return;
    const { totals } = sensor;
    const run = this.#run.set(readings.time, readings.value, this.#late, n);
    const { earliest, latest, latestValue } = run;
    totals.counted += n;
    totals.late += this.#lateRows;
    if (earliest < totals.firstTime) totals.firstTime = earliest;
    if (latest > totals.lastTime || (latest === totals.lastTime && latestValue > totals.lastValue)) {
      totals.lastTime = latest;
      totals.lastValue = latestValue;
    }
    if (latest > partition.newest) partition.newest = latest;
    totals.expired += run.dropBefore(totals.keptSince * 1000);
    if (run.count === 0) return;
    sensor.news.addRun(run, cause);
    this.#state.history.foldRun(sensor.id, run);
  }

  #hear(slot: number, sensor: Series, nowMs: number): void {
    const { cells } = this.#identities.devices;
    const at = slot * DEVICE_CELLS + HEARD_AT;
    const wasSilent = cells[at] < nowMs - ACTIVE_DEVICE_MS;
    cells[at] = nowMs;
    if (wasSilent) sensor.watermark.joined(slot);
  }

  #quarantine(readings: Readings, i: number, sensor: Series, reference: number, isAppendTime: boolean): void {
    const { quarantine, clockOffset } = this.#state;
    const { deviceNames, bootNames } = this.#identities;
    sensor.totals.quarantined++;
    if (quarantine.isFull) {
      sensor.totals.quarantineDropped++;
      return;
    }
    const time = readings.time[i];
    if (!this.#hasLooked) clockOffset.look();
    this.#hasLooked = true;
    quarantine.add({
      id: quarantine.takeId(),
      sensor: sensor.id,
      device: deviceNames.text(readings.device[i]),
      boot:
        readings.boot[i] === NO_BOOT || readings.identity[i] !== IDENTITY_SEQUENCE
          ? null
          : bootNames.text(readings.boot[i]),
      sequence: readings.identity[i] === IDENTITY_SEQUENCE ? readings.sequence[i] : null,
      value: readings.value[i],
      time,
      judgedAgainst: reference,
      reason: time < CLOCK_BEHIND_MS ? "before-2000" : "ahead",
      clockOffset: isAppendTime && this.#options.foreignAppendTimes === true ? null : clockOffset.of(reference),
    });
  }

  /** Counts a quarantined reading: its identity is marked already, its clock is not judged again. */
  release(sensor: Series, time: number, value: number): void {
    sensor.totals.quarantined--;
    sensor.totals.released++;
    sensor.changed = true;
    this.#readings.time[0] = time;
    this.#readings.value[0] = value;
    this.#late[0] = 0;
    this.#lateRows = 0;
    this.#counted = 1;
    this.#countAll(this.#readings, sensor, { newest: time }, "released");
    this.#state.waitingReadings++;
  }

  /**
   * Takes a rejected reading in after all, when today's decoders can read it; of a record of several only that one.
   * @returns false when it is rejected again; nothing has changed then
   */
  retry(row: RejectionRow, sensor: Series): boolean {
    if (row.bytes.length < row.length) return false; // cut: the log has all of it
    const records = recordOf(row);
    const readings = this.#readings;
    this.#decoder(sensor).decode(records, readings);
    const { origins } = readings;
    const partition = { partition: row.partition, newest: 0 };
    if (origins === null) {
      if ((row.reading > 0 && !row.isAlone) || readings.rejection[0] !== ACCEPTED) return false;
      this.#unreject(sensor);
      this.#takeReadings(records, readings, sensor, partition, null);
      this.#state.waitingReadings++;
      return true;
    }
    const only = row.isAlone ? null : row.reading;
    if (!isAccepted(readings, only)) return false;
    this.#unreject(sensor);
    for (const batch of this.#bySeries.split(records, readings, origins, only)) {
      this.#takeReadings(batch.records, batch.readings, this.#state.sensors.of(batch.series), partition, batch);
      this.#state.waitingReadings += batch.readings.count;
    }
    return true;
  }

  /** Takes a rejection back: what was rejected is received anew. */
  #unreject(sensor: Series): void {
    sensor.totals.received--;
    sensor.totals.rejected--;
    sensor.changed = true;
  }

  #reject(
    records: Records,
    i: number,
    code: number,
    sensor: Series,
    partition: FromPartition,
    nowMs: number,
    inRecord: RowsInRecord,
  ): void {
    const { rejections } = this.#state;
    sensor.totals.rejected++;
    const start = records.valueStart[i];
    const length = start === ABSENT ? 0 : records.valueEnd[i] - start;
    const kept = Math.min(length, REJECTION_BYTES_MAX);
    rejections.add({
      id: rejections.takeId(),
      sensor: sensor.id,
      partition: partition.partition,
      offset: records.offset[i],
      reading: inRecord?.index[i] ?? 0,
      isAlone: inRecord === null || inRecord.isAlone[i] !== 0,
      code: rejectionAt(code).code,
      key: records.keyStart[i] === ABSENT ? null : records.data.slice(records.keyStart[i], records.keyEnd[i]),
      bytes: kept === 0 ? new Uint8Array(0) : records.data.slice(start, start + kept),
      length,
      timestamp: records.timestamp[i],
      appendTime: records.appendTime,
      arrival: nowMs,
    });
  }
}

/** A record whose producer gave it no time has the time at which it arrives. */
function stampArrival({ timestamp, count }: Records, nowMs: number): void {
  for (let i = 0; i < count; i++) if (timestamp[i] === NO_TIMESTAMP) timestamp[i] = nowMs;
}

/** Whether these readings of a single record are all accepted, one at least. @param only the index of the one that is asked for; null: all */
function isAccepted({ count, rejection }: Readings, only: number | null): boolean {
  if (only !== null) return only < count && rejection[only] === ACCEPTED;
  return rejection.subarray(0, count).every((code) => code === ACCEPTED);
}
