/** What deletions hold: for each, a series of all that it took, and one of each device's part of it, so that an undo brings both back. */
import type { StatementSync } from "node:sqlite";
import { TidemarkError } from "../core/errors.ts";
import { REMOVED_SERIES_END, REMOVED_SERIES_START } from "../rollups/levels.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";

const TABLES = `CREATE TABLE IF NOT EXISTS removed(series INTEGER PRIMARY KEY, correction INTEGER NOT NULL, sensor INTEGER NOT NULL,
  device INTEGER NOT NULL)`;

/** `device` of a series that holds what was taken of all of them. */
export const ALL_DEVICES = 0;

/** A series of removed readings. */
export interface RemovedSeries {
  readonly series: number;
  readonly correction: number;
  readonly sensor: number;
  /** The number of its row, or ALL_DEVICES. */
  readonly device: number;
}

/** Numbers of series, each as long as a deletion holds something by it: a quarter of all there are. */
export class Removed implements CommitPart {
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #all = new Map<number, RemovedSeries>();
  /** Those of a correction, by device. */
  readonly #of = new Map<number, Map<number, RemovedSeries>>();
  readonly #changed = new Set<RemovedSeries>();
  #next = REMOVED_SERIES_START;
  #written: readonly RemovedSeries[] = [];
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;

  constructor(db: Database) {
    this.#db = db;
    db.declare(TABLES);
    this.#insert = db.prepare("INSERT OR REPLACE INTO removed VALUES(?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM removed WHERE series=?");
    for (const row of db.prepare("SELECT * FROM removed").all()) {
      this.#add({
        series: Number(row.series),
        correction: Number(row.correction),
        sensor: Number(row.sensor),
        device: Number(row.device),
      });
    }
  }

  #add(removed: RemovedSeries): void {
    this.#all.set(removed.series, removed);
    let of = this.#of.get(removed.correction);
    if (of === undefined) {
      of = new Map();
      this.#of.set(removed.correction, of);
    }
    of.set(removed.device, removed);
    this.#next = Math.max(this.#next, removed.series + 1);
  }

  /** Those of a correction. */
  of(correction: number): RemovedSeries[] {
    return [...(this.#of.get(correction)?.values() ?? [])];
  }

  /** The number of the series that holds what a correction took of a device, or of all; undefined: it holds nothing of it. */
  find(correction: number, device: number): number | undefined {
    return this.#of.get(correction)?.get(device)?.series;
  }

  /** … and it is made. @throws TidemarkError "correction-refused" when there is no number left */
  seriesOf(correction: number, sensor: number, device: number): number {
    const known = this.find(correction, device);
    if (known !== undefined) return known;
    this.mustHaveRoom(1);
    const removed = { series: this.#free(), correction, sensor, device };
    this.#add(removed);
    this.#changed.add(removed);
    return removed.series;
  }

  /** A number that no series has: behind the last one, or where one was undone. O(numbers) then. */
  #free(): number {
    if (this.#next < REMOVED_SERIES_END) return this.#next;
    let series = REMOVED_SERIES_START;
    while (this.#all.has(series)) series++;
    return series;
  }

  /** @throws TidemarkError "correction-refused" when there are not so many numbers left */
  mustHaveRoom(count: number): void {
    const most = REMOVED_SERIES_END - REMOVED_SERIES_START;
    if (this.#all.size + count <= most) return;
    const what = `all deletions together may hold readings of <= ${most} devices and sensors; undo some first`;
    throw new TidemarkError("correction-refused", `Cannot delete: ${what}`);
  }

  /** Of a sensor: the numbers of all. O(all of them), at most once an hour. */
  *ofSensor(sensor: number): Generator<number> {
    for (const removed of this.#all.values()) if (removed.sensor === sensor) yield removed.series;
  }

  /** A correction holds nothing any more. */
  drop(correction: number): void {
    for (const removed of this.of(correction)) {
      this.#all.delete(removed.series);
      this.#changed.add(removed);
    }
    this.#of.delete(correction);
  }

  get waitingRows(): number {
    return this.#changed.size;
  }

  *write(): Generator<number> {
    this.#written = [...this.#changed];
    for (const { series, correction, sensor, device } of this.#written) {
      this.#db.guarded(() => {
        if (this.#all.get(series)?.correction === correction) this.#insert.run(series, correction, sensor, device);
        else if (!this.#all.has(series)) this.#delete.run(series);
      });
      yield 32;
    }
  }

  committed(): void {
    for (const removed of this.#written) this.#changed.delete(removed);
    this.#written = [];
  }
}
