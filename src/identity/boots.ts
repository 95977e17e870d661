/**
 * Boots: the runs of a device between two starts, each with sequences of its own. Named ones come with the reading's `boot`;
 * implicit ones are recognised when a sequence begins anew. Of each device only the latest implicit boot and the one at its edge are in
 * memory (devices.ts); the others are rows, behind bounded caches.
 */
import type { StatementSync } from "node:sqlite";
import type { Names } from "../core/names.ts";
import { BulkInsert } from "../store/bulk-insert.ts";
import type { Database } from "../store/database.ts";

/** Named boots whose number is kept at hand: a lookup costs microseconds, so this is about restarts of fleets. */
const NAMED_CACHED_MAX = 65_536;
/** Older implicit boots kept at hand, all devices together. */
const OLD_CACHED_MAX = 65_536;

const TABLES = `
CREATE TABLE IF NOT EXISTS boot(id INTEGER PRIMARY KEY, device INTEGER NOT NULL, name BLOB, ordinal INTEGER NOT NULL,
  first_time REAL NOT NULL, last_time REAL NOT NULL, highest REAL NOT NULL);
CREATE INDEX IF NOT EXISTS boot_of_device ON boot(device, name, ordinal);
`;

/** Bytes of a row without its name. */
const ROW_BYTES = 48;

/** An implicit boot that is not the device's latest. Times of counted readings, ms; `highest` is -1 before the first. */
export interface OldBoot {
  readonly id: number;
  readonly ordinal: number;
  firstTime: number;
  lastTime: number;
  highest: number;
}

interface BootRow extends Readonly<OldBoot> {
  readonly device: number;
}

