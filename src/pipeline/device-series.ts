/**
 * Which devices have a series of their own, and the readings on their way into it. docs/decisions/0039-a-series-for-each-device.md
 */
import type { StatementSync } from "node:sqlite";
import type { Readings } from "../core/readings.ts";
import {
  DEVICE_CELLS,
  DEVICE_COUNTS,
  ID,
  type Identities,
  SERIES,
  SERIES_FRESH,
  SERIES_NONE,
} from "../identity/identities.ts";
import type { History } from "../rollups/history.ts";
import { FIRST_PAGE, pageKey, SERIES_NUMBERS } from "../rollups/levels.ts";
import { PendingRows } from "../rollups/pending-rows.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { type DeviceOwn, DeviceRows, settleRevisions, UNCOMMITTED } from "./device-rows.ts";
import type { Series } from "./sensors.ts";

/** The highest index of a device's series; indexes count from the highest number down. */
const TOP = SERIES_NUMBERS - 1;

/** Rows that wait before those of busy devices are folded: as many as a sensor's own may be deferred (backlog.ts). */
const BEHIND_ROWS = 131_072;
/** A device with so many rows among them is busy: they fill a page, which is then not opened again for the others. */
const BUSY_ROWS = 600;
/** A commit folds more rows than these of one device with all that changed, in steps, and not at once. */
const THROUGH_ROWS_MAX = 16_384;

/** Devices of one sensor. */
interface OfSensor {
  /** The only one that the sensor has counted readings of: the sensor's series is the device's. */
  sole: DeviceOwn | null;
  readonly own: DeviceOwn[];
}

/** How many series devices may have. */
export interface DeviceSeriesBounds {
  /** Of each sensor; 0: none. */
  readonly deviceSeries: number;
  /** Of all sensors together. */
  readonly deviceSeriesAll: number;
  /** Of a history that is compared with another one: the numbers that devices have there (`numberKey`); no others get any. */
  readonly deviceSeriesNumbers?: ReadonlyMap<string, number>;
}

/** A device in `deviceSeriesNumbers`. */
export function numberKey(sensor: number, name: Uint8Array): string {
  return `${sensor} ${Buffer.from(name).toString("hex")}`;
}

/**
 * A sensor's devices:
 * ```
 * (none) ─first reading─▶ sole: its series is the sensor's ─a reading of another device─▶ each has its own, up to the bound
 *    └──first batch of several devices, or of none by name──────────────────────────────▶┘
 * ```
 * Leaving *sole* forks the sensor's series (`History.fork`), so that the device has its whole past. Devices get their series with their
 * first counted reading, in the order of these; past the bound they have none. The nameless device has none: it is not one.
 *
 * Readings wait as rows (`PendingRows`) and are folded when a question asks for their device, when there are many, or by the commit: that
 * writes the pages of each device through, one device after the other, so that memory does not grow with the number of devices.
 */
export class DeviceSeries implements CommitPart {
  readonly waitingRows = 0;
  readonly #db: Database;
  readonly #history: History;
  readonly #identities: Identities;
  readonly #bounds: DeviceSeriesBounds;
  readonly #ofSensor = new Map<number, OfSensor>();
  readonly #ofDevice = new Map<number, DeviceOwn>();
  /** The lowest number in use. */
  #lowest = SERIES_NUMBERS;
  /** Rows that differ from the table. */
  readonly #changed = new Set<DeviceOwn>();
  readonly #pending = new PendingRows();
  /** Rows at which those of busy devices are folded next. */
  #behindAt = BEHIND_ROWS;
  /** What waits had been held back: releases are committed by themselves. */
  #isReleased = false;
  #isWriting = false;
  /** Why a question could not write what waited of its series: the commit must fail. */
  #writeError: unknown = null;
  /** The commit that is being written deletes old pages, too. */
  #expires = false;
  readonly #rows: DeviceRows;
  readonly #soleOf: StatementSync;

