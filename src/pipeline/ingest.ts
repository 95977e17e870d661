/** Records in, counted readings out: decode, identity, clocks, fold. Works on batches of columns; no I/O but for cold look-ups. */
import type { Clock } from "../core/clock.ts";
import type { OnNotice } from "../core/notice.ts";
import { IDENTITY_EXPLICIT, IDENTITY_OFFSET, Readings } from "../core/readings.ts";
import { NO_TIMESTAMP, Records } from "../core/records.ts";
import { ACCEPTED } from "../core/rejections.ts";
import type { Zone } from "../core/zone.ts";
import type { Cause } from "../engine/change.ts";
import { createDecoder, type Decoder, type Formats } from "../formats/decode.ts";
import {
  CONFLICT,
  CONFLICTS,
  DEVICE_CELLS,
  DEVICE_COUNTS,
  DUPLICATES,
  FIRST_TIME,
  HEARD_AT,
  HELD_BACK,
  ID,
  type Identities,
  LAST_TIME,
  NEW,
  NEWEST,
  READINGS,
} from "../identity/identities.ts";
import type { Fetched } from "../log/log.ts";
import { ReadingRun } from "../rollups/reading-run.ts";
import { BySeries } from "./by-series.ts";
import { Clocks, IMPOSSIBLE, LATE, ON_TIME } from "./clocks.ts";
import { type QuarantineRow, type RejectionRow, recordOf } from "./dead-letters.ts";
import { Fronts } from "./fronts.ts";
import { Hints } from "./hints.ts";
import { type Taking, takerOf } from "./ledger.ts";
import { ALL_DEVICES } from "./removed.ts";
import type { Series } from "./sensors.ts";
import { type RowsInRecord, SetAside } from "./set-aside.ts";
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

/** The partition that records come from; `newest` and `fronts` are updated. */
type FromPartition = Pick<PartitionState, "topic" | "topicId" | "partition" | "newest" | "fronts">;

/** Takes in batches, one at a time; never waits. */
export class Ingest {
  readonly #state: State;
  readonly #options: IngestOptions;
  readonly #identities: Identities;
  readonly #records = new Records(4096);
  readonly #readings = new Readings(4096);
  readonly #decoders = new Map<string, Decoder>();
  readonly #clocks: Clocks;
  readonly #setAside: SetAside;
  /** After judging, the first `#counted` rows of the readings' times and values are the counted ones; of the verdicts, too. */
  #counted = 0;
  #lateRows = 0;
  /** Deletions that may take what is read, of a log that is read again; null: none does. */
  #takings: readonly Taking[] | null = null;
  readonly #run = new ReadingRun();
  readonly #bySeries = new BySeries();
  /** Sensors that received readings since it was last emptied. */
  readonly changed = new Set<Series>();
  readonly hints: Hints;

