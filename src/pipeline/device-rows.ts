/** The series of devices as they are stored: whose each is, and since which revision. docs/formats/history.md */
import type { StatementSync } from "node:sqlite";
import type { Database } from "../store/database.ts";

const TABLES = `CREATE TABLE IF NOT EXISTS device_series(device INTEGER PRIMARY KEY, sensor INTEGER NOT NULL,
  series INTEGER NOT NULL UNIQUE, since REAL);
  CREATE TABLE IF NOT EXISTS device_series_revision(device INTEGER PRIMARY KEY, began INTEGER, forked INTEGER)`;

/** The series of a device. */
export interface DeviceOwn {
  /** The number of the device's row. */
  readonly device: number;
  readonly sensor: number;
  /** The number of its series; the sensor's own, while that has only had this device. */
  series: number;
  /** When it began, ms, as the device had sent before; null: it holds all readings of the device. */
  readonly since: number | null;
  /** The first revision that had it: infinite before that is committed; −Infinity: it is from before that was noted. */
  began: number;
  /** The first revision that had it apart from its sensor's series, which it was before; null: it never was, or is it still. */
  forked: number | null;
}

/** Of a series that no revision has yet. */
export const UNCOMMITTED = { began: Number.POSITIVE_INFINITY, forked: null };

/** Once the revision that is being written is committed, a series has what is infinite from it on. */
export function settleRevisions(own: DeviceOwn, writing: number): void {
  [own.began, own.forked] = revisionsOf(own, writing);
}

function revisionsOf({ began, forked }: DeviceOwn, writing: number): [began: number, forked: number | null] {
  const later = Number.POSITIVE_INFINITY;
  return [began === later ? writing : began, forked === later ? writing : forked];
}

/** Reads and writes rows. */
export class DeviceRows {
  readonly #db: Database;
  readonly #put: StatementSync;
  readonly #putRevisions: StatementSync;

  constructor(db: Database) {
    this.#db = db;
    db.declare(TABLES);
    this.#put = db.prepare("INSERT OR REPLACE INTO device_series VALUES(?, ?, ?, ?)");
    this.#putRevisions = db.prepare("INSERT OR REPLACE INTO device_series_revision VALUES(?, ?, ?)");
  }

  /** From the highest number of a series down. */
  list(): DeviceOwn[] {
    const rows = this.#db.prepare(
      "SELECT * FROM device_series LEFT JOIN device_series_revision USING(device) ORDER BY series DESC",
    );
    return rows.all().map(({ device, sensor, series, since, began, forked }) => ({
      device: Number(device),
      sensor: Number(sensor),
      series: Number(series),
      since: since === null ? null : Number(since),
      began: began === null ? Number.NEGATIVE_INFINITY : Number(began),
      forked: forked === null ? null : Number(forked),
    }));
  }

  /** Inside a transaction. */
  put(own: DeviceOwn, writing: number): void {
    const { device, sensor, series, since } = own;
    const [began, forked] = revisionsOf(own, writing);
    this.#db.guarded(() => {
      this.#put.run(device, sensor, series, since);
      this.#putRevisions.run(device, Number.isFinite(began) ? began : null, forked);
    });
  }

  /** Inside a transaction. @param device undefined: all */
  delete(device?: number): void {
    this.#db.guarded(() => {
      for (const table of ["device_series", "device_series_revision"]) {
        if (device === undefined) this.#db.prepare(`DELETE FROM ${table}`).run();
        else this.#db.prepare(`DELETE FROM ${table} WHERE device=?`).run(device);
      }
    });
  }
}
