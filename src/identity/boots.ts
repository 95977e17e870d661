/**
 * Named boots: the runs of a device between two starts, each with its own sequences, named by the reading's `boot`. The one at a device's
 * edge is in memory (devices.ts); the others are rows, behind a bounded cache. Histories from before version 3 also have rows of implicit
 * boots, which were recognised by event time: they are only read.
 */
import type { StatementSync } from "node:sqlite";
import type { Names } from "../core/names.ts";
import { BulkInsert } from "../store/bulk-insert.ts";
import type { Database } from "../store/database.ts";

/** Named boots whose number is cached: a look-up costs microseconds, so this is about restarts of fleets. */
const NAMED_CACHED_MAX = 65_536;
/** Devices whose implicit boots from before version 3 are cached; past it the cache is emptied. */
const OLDER_CACHED_MAX = 16_384;

const TABLES = `
CREATE TABLE IF NOT EXISTS boot(id INTEGER PRIMARY KEY, device INTEGER NOT NULL, name BLOB, ordinal INTEGER NOT NULL,
  first_time REAL NOT NULL, last_time REAL NOT NULL, highest REAL NOT NULL);
CREATE INDEX IF NOT EXISTS boot_of_device ON boot(device, name, ordinal);
`;

/** Bytes of a row without its name. */
const ROW_BYTES = 48;

/** An implicit boot from before version 3. Times of its first and last counted reading, ms. */
export interface OlderBoot {
  readonly id: number;
  readonly firstTime: number;
  readonly lastTime: number;
}

/** The boots of all devices: rows on disk, and the cache in front of them. */
export class Boots {
  readonly #db: Database;
  readonly #names: Names;
  readonly #findNamed: StatementSync;
  readonly #nameOf: StatementSync;
  readonly #olderOf: StatementSync;
  readonly #insert: BulkInsert;
  /**
   * Numbers of boots by device and name slot, valid while the slots mean the same names: all that wait for a commit, and a cache of others.
   * Boots at their device's edge are not here: the edge knows their number.
   */
  readonly #named = new Map<number, number>();
  /** By device. */
  readonly #older = new Map<number, readonly OlderBoot[]>();
  /** New named boots that wait for a commit, three numbers each: its own, its device's, and its name's slot. */
  #newNamed: number[] = [];
  #nextId: number;
  /** Boots from this number on are not in the file. */
  #newFrom: number;
  /** Devices from this number on have no boots in the file. */
  #newDevicesFrom: number;

  constructor(db: Database, names: Names) {
    this.#db = db;
    this.#names = names;
    db.declare(TABLES);
    this.#findNamed = db.prepare("SELECT id FROM boot WHERE device=? AND name=?");
    this.#nameOf = db.prepare("SELECT name FROM boot WHERE id=?");
    this.#olderOf = db.prepare("SELECT id, first_time, last_time FROM boot WHERE device=? AND name IS NULL");
    this.#insert = new BulkInsert(db, "boot", 7);
    this.#nextId = Number(db.prepare("SELECT max(id) AS id FROM boot").get()?.id ?? 0) + 1;
    this.#newFrom = this.#nextId;
    this.#newDevicesFrom = Number(db.prepare("SELECT max(id) AS id FROM device").get()?.id ?? 0) + 1;
  }

  /** New boots that wait for a commit. */
  get waiting(): number {
    return this.#newNamed.length / 3;
  }

  /** The number of the boot whose name is in `nameSlot`, of a device whose edge has another; 0 when the device has none. */
  find(device: number, nameSlot: number): number {
    const key = keyOf(device, nameSlot);
    const cached = this.#named.get(key);
    if (cached !== undefined) return cached;
    if (device >= this.#newDevicesFrom) return 0;
    const id = Number(this.#db.lookUp(this.#findNamed, device, this.#names.bytes(nameSlot))?.id ?? 0);
    if (id !== 0) this.#named.set(key, id);
    return id;
  }

  /** A new named boot, which takes its device's edge. @returns its number */
  create(device: number, nameSlot: number): number {
    const id = this.#nextId++;
    this.#newNamed.push(id, device, nameSlot);
    return id;
  }

  /** A named boot loses its device's edge: from now on it is found here. */
  keep(device: number, nameSlot: number, id: number): void {
    this.#named.set(keyOf(device, nameSlot), id);
  }

  /** Its name; null where there is no such boot. */
  name(id: number): Uint8Array | null {
    for (let at = 0; at < this.#newNamed.length && id >= this.#newFrom; at += 3) {
      if (this.#newNamed[at] === id) return this.#names.bytes(this.#newNamed[at + 2]);
    }
    const name = this.#db.lookUp(this.#nameOf, id)?.name;
    return name instanceof Uint8Array ? name : null;
  }

  /** The device's implicit boots from before version 3. */
  older(device: number): readonly OlderBoot[] {
    let boots = this.#older.get(device);
    if (boots === undefined) {
      boots = this.#db.lookUpAll(this.#olderOf, device).map(({ id, first_time, last_time }) => {
        return { id: Number(id), firstTime: Number(first_time), lastTime: Number(last_time) };
      });
      if (this.#older.size >= OLDER_CACHED_MAX) this.#older.clear();
      this.#older.set(device, boots);
    }
    return boots;
  }

  /** Writes new boots, inside a transaction; yields about the bytes of each. */
  *write(): Generator<number> {
    this.#insert.begin();
    let slot = -1;
    let name: Uint8Array = new Uint8Array(0);
    for (let at = 0; at < this.#newNamed.length; at += 3) {
      if (this.#newNamed[at + 2] !== slot) {
        slot = this.#newNamed[at + 2];
        name = this.#names.bytes(slot);
      }
      this.#insert.add(this.#newNamed[at], this.#newNamed[at + 1], name, 0, 0, 0, 0);
      yield ROW_BYTES + name.length;
    }
    this.#insert.flush();
  }

  /** The transaction of `write` is committed. @param newDevicesFrom devices from this number on are not in it */
  committed(newDevicesFrom: number): void {
    this.#newDevicesFrom = newDevicesFrom;
    this.#newFrom = this.#nextId;
    this.#newNamed = [];
    for (const key of this.#named.keys()) {
      if (this.#named.size <= NAMED_CACHED_MAX) break;
      this.#named.delete(key);
    }
  }

  /** Called before the slots of boot names are reused for other names. Only when nothing waits for a commit. */
  forgetNames(): void {
    this.#named.clear();
  }
}

/** Slots of names stay far below: they are released past some ten thousands, at a commit. */
const SLOTS_MAX = 2 ** 21;

function keyOf(device: number, nameSlot: number): number {
  if (nameSlot >= SLOTS_MAX || device >= 2 ** 32) throw new Error(`BUG: boot name ${nameSlot} of device ${device}`);
  return device * SLOTS_MAX + nameSlot;
}
