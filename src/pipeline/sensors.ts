/** The sensors, with all that is known of each besides its pages: totals, last arrival. */
import type { StatementSync } from "node:sqlite";
import { TidemarkError } from "../core/errors.ts";
import { sensorNameFault } from "../core/sensor-name.ts";
import { Directory, type Sensor } from "../engine/directory.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { News } from "./news.ts";
import { Totals } from "./totals.ts";

const TABLES = "CREATE TABLE IF NOT EXISTS sensor(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, totals BLOB)";

/** The history of a sensor: its pages have the same number. Which topics feed it is for `Sources` to say. */
export interface Series extends Sensor {
  readonly id: number;
  /** Changed by `Sensors.rename` only. */
  name: string;
  readonly totals: Totals;
  /** Changed by `Sensors.follow` only. */
  followed: boolean;
  /** When its newest reading was taken in, ms; null when none was since the start. */
  lastArrival: number | null;
  /** Its totals differ from what is stored. */
  changed: boolean;
  /** Seconds whose readings changed since the listeners were last called. */
  readonly news: News;
}

/** A row of the table that no sensor was made of yet. */
interface Stored {
  readonly id: number;
  readonly totals: Totals;
  /** Its row has another name. */
  readonly isRenamed: boolean;
}

/** The directory of sensors as the pipeline owns it. Sensors that have a history stay known for ever, followed or not. */
export class Sensors extends Directory<Series> implements CommitPart {
  readonly waitingBytes = 0;
  /** Most sensors. Past it new ones are refused, and counted. */
  readonly max: number;
  /** Sensors that readings name are made; false: there is a closed list. */
  mayAppear = false;
  readonly #db: Database;
  readonly #stored = new Map<string, Stored>();
  readonly #byId = new Map<number, Series>();
  /** Those that have no row yet. */
  readonly #new = new Set<Series>();
  readonly #refused = new Set<string>();
  #nextId = 1;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;

  readonly #nameNow: (name: string) => string;

  /** @param nameNow what a sensor of this name is called by now */
  constructor(db: Database, max: number, nameNow: (name: string) => string) {
    super();
    this.#nameNow = nameNow;
    this.#db = db;
    this.max = max;
    db.declare(TABLES);
    this.#insert = db.prepare("INSERT INTO sensor VALUES(?, ?, ?)");
    this.#update = db.prepare("UPDATE sensor SET name=?, totals=? WHERE id=?");
    for (const { id, name, totals } of db.prepare("SELECT id, name, totals FROM sensor ORDER BY id").all()) {
      this.#stored.set(String(name), {
        id: Number(id),
        totals: totals instanceof Uint8Array ? Totals.decode(totals) : new Totals(),
        isRenamed: false,
      });
      this.#nextId = Number(id) + 1;
    }
  }

  override find(name: string): Series | undefined {
    return super.find(name) ?? super.find(this.#nameNow(name));
  }

  /** Whether the sensor is known, or another may be made. */
  hasRoomFor(name: string): boolean {
    return (
      this.find(name) !== undefined || this.#stored.has(this.#nameNow(name)) || this.size + this.#stored.size < this.max
    );
  }

  /** Counts a sensor that is refused for want of room; the names remembered for that are bounded, too. */
  refuse(name: string): void {
    if (this.#refused.size < this.max) this.#refused.add(name);
  }

  override get refused(): number {
    return this.#refused.size;
  }

  /**
   * The number of a sensor that a reading names; it is made where such may appear. Only in the serial queue.
   * @returns -1 when there is none: counted, where that is for want of room
   */
  numberOf(name: string): number {
    const known = this.find(name);
    if (known !== undefined) return known.id;
    if (!this.mayAppear || sensorNameFault(name) !== null) return -1;
    if (this.hasRoomFor(name)) return this.open(name).id;
    this.refuse(name);
    return -1;
  }

  /** Finds or makes the sensor. Only in the serial queue, or before it runs. @throws TidemarkError "too-many-sensors" */
  open(name: string): Series {
    const open = this.find(name);
    if (open !== undefined) return open;
    if (!this.hasRoomFor(name)) {
      throw new TidemarkError("too-many-sensors", `Cannot add sensor "${name}": sensors must be <= ${this.max}`);
    }
    const now = this.#nameNow(name);
    const stored = this.#stored.get(now);
    this.#stored.delete(now);
    const id = stored?.id ?? this.#nextId++;
    const series: Series = {
      id,
      name: now,
      totals: stored?.totals ?? new Totals(),
      followed: false,
      lastArrival: null,
      changed: stored?.isRenamed !== false,
      news: new News(),
    };
    if (stored === undefined) this.#new.add(series);
    this.#byId.set(id, series);
    this.add(series);
    return series;
  }

  /** Adds those that have a row, in the order in which they were made. */
  openStored(): void {
    for (const name of [...this.#stored.keys()]) this.open(name);
  }

  /** Gives a sensor another name, which no other has; nothing where there is none. What is still called by the old one is up to `nameNow`. */
  rename(from: string, to: string): void {
    const series = super.find(from);
    if (series !== undefined) {
      series.name = to;
      series.changed = true;
      this.renamed(series, from);
      return;
    }
    const stored = this.#stored.get(from);
    if (stored === undefined) return;
    this.#stored.delete(from);
    this.#stored.set(to, { ...stored, isRenamed: true });
  }

  /** The sensor of that number. */
  of(id: number): Series {
    if (!this.#byId.has(id)) this.openStored();
    const series = this.#byId.get(id);
    if (series === undefined) throw new Error(`BUG: no sensor has the number ${id}`);
    return series;
  }

  /** Its topic is read from now on, or no longer. */
  follow(series: Series, followed: boolean): void {
    if (series.followed === followed) return;
    series.followed = followed;
    this.changed(series);
  }

  /** Totals, or a new sensor, wait for a commit. O(sensors). */
  get hasChanged(): boolean {
    return this.list().some(({ changed }) => changed);
  }

  get waitingRows(): number {
    return this.#new.size;
  }

  *write(): Generator<number> {
    for (const series of this.list()) {
      if (!series.changed) continue;
      const { id, name } = series;
      const totals = series.totals.encode();
      if (this.#new.has(series)) this.#db.guarded(() => this.#insert.run(id, name, totals));
      else this.#db.guarded(() => this.#update.run(name, totals, id));
      yield totals.length;
    }
  }

  committed(): void {
    for (const series of this.list()) series.changed = false;
    this.#new.clear();
  }
}