  constructor(db: Database, history: History, identities: Identities, bounds: DeviceSeriesBounds) {
    this.#db = db;
    this.#history = history;
    this.#identities = identities;
    this.#bounds = bounds;
    this.#rows = new DeviceRows(db);
    this.#soleOf = db.prepare("SELECT min(id) AS id, min(name) AS name, count(*) AS n FROM device WHERE sensor=?");
    if (bounds.deviceSeries === 0) this.#dropAll();
    for (const own of this.#rows.list()) this.#add(own);
  }

  /** Turned off: series that miss what comes now must not be answered from later. */
  #dropAll(): void {
    if (this.#db.prepare("SELECT 1 FROM device_series LIMIT 1").get() === undefined) return;
    const lowest = Number(this.#db.prepare("SELECT min(series) AS n FROM device_series WHERE series<>sensor").get()?.n);
    this.#db.begin();
    try {
      if (lowest > 0) this.#db.prepare("DELETE FROM page WHERE key>=?").run(pageKey(lowest, 0, FIRST_PAGE));
      this.#rows.delete();
      this.#history.revisions.forgetDevices();
      this.#db.commit();
    } catch (error) {
      this.#db.rollback();
      throw error;
    }
  }

  #add(own: DeviceOwn): void {
    this.#ofDevice.set(own.device, own);
    let of = this.#ofSensor.get(own.sensor);
    if (of === undefined) {
      of = { sole: null, own: [] };
      this.#ofSensor.set(own.sensor, of);
    }
    if (own.series === own.sensor) of.sole = own;
    else {
      of.own.push(own);
      this.#lowest = Math.min(this.#lowest, own.series);
    }
  }

  /** Series that devices have, apart from those that are their sensor's. */
  get count(): number {
    return SERIES_NUMBERS - this.#lowest;
  }

  /** The series of the device with that row; null: it has none. */
  ofDevice(sensor: Series, device: number): DeviceOwn | null {
    if (this.#bounds.deviceSeries > 0) this.#begin(sensor);
    return this.#ofDevice.get(device) ?? null;
  }

  /** Numbers of the series of a sensor's devices, but for one that is the sensor's. */
  *ofSensor(sensor: number): Generator<number> {
    for (const { series } of this.#ofSensor.get(sensor)?.own ?? []) yield series;
  }

  /** Devices of a sensor that have a series. */
  countOf(sensor: Series): number {
    if (this.#bounds.deviceSeries === 0) return 0;
    const { own, sole } = this.#begin(sensor);
    return own.length + (sole === null ? 0 : 1);
  }

  /** What is known of a sensor's devices; of a history from before they had series, a sensor's only device has that of the sensor. */
  #begin(sensor: Series): OfSensor {
    const known = this.#ofSensor.get(sensor.id);
    if (known !== undefined) return known;
    const of: OfSensor = { sole: null, own: [] };
    this.#ofSensor.set(sensor.id, of);
    if (sensor.totals.counted === 0) return of;
    const { id, name, n } = this.#db.lookUp(this.#soleOf, sensor.id) ?? {};
    if (n !== 1 || !(name instanceof Uint8Array) || name.length === 0) return of;
    this.#make(of, {
      device: Number(id),
      sensor: sensor.id,
      series: sensor.id,
      since: null,
      began: Number.NEGATIVE_INFINITY,
      forked: null,
    });
    this.#identities.adoptCounts(Number(id), sensor.totals);
    return of;
  }

  #make(of: OfSensor, own: DeviceOwn): void {
    this.#ofDevice.set(own.device, own);
    this.#changed.add(own);
    if (own.series === own.sensor) of.sole = own;
    else of.own.push(own);
  }

