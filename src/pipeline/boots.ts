/**
 * Boots: the runs of a device between two starts, each with sequences of its own. Named ones come with the reading's `boot`;
 * implicit ones are recognised when a sequence begins anew. Of each device only the latest implicit boot and the one at its edge are in
 * memory (devices.ts); the others are rows, behind bounded caches.
 */
import type { StatementSync } from "node:sqlite";
import type { Database } from "../rollups/database.ts";

/** Named boots whose number is kept at hand: a lookup costs microseconds, so this is about restarts of fleets. */
const NAMED_CACHED_MAX = 65_536;
/** Devices whose older implicit boots are kept at hand. */
const HISTORIES_CACHED_MAX = 8_192;

/** An implicit boot that is not the device's latest. Times of counted readings, ms; `highest` is -1 before the first. */
export interface OldBoot {
  readonly id: number;
  readonly ordinal: number;
  firstTime: number;
  lastTime: number;
  highest: number;
}

interface BootRow {
  readonly id: number;
  readonly device: number;
  readonly name: Uint8Array | null;
  readonly ordinal: number;
  firstTime: number;
  lastTime: number;
  highest: number;
}

export class Boots {
  readonly #db: Database;
  readonly #findNamed: StatementSync;
  readonly #nameOf: StatementSync;
  readonly #implicitOf: StatementSync;
  readonly #write: StatementSync;
  readonly #named = new Map<string, number>();
  readonly #old = new Map<number, OldBoot[]>();
  readonly #pending = new Map<number, BootRow>();
  #nextId: number;

  constructor(db: Database) {
    this.#db = db;
    this.#findNamed = db.prepare("SELECT id FROM boot WHERE device=? AND name=?");
    this.#nameOf = db.prepare("SELECT name FROM boot WHERE id=?");
    this.#implicitOf = db.prepare(
      "SELECT id, ordinal, first_time, last_time, highest FROM boot WHERE device=? AND name IS NULL ORDER BY ordinal",
    );
    this.#write = db.prepare("INSERT OR REPLACE INTO boot VALUES(?, ?, ?, ?, ?, ?, ?)");
    this.#nextId = Number(db.prepare("SELECT max(id) AS id FROM boot").get()?.id ?? 0) + 1;
  }

  /** The number of the boot of that name; 0 when the device has none. */
  find(device: number, name: Uint8Array): number {
    const key = `${device}/${Buffer.from(name).toString("latin1")}`;
    const cached = this.#named.get(key);
    if (cached !== undefined) return cached;
    const id = Number(this.#findNamed.get(device, name)?.id ?? 0);
    if (id !== 0) this.#named.set(key, id);
    return id;
  }

  create(device: number, name: Uint8Array): number {
    const id = this.#nextId++;
    this.#named.set(`${device}/${Buffer.from(name).toString("latin1")}`, id);
    this.#pending.set(id, { id, device, name: name.slice(), ordinal: 0, firstTime: 0, lastTime: 0, highest: 0 });
    return id;
  }

  /** Its name; null for an implicit one. */
  name(id: number): Uint8Array | null {
    const pending = this.#pending.get(id);
    if (pending !== undefined) return pending.name;
    const name = this.#nameOf.get(id)?.name;
    return name instanceof Uint8Array ? name : null;
  }

  createImplicit(device: number, ordinal: number): number {
    const id = this.#nextId++;
    this.#pending.set(id, {
      id,
      device,
      name: null,
      ordinal,
      firstTime: Number.POSITIVE_INFINITY,
      lastTime: Number.NEGATIVE_INFINITY,
      highest: -1,
    });
    return id;
  }

  /** A new implicit boot follows the device's latest, which is from now on an old one. */
  retire(device: number, boot: OldBoot): void {
    this.old(device, boot.ordinal).push(boot);
    this.update(device, boot);
  }

  /** The device's implicit boots before its latest, oldest first. @param before the latest one's ordinal */
  old(device: number, before = Number.POSITIVE_INFINITY): OldBoot[] {
    const cached = this.#old.get(device);
    if (cached !== undefined) return cached;
    const boots: OldBoot[] = [];
    for (const row of this.#implicitOf.all(device)) {
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
    this.#old.set(device, boots);
    return boots;
  }

  /** An old boot has counted another reading. */
  update(device: number, boot: OldBoot): void {
    this.#pending.set(boot.id, { ...boot, device, name: null });
  }

  /** Writes new and changed boots, inside a transaction; yields about the bytes of each. */
  *write(): Generator<number> {
    for (const { id, device, name, ordinal, firstTime, lastTime, highest } of this.#pending.values()) {
      this.#db.guarded(() => this.#write.run(id, device, name, ordinal, firstTime, lastTime, highest));
      yield 48 + (name?.length ?? 0);
    }
  }

  committed(): void {
    this.#pending.clear();
    shrink(this.#named, NAMED_CACHED_MAX);
    shrink(this.#old, HISTORIES_CACHED_MAX);
  }
}

/** Forgets the oldest entries. */
function shrink(map: Map<unknown, unknown>, sizeMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= sizeMax) return;
    map.delete(key);
  }
}