  constructor(state: State, options: IngestOptions) {
    this.#state = state;
    this.#options = options;
    this.#identities = state.identities;
    this.hints = new Hints(options.onNotice ?? (() => {}));
    this.#clocks = new Clocks(options.clockAheadMs);
    this.#setAside = new SetAside(state, options.foreignAppendTimes === true);
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
    this.#setAside.begin();
    const { own } = source;
    const readings = this.#readings;
    const stamped = records.appendTime ? null : stampArrival(records, this.#options.clock.now());
    this.#decoder(own).decode(records, readings);
    if (stamped !== null) unstamp(records, readings, stamped);
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
    const front = this.#clocks.judge(records, readings, partition.fronts.of(sensor.id), nowMs, inRecord !== null);
    partition.fronts.advance(sensor.id, front);
    if (front > partition.newest) partition.newest = front;
    this.#counted = 0;
    this.#lateRows = 0;
    this.#takings = this.#state.ledger.takings(sensor.name, partition, count === 0 ? Infinity : records.offset[0]);
    let warm = devices.names.size < WARMED_DEVICES_MIN ? count : 0;
    for (let i = 0; i < count; ) {
      if (i >= warm) {
        warm = Math.min(count, i + WARMED_ROWS);
        devices.warm(readings, i, warm);
      }
      if (rejection[i] !== ACCEPTED) {
        this.#setAside.reject(records, readings, i, sensor, partition.partition, nowMs, inRecord);
      } else {
        if (!devices.isLoaded(device[i])) devices.load(device[i]);
        this.#judge(records, readings, i, sensor, nowMs);
        if (identity[i] === IDENTITY_OFFSET && this.#takings === null)
          i = this.#skipOrderly(readings, i, count, sensor);
      }
      i++;
    }
    this.#countAll(readings, sensor, this.#lateRows === 0 ? "reading" : null);
  }

  /** Judges row i, whose device is resident and whose clock is judged: a duplicate, quarantined, or counted. */
  #judge(records: Records, readings: Readings, i: number, sensor: Series, nowMs: number): void {
    const { devices } = this.#identities;
    const { verdicts } = this.#clocks;
    const { totals } = sensor;
    const slot = readings.device[i];
    const t = readings.time[i];
    devices.cells[slot * DEVICE_CELLS + HEARD_AT] = nowMs;
    const kind = readings.identity[i];
    if (kind !== IDENTITY_OFFSET) {
      const verdict = this.#identities.classify(readings, i, sensor.id);
      if (verdict !== NEW) {
        totals.duplicates++;
        devices.counts[slot * DEVICE_COUNTS + DUPLICATES]++;
        if (verdict === CONFLICT) {
          totals.conflicts++;
          devices.counts[slot * DEVICE_COUNTS + CONFLICTS]++;
        }
        if (kind === IDENTITY_EXPLICIT)
          this.hints.takeDuplicate(sensor, readings.idText[i] ?? "", t, readings.value[i]);
        return;
      }
      totals.implicitBoots += this.#identities.startedBoots;
    }
    devices.touch(slot);
    const verdict = verdicts[i];
    if (verdict === IMPOSSIBLE) {
      devices.counts[slot * DEVICE_COUNTS + HELD_BACK]++;
      this.#setAside.quarantine(records, readings, i, sensor, nowMs);
      return;
    }
    totals.addIdentity(kind);
    if (t > devices.cells[slot * DEVICE_CELLS + NEWEST]) devices.cells[slot * DEVICE_CELLS + NEWEST] = t;
    if (this.#takings !== null && this.#take(this.#takings, records, readings, i, sensor)) return;
    devices.count(slot, t, readings.value[i], verdict === LATE);
    const row = this.#counted++;
    readings.time[row] = t;
    readings.value[row] = readings.value[i];
    readings.device[row] = slot;
    verdicts[row] = verdict;
    if (verdict === LATE) this.#lateRows++;
  }

  /** Has a deletion hold row i, which counts; false: none takes it. */
  #take(takings: readonly Taking[], records: Records, readings: Readings, i: number, sensor: Series): boolean {
    const { history, removed, deviceSeries } = this.#state;
    const { deviceNames, devices } = this.#identities;
    const slot = readings.device[i];
    const time = readings.time[i];
    const deletion = takerOf(takings, deviceNames.text(slot), Math.floor(time / 1000), records.offset[i]);
    if (deletion === undefined) return false;
    const late = this.#clocks.verdicts[i] === LATE ? 1 : 0;
    deviceSeries.meet(sensor, slot, this.#options.clock.now());
    const device = devices.cells[slot * DEVICE_CELLS + ID];
    for (const whose of [ALL_DEVICES, device]) {
      history.fold(removed.seriesOf(deletion.number, sensor.id, whose), time, readings.value[i], late);
    }
    devices.countDeleted(slot, late);
    sensor.totals.counted++;
    sensor.totals.deleted++;
    sensor.totals.late += late;
    return true;
  }

  /**
   * Takes the rows after i that need no judging: of the same device, just heard, identified by offset, on time.
   * @returns the last of them, or i
   */
  #skipOrderly(readings: Readings, i: number, count: number, sensor: Series): number {
    const { devices } = this.#identities;
    const { time, value, device, identity, rejection, uniform } = readings;
    const { verdicts, orderly } = this.#clocks;
    const slot = device[i];
    const counts = slot * DEVICE_COUNTS;
    let newest = devices.cells[slot * DEVICE_CELLS + NEWEST];
    let end = i + 1;
    if (end < orderly) {
      if (uniform) end = orderly;
      else while (end < orderly && device[end] === slot && identity[end] === IDENTITY_OFFSET) end++;
      if (time[end - 1] > newest) newest = time[end - 1];
      const latest = time[end - 1];
      for (let row = end - 1; row > i && time[row] === latest; row--) devices.newest(slot, latest, value[row]);
    }
    for (; end < count && verdicts[end] === ON_TIME; end++) {
      if (!uniform && (device[end] !== slot || identity[end] !== IDENTITY_OFFSET || rejection[end] !== ACCEPTED)) break;
      const t = time[end];
      if (t > newest) newest = t;
      if (t >= devices.counts[counts + LAST_TIME]) devices.newest(slot, t, value[end]);
      else if (t < devices.counts[counts + FIRST_TIME]) devices.counts[counts + FIRST_TIME] = t;
    }
    const rows = end - i - 1;
    if (rows === 0) return i;
    const to = this.#counted;
    if (to !== i + 1) {
      time.copyWithin(to, i + 1, end);
      value.copyWithin(to, i + 1, end);
      device.fill(slot, to, to + rows);
      verdicts.fill(ON_TIME, to, to + rows);
    }
    this.#counted += rows;
    sensor.totals.offset += rows;
    devices.counts[counts + READINGS] += rows;
    devices.cells[slot * DEVICE_CELLS + NEWEST] = newest;
    devices.touch(slot);
    return end - 1;
  }

  /** Counts and folds the counted rows: the first ones of the columns by now. */
  #countAll(readings: Readings, sensor: Series, cause: Cause | null): void {
    const n = this.#counted;
    if (n === 0) return;
    const { totals } = sensor;
    const run = this.#run.set(readings.time, readings.value, this.#clocks.verdicts, n);
    const { earliest, latest, latestValue } = run;
    const since = totals.keptSince * 1000;
    const rows = { readings, late: run.late, count: n };
    const nowMs = this.#options.clock.now();
    this.#state.deviceSeries.take(sensor, rows, { since, nowMs, isReleased: cause === "released" });
    totals.counted += n;
    totals.late += this.#lateRows;
    if (earliest < totals.firstTime) totals.firstTime = earliest;
    if (latest > totals.lastTime || (latest === totals.lastTime && latestValue > totals.lastValue)) {
      totals.lastTime = latest;
      totals.lastValue = latestValue;
    }
    totals.expired += run.dropBefore(since);
    if (run.count === 0) return;
    sensor.news.addRun(run, cause);
    this.#state.history.foldRun(sensor.id, run, cause === "released");
  }

