/** The sensors and what is known of each beside its pages: totals, watermark, when it was last heard from. */
import type { StatementSync } from "node:sqlite";
import { TidemarkError } from "../core/errors.ts";
import { SENSORS_MAX } from "../core/limits.ts";
import { Directory, type Sensor } from "../engine/directory.ts";
import type { Identities, Watermark } from "../identity/identities.ts";
import { SecondRange } from "../rollups/second-range.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { Totals } from "./totals.ts";

const TABLES = "CREATE TABLE IF NOT EXISTS sensor(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, totals BLOB)";

/** The history of a sensor: its pages have the same number. Which topics feed it is for `Sources` to say. */
export interface Series extends Sensor {
  readonly id: number;
  readonly totals: Totals;
  readonly watermark: Watermark;
  /** Changed by `Sensors.follow` only. */
  followed: boolean;
  /** When its newest reading was taken in, ms; null when none was since the start. */
  lastArrival: number | null;
  /** Its totals differ from what is stored. */
  changed: boolean;
  /** Seconds whose readings changed since listeners were last told. */
  readonly news: SecondRange;
}

/** The directory of sensors as the pipeline owns it. */
export class Sensors extends Directory<Series> implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #identities: Identities;
  readonly #byId = new Map<number, Series>();
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #nameOf: StatementSync;
  readonly #update: StatementSync;

  constructor(db: Database, identities: Identities) {
    super();
    this.#db = db;
    this.#identities = identities;
    db.declare(TABLES);
    this.#insert = db.prepare("INSERT OR IGNORE INTO sensor(name) VALUES(?)");
    this.#select = db.prepare("SELECT id, totals FROM sensor WHERE name=?");
    this.#nameOf = db.prepare("SELECT name FROM sensor WHERE id=?");
    this.#update = db.prepare("UPDATE sensor SET totals=? WHERE id=?");
  }

  /** Finds or makes the sensor. @throws TidemarkError "config-invalid" past the limit, "disk-full" */
  open(name: string): Series {
    const open = this.find(name);
    if (open !== undefined) return open;
    this.#db.guarded(() => this.#insert.run(name));
    const row = this.#select.get(name);
    const id = Number(row?.id);
    if (id > SENSORS_MAX) {
      throw new TidemarkError("config-invalid", `Cannot add sensor "${name}": sensors must be <= ${SENSORS_MAX}`);
    }
    const series: Series = {
      id,
      name,
      totals: row?.totals instanceof Uint8Array ? Totals.decode(row.totals) : new Totals(),
      watermark: this.#identities.watermark(id),
      followed: false,
      lastArrival: null,
      changed: false,
      news: new SecondRange(),
    };
    this.#byId.set(id, series);
    this.add(series);
    return series;
  }

  /** The sensor of that number, which this process may not have been asked to follow. */
  of(id: number): Series {
    return this.#byId.get(id) ?? this.open(String(this.#nameOf.get(id)?.name));
  }

  /** Its topic is read from now on. */
  follow(series: Series): void {
    if (series.followed) return;
    series.followed = true;
    this.changed(series);
  }

  /** Totals wait for a commit. O(sensors). */
  get hasChanged(): boolean {
    return this.list().some(({ changed }) => changed);
  }

  *write(): Generator<number> {
    for (const series of this.list()) {
      if (!series.changed) continue;
      const totals = series.totals.encode();
      this.#db.guarded(() => this.#update.run(totals, series.id));
      yield totals.length;
    }
  }

  committed(): void {
    for (const series of this.list()) series.changed = false;
  }
}
