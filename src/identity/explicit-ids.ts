/** Explicit ids: 128 bits of each one's SHA-256, for ever. The dearest identity: a string, a hash and a look-up a reading, 40 bytes on disk. */
import { hash } from "node:crypto";
import type { StatementSync } from "node:sqlite";
import { BulkInsert } from "../store/bulk-insert.ts";
import type { Database } from "../store/database.ts";

const TABLES =
  "CREATE TABLE IF NOT EXISTS seen_id(sensor INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(sensor, hash)) WITHOUT ROWID";

/** Committed ids that are cached, so that resends within seconds cost no look-up. */
const RECENT_IDS_MAX = 50_000;

/** Bytes kept of an id's hash, as a string of one character each: a Buffer for each id costs three times the hash itself. */
const HASH_BYTES = 16;

/** The hash to look up. */
const sought = Buffer.alloc(HASH_BYTES);

/** The sensor as a character, then the hash. */
const keyOf = (sensor: number, id: string): string =>
  String.fromCodePoint(sensor) + hash("sha256", id, "binary").slice(0, HASH_BYTES);

/** The ids that were seen: pending ones until a commit, then rows. */
export class ExplicitIds {
  readonly #db: Database;
  readonly #find: StatementSync;
  readonly #insert: BulkInsert;
  /** Keys of new ids. */
  #pending = new Set<string>();
  /** Keys of ids that were committed. */
  #recent = new Set<string>();

  /** The file has ids under sensor 0: only histories from before version 3. */
  readonly hasHeld: boolean;

  constructor(db: Database) {
    this.#db = db;
    db.declare(TABLES);
    this.hasHeld = db.prepare("SELECT 1 FROM seen_id WHERE sensor=0 LIMIT 1").get() !== undefined;
    this.#find = db.prepare("SELECT 1 FROM seen_id WHERE sensor=? AND hash=?");
    this.#insert = new BulkInsert(db, "seen_id", 2);
  }

  /** New ids that wait for a commit. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Marks an id of the sensor as seen. @returns false when it was already */
  mark(sensor: number, id: string): boolean {
    const key = keyOf(sensor, id);
    if (this.#isSeen(sensor, key)) return false;
    this.#pending.add(key);
    return true;
  }

  has(sensor: number, id: string): boolean {
    return this.#isSeen(sensor, keyOf(sensor, id));
  }

  #isSeen(sensor: number, key: string): boolean {
    if (this.#pending.has(key) || this.#recent.has(key)) return true;
    sought.write(key.slice(-HASH_BYTES), "latin1");
    return this.#db.lookUp(this.#find, sensor, sought) !== undefined;
  }

  /** Writes new ids, inside a transaction. */
  *write(): Generator<number> {
    this.#insert.begin();
    for (const key of this.#pending) {
      this.#insert.add(key.codePointAt(0) ?? 0, Buffer.from(key.slice(-HASH_BYTES), "latin1"));
      yield HASH_BYTES;
    }
    this.#insert.flush();
  }

  committed(): void {
    if (this.#recent.size > RECENT_IDS_MAX) this.#recent = new Set();
    if (this.#recent.size === 0) this.#recent = this.#pending;
    else for (const key of this.#pending) this.#recent.add(key);
    this.#pending = new Set();
  }
}

/** A number that stands for an explicit id in the value memory. */
export function identityOf(id: string): number {
  let high = 0x811c9dc5 | 0;
  let low = 0x9747b28c | 0;
  for (let i = 0; i < id.length; i++) {
    high = Math.imul(high ^ id.charCodeAt(i), 0x01000193);
    low = Math.imul(low + id.charCodeAt(i), 0x5bd1e995) ^ (low >>> 13);
  }
  return (high & 0x1fffff) * 4294967296 + (low >>> 0);
}