export class Boots {
  readonly #db: Database;
  readonly #names: Names;
  readonly #findNamed: StatementSync;
  readonly #nameOf: StatementSync;
  readonly #implicitOf: StatementSync;
  readonly #insert: BulkInsert;
  readonly #update: StatementSync;
  /**
   * Numbers of boots by device and the slot of their name, as long as the slots mean the same names: all that wait for a commit, and some
   * others, but for those that have their device's edge, which knows them.
   */
  readonly #named = new Map<number, number>();
  /** By device. */
  readonly #old = new Map<number, OldBoot[]>();
  /** Retired since the last commit, of devices that are not in `#old`: a device that starts anew and anew costs no look-up each time. */
  readonly #retired = new Map<number, OldBoot[]>();
  #oldCount = 0;
  /** New named boots that wait for a commit, three numbers each: its own, its device's, and its name's slot. */
  #newNamed: number[] = [];
  /** Implicit ones, new and changed. */
  readonly #pending = new Map<number, BootRow>();
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
    this.#implicitOf = db.prepare(
      "SELECT id, ordinal, first_time, last_time, highest FROM boot WHERE device=? AND name IS NULL ORDER BY ordinal",
    );
    this.#insert = new BulkInsert(db, "boot", 7);
    this.#update = db.prepare("UPDATE boot SET first_time=?, last_time=?, highest=? WHERE id=?");
    this.#nextId = Number(db.prepare("SELECT max(id) AS id FROM boot").get()?.id ?? 0) + 1;
    this.#newFrom = this.#nextId;
    this.#newDevicesFrom = Number(db.prepare("SELECT max(id) AS id FROM device").get()?.id ?? 0) + 1;
  }

  /** New and changed boots that wait for a commit. */
  get waiting(): number {
    return this.#pending.size + this.#newNamed.length / 3;
  }

  /** The number of the boot whose name is in `nameSlot`, of a device whose edge has another; 0 when the device has none. */
  find(device: number, nameSlot: number): number {
    const key = keyOf(device, nameSlot);
    const cached = this.#named.get(key);
    if (cached !== undefined) return cached;
    if (device >= this.#newDevicesFrom) return 0;
    const id = Number(this.#findNamed.get(device, this.#names.bytes(nameSlot))?.id ?? 0);
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

  /** Its name; null for an implicit one. */
  name(id: number): Uint8Array | null {
    const pending = this.#pending.get(id);
    if (pending !== undefined) return null;
    for (let at = 0; at < this.#newNamed.length && id >= this.#newFrom; at += 3) {
      if (this.#newNamed[at] === id) return this.#names.bytes(this.#newNamed[at + 2]);
    }
    const name = this.#nameOf.get(id)?.name;
    return name instanceof Uint8Array ? name : null;
  }

  createImplicit(device: number, ordinal: number): number {
    const id = this.#nextId++;
    const [firstTime, lastTime] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    this.#pending.set(id, { id, device, ordinal, firstTime, lastTime, highest: -1 });
    return id;
  }

  /** A new implicit boot follows the device's latest, which is from now on an old one. */
  retire(device: number, boot: OldBoot): void {
    this.update(device, boot);
    const known = this.#old.get(device) ?? this.#retired.get(device);
    if (known === undefined) this.#retired.set(device, [boot]);
    else known.push(boot);
    if (this.#old.has(device)) this.#oldCount++;
  }

  /** The device's implicit boots before its latest, oldest first. @param before the latest one's ordinal */
  old(device: number, before = Number.POSITIVE_INFINITY): OldBoot[] {
    const cached = this.#old.get(device);
    if (cached !== undefined) return cached;
    const boots: OldBoot[] = [];
    const rows = device >= this.#newDevicesFrom ? [] : this.#implicitOf.all(device);
    for (const row of rows) {
      if (Number(row.ordinal) >= before) continue;
      const id = Number(row.id);
      const newer = this.#pending.get(id);
      boots.push({
        id,
        ordinal: Number(row.ordinal),
        firstTime: newer?.firstTime ?? Number(row.first_time),
        lastTime: newer?.lastTime ?? Number(row.last_time),
        highest: newer?.highest ?? Number(row.highest),
      });
    }
    const last = boots.at(-1)?.ordinal ?? -1;
    for (const boot of this.#retired.get(device) ?? []) if (boot.ordinal > last) boots.push(boot);
    this.#retired.delete(device);
    this.#old.set(device, boots);
    this.#oldCount += boots.length;
    return boots;
  }

  /** An old boot has counted another reading. */
  update(device: number, boot: OldBoot): void {
    this.#pending.set(boot.id, { ...boot, device });
  }

  /** Writes new and changed boots, inside a transaction; yields about the bytes of each. */
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
    for (const { id, device, ordinal, firstTime, lastTime, highest } of this.#pending.values()) {
      if (id < this.#newFrom) {
        this.#db.guarded(() => this.#update.run(firstTime, lastTime, highest, id));
        yield ROW_BYTES;
        continue;
      }
      this.#insert.add(id, device, null, ordinal, firstTime, lastTime, highest);
      yield ROW_BYTES;
    }
    this.#insert.flush();
  }

  /** The transaction of `write` is committed. @param newDevicesFrom devices from this number on are not in it */
  committed(newDevicesFrom: number): void {
    this.#newDevicesFrom = newDevicesFrom;
    this.#newFrom = this.#nextId;
    this.#newNamed = [];
    this.#pending.clear();
    this.#retired.clear();
    for (const key of this.#named.keys()) {
      if (this.#named.size <= NAMED_CACHED_MAX) break;
      this.#named.delete(key);
    }
    for (const [device, boots] of this.#old) {
      if (this.#oldCount <= OLD_CACHED_MAX && this.#old.size <= OLD_CACHED_MAX) break;
      this.#old.delete(device);
      this.#oldCount -= boots.length;
    }
  }

  /** The slots of boot names are about to mean other names. Only when nothing waits. */
  forgetNames(): void {
    this.#named.clear();
  }
}

/** Slots of names are far below: they are forgotten past some ten thousands, at a commit. */
const SLOTS_MAX = 2 ** 21;

function keyOf(device: number, nameSlot: number): number {
  if (nameSlot >= SLOTS_MAX || device >= 2 ** 32) throw new Error(`BUG: boot name ${nameSlot} of device ${device}`);
  return device * SLOTS_MAX + nameSlot;
}