  /** Counts a quarantined reading: its identity is marked already, its clock is not judged again. */
  release(sensor: Series, { device, time, value, identity }: QuarantineRow): void {
    const { devices } = this.#identities;
    const slot = this.#identities.slotOf(sensor.id, device);
    if (identity !== null) sensor.totals.addIdentity(identity);
    // Of a history from before devices were counted it may have been held back then.
    if (devices.counts[slot * DEVICE_COUNTS + HELD_BACK] > 0) devices.counts[slot * DEVICE_COUNTS + HELD_BACK]--;
    devices.count(slot, time, value, false);
    devices.touch(slot);
    this.#readings.device[0] = slot;
    this.#readings.uniform = false;
    sensor.totals.quarantined--;
    sensor.totals.released++;
    sensor.changed = true;
    this.#readings.time[0] = time;
    this.#readings.value[0] = value;
    this.#clocks.verdicts[0] = ON_TIME;
    this.#lateRows = 0;
    this.#counted = 1;
    this.#countAll(this.#readings, sensor, "released");
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
    // What its partition had brought is not known any more: it is not late.
    const partition = { topic: "", topicId: "", partition: row.partition, newest: 0, fronts: new Fronts() };
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
}

/** A record whose producer gave it no time has the time at which it arrives. @returns the rows of these; null when there are none */
function stampArrival({ timestamp, count }: Records, nowMs: number): number[] | null {
  let stamped: number[] | null = null;
  for (let i = 0; i < count; i++) {
    if (timestamp[i] !== NO_TIMESTAMP) continue;
    timestamp[i] = nowMs;
    stamped ??= [];
    stamped.push(i);
  }
  return stamped;
}

/** Once decoded, these records are again what the log says: when they are read moves no front. */
function unstamp({ timestamp }: Records, readings: Readings, rows: readonly number[]): void {
  for (const row of rows) timestamp[row] = NO_TIMESTAMP;
  readings.uniform = false;
}

/** Whether these readings of a single record are all accepted, one at least. @param only the index of the one that is asked for; null: all */
function isAccepted({ count, rejection }: Readings, only: number | null): boolean {
  if (only !== null) return only < count && rejection[only] === ACCEPTED;
  return rejection.subarray(0, count).every((code) => code === ACCEPTED);
}
