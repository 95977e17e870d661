/** Explicit ids: 128 bits of each one's SHA-256, for ever. The dearest identity: a string, a hash and a look-up a reading, 40 bytes on disk. */
import { hash } from "node:crypto";
import type { StatementSync } from "node:sqlite";
import type { Database } from "../rollups/database.ts";

/** Committed ids kept at hand, so that resends within seconds cost no look-up. */
const RECENT_IDS_MAX = 50_000;

export class ExplicitIds {
  readonly #db: Database;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  /** Sensor and hash → hash. */
  readonly #pending = new Map<string, Uint8Array>();
  readonly #recent = new Set<string>();

  constructor(db: Database) {
    this.#db = db;
    this.#find = db.prepare("SELECT 1 FROM seen_id WHERE sensor=? AND hash=?");
    this.#insert = db.prepare("INSERT OR IGNORE INTO seen_id VALUES(?, ?)");
  }

  /** New ids that wait for a commit. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Marks an id of the sensor as seen. @returns false when it was already */
  mark(sensor: number, id: string): boolean {
    const digest = digestOf(id);
    const key = keyOf(sensor, digest);
    if (this.#isSeen(sensor, digest, key)) return false;
    this.#pending.set(key, digest);
    return true;
  }

  has(sensor: number, id: string): boolean {
    const digest = digestOf(id);
    return this.#isSeen(sensor, digest, keyOf(sensor, digest));
  }

  #isSeen(sensor: number, digest: Uint8Array, key: string): boolean {
    return this.#pending.has(key) || this.#recent.has(key) || this.#find.get(sensor, digest) !== undefined;
  }

  /** Writes new ids, inside a transaction. */
  *write(): Generator<number> {
    for (const [key, digest] of this.#pending) {
      const sensor = Number(key.slice(0, key.indexOf(":")));
      this.#db.guarded(() => this.#insert.run(sensor, digest));
      yield digest.length;
    }
  }

  committed(): void {
    if (this.#recent.size > RECENT_IDS_MAX) this.#recent.clear();
    for (const key of this.#pending.keys()) this.#recent.add(key);
    this.#pending.clear();
  }
}

function digestOf(id: string): Buffer {
  return hash("sha256", id, "buffer").subarray(0, 16);
}

function keyOf(sensor: number, digest: Buffer): string {
  return `${sensor}:${digest.toString("latin1")}`;
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