  /**
   * Takes the first `count` rows, which are counted and not in the sensor's totals yet: before they are folded into its series.
   * @param late by row, 1 when it came late; @param since readings before that are in no window, ms; @param isReleased they had been held back
   */
  take(
    sensor: Series,
    { readings, late, count }: { readonly readings: Readings; readonly late: Uint8Array; readonly count: number },
    { since, nowMs, isReleased }: { readonly since: number; readonly nowMs: number; readonly isReleased: boolean },
  ): void {
    if (this.#bounds.deviceSeries === 0) return;
    if (isReleased) this.#isReleased = true;
    const { device, time, value } = readings;
    const { cells, counts } = this.#identities.devices;
    const of = this.#begin(sensor);
    const slot = device[0];
    if (this.#bounds.deviceSeriesNumbers !== undefined) {
      // Each has its own from the first reading on.
    } else if (of.sole !== null) {
      if (cells[slot * DEVICE_CELLS + ID] === of.sole.device && isOne(readings, count)) return;
      this.#part(of, of.sole);
    } else if (sensor.totals.counted === 0 && of.own.length === 0 && isOne(readings, count)) {
      if (this.#isNamed(slot)) this.#make(of, { ...this.#whose(slot), series: sensor.id, since: null, ...UNCOMMITTED });
      return;
    } else if (readings.uniform && counts[slot * DEVICE_COUNTS + SERIES] === SERIES_NONE) return;
    const pending = this.#pending;
    for (let row = 0; row < count; row++) {
      const at = device[row] * DEVICE_COUNTS + SERIES;
      if (counts[at] <= 0 && counts[at] !== SERIES_NONE) counts[at] = this.#look(of, device[row], nowMs);
      const series = counts[at];
      if (series > 0 && time[row] >= since) pending.add(TOP - series, time[row], value[row], late[row]);
    }
  }

  /** A reading of a device counts and is in no series, as a deletion holds it: the device gets its series all the same. Before it is in the totals. */
  meet(sensor: Series, slot: number, nowMs: number): void {
    if (this.#bounds.deviceSeries === 0) return;
    const of = this.#begin(sensor);
    if (this.#bounds.deviceSeriesNumbers === undefined) {
      if (of.sole?.device === this.#whose(slot).device) return;
      if (of.sole !== null) this.#part(of, of.sole);
      else if (sensor.totals.counted === 0 && of.own.length === 0) {
        if (this.#isNamed(slot))
          this.#make(of, { ...this.#whose(slot), series: sensor.id, since: null, ...UNCOMMITTED });
        return;
      }
    }
    const { counts } = this.#identities.devices;
    const at = slot * DEVICE_COUNTS + SERIES;
    if (counts[at] <= 0 && counts[at] !== SERIES_NONE) counts[at] = this.#look(of, slot, nowMs);
  }

  /** The devices of a sensor that have a series, with nothing on its way into these. */
  settled(sensor: Series): readonly DeviceOwn[] {
    for (const series of this.ofSensor(sensor.id)) this.settle(series);
    return this.all(sensor);
  }

  /** The devices of a sensor that have a series. */
  all(sensor: Series): readonly DeviceOwn[] {
    if (this.#bounds.deviceSeries === 0) return [];
    const { own, sole } = this.#begin(sensor);
    return sole === null ? own : [sole, ...own];
  }

  #isNamed(slot: number): boolean {
    return this.#identities.deviceNames.bytes(slot).length > 0;
  }

  #whose(slot: number): { device: number; sensor: number } {
    const { devices, deviceNames } = this.#identities;
    return { device: devices.cells[slot * DEVICE_CELLS + ID], sensor: deviceNames.namespace(slot) };
  }

  /** The number of a device's series, which begins now where it may. @returns SERIES_NONE: it has none */
  #look(of: OfSensor, slot: number, nowMs: number): number {
    const whose = this.#whose(slot);
    const known = this.#ofDevice.get(whose.device);
    if (known !== undefined) return known.series;
    const { deviceSeriesNumbers: numbers } = this.#bounds;
    if (numbers !== undefined) {
      return numbers.get(numberKey(whose.sensor, this.#identities.deviceNames.bytes(slot))) ?? SERIES_NONE;
    }
    if (!this.#hasRoom(of) || !this.#isNamed(slot)) return SERIES_NONE;
    const isFresh = this.#identities.devices.counts[slot * DEVICE_COUNTS + SERIES] === SERIES_FRESH;
    const own = { ...whose, series: --this.#lowest, since: isFresh ? null : nowMs, ...UNCOMMITTED };
    this.#make(of, own);
    return own.series;
  }

  #hasRoom(of: OfSensor): boolean {
    return of.own.length < this.#bounds.deviceSeries && this.count < this.#bounds.deviceSeriesAll;
  }

  /** Another device comes: what the sensor's series holds is the sole one's, which goes on in a series of its own. */
  #part(of: OfSensor, sole: DeviceOwn): void {
    of.sole = null;
    if (!this.#hasRoom(of)) {
      // Of all sensors together: no row says so, but that it has none.
      this.#ofDevice.delete(sole.device);
      sole.series = SERIES_NONE;
      this.#changed.add(sole);
      return;
    }
    sole.series = --this.#lowest;
    // Of one that no revision has yet, none has what the sensor's series was.
    if (sole.began !== Number.POSITIVE_INFINITY) sole.forked = Number.POSITIVE_INFINITY;
    this.#make(of, sole);
    this.#history.fork(sole.sensor, sole.series);
  }

  /** Enough rows wait that those of busy devices should be folded: `catchUp`. */
  get isBehind(): boolean {
    return this.#pending.used >= this.#behindAt;
  }

  /** Folds the rows of busy devices. Yields so that the caller can let others run in between. */
  *catchUp(): Generator<number> {
    for (const index of this.#pending.indexes) {
      if (this.#pending.rowsOf(index) < BUSY_ROWS) continue;
      this.#fold(index);
      yield 0;
    }
    this.#pending.compact();
    this.#behindAt = this.#pending.used + BEHIND_ROWS;
  }

  #fold(index: number): void {
    this.#history.foldRun(TOP - index, this.#pending.take(index), this.#isReleased);
  }

  /** Before a question: folds what waits of a series. In the middle of a commit it is written at once, as all is. */
  settle(series: number): void {
    const index = TOP - series;
    if (this.#pending.rowsOf(index) === 0) return;
    if (!this.#isWriting) {
      this.#fold(index);
      return;
    }
    try {
      this.#store(index);
    } catch (error) {
      this.#writeError = error;
      throw error;
    }
  }

  get waitingBytes(): number {
    return this.#pending.bytes;
  }

  /** To be called before `write`: whether the commit deletes old pages, too. */
  prepare(expires: boolean): void {
    this.#expires = expires;
  }

  *write(): Generator<number> {
    this.#isWriting = true;
    if (this.#bounds.deviceSeries > 0) this.#history.revisions.noteDevices(this.#identities.devices.nextId - 1);
    yield* this.#history.copyForks();
    // In the order of keys, in which SQLite fills its pages.
    for (const index of [...this.#pending.indexes].sort((a, b) => b - a)) {
      if (this.#pending.rowsOf(index) > 0) yield this.#store(index);
    }
    if (this.#writeError !== null) throw this.#writeError;
    for (const own of this.#changed) {
      if (own.series === SERIES_NONE) this.#rows.delete(own.device);
      else this.#rows.put(own, this.#history.revisions.writing);
      yield 48;
    }
  }

  /** @returns bytes written */
  #store(index: number): number {
    const series = TOP - index;
    // What expires is taken out of pages in memory, which must be all that a rollback leaves.
    if (!this.#expires && !this.#history.hasChanged(series) && this.#pending.rowsOf(index) <= THROUGH_ROWS_MAX) {
      return this.#history.writeThrough(series, this.#pending.hide(index), this.#isReleased);
    }
    this.#fold(index);
    return 0;
  }

  committed(): void {
    this.#isWriting = false;
    this.#isReleased = false;
    this.#writeError = null;
    for (const own of this.#changed) settleRevisions(own, this.#history.revisions.writing);
    this.#changed.clear();
    this.#pending.settle();
    this.#behindAt = BEHIND_ROWS;
  }

  rolledBack(): void {
    this.#isWriting = false;
    this.#writeError = null;
    this.#history.forgetWritten(new Set(this.#pending.restore().map((index) => TOP - index)));
  }
}

/** Whether the first `count` rows are of one device. */
function isOne({ device, uniform }: Readings, count: number): boolean {
  if (uniform) return true;
  const first = device[0];
  for (let row = 1; row < count; row++) if (device[row] !== first) return false;
  return true;
}
