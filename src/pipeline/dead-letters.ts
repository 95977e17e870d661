/** Readings held back because of their clock, and records that were refused: listed with what is needed to take them in after all. */
import type { StatementSync } from "node:sqlite";
import type { Database } from "../rollups/database.ts";

/** Quarantined readings that are listed, all sensors together: 80 MB of rows. Past it the newest are counted but not listed. */
export const QUARANTINE_ROWS_MAX = 1_000_000;
/** Rejected records that are listed. Past it the oldest are dropped: the newest show what is wrong now, and the log has them all. */
export const REJECTION_ROWS_MAX = 100_000;
/** Bytes kept of a rejected record: all of anything that could be a reading. A cut one cannot be released; the log has all of it. */
export const REJECTION_BYTES_MAX = 4096;

export interface QuarantineRow {
  readonly id: number;
  readonly sensor: number;
  readonly device: string;
  readonly boot: string | null;
  readonly sequence: number | null;
  readonly value: number;
  readonly time: number;
  readonly judgedAgainst: number;
  readonly reason: "ahead" | "before-2000";
}

export interface RejectionRow {
  readonly id: number;
  readonly sensor: number;
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly key: Uint8Array | null;
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly timestamp: number;
  readonly appendTime: boolean;
  readonly arrival: number;
}

/** Rows in memory until the commit that also holds their identities, then in the history. Numbers ascend and are never used again. */
abstract class DeadLetters<T extends { readonly id: number; readonly sensor: number }> {
  readonly pending: T[] = [];
  /** Stored rows that the next commit deletes. */
  readonly #removed = new Set<number>();
  readonly #list: StatementSync;
  readonly #listOf: StatementSync;
  readonly #get: StatementSync;
  readonly #delete: StatementSync;
  #nextId: number;
  #stored: number;

  protected constructor(db: Database, table: string) {
    this.#list = db.prepare(`SELECT * FROM ${table} WHERE id>? ORDER BY id LIMIT ?`);
    this.#listOf = db.prepare(`SELECT * FROM ${table} WHERE sensor=? AND id>? ORDER BY id LIMIT ?`);
    this.#get = db.prepare(`SELECT * FROM ${table} WHERE id=?`);
    this.#delete = db.prepare(`DELETE FROM ${table} WHERE id=?`);
    this.#nextId =
      Math.max(
        Number(db.prepare(`SELECT max(id) AS id FROM ${table}`).get()?.id ?? 0),
        Number(db.setting(`${table}-last-id`) ?? 0),
      ) + 1;
    this.#stored = Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0);
  }

  protected abstract fromRow(row: Record<string, unknown>): T;
  protected abstract insert(row: T): void;

  /** Rows, stored and pending. */
  get size(): number {
    return this.#stored + this.pending.length;
  }

  get lastId(): number {
    return this.#nextId - 1;
  }

  takeId(): number {
    return this.#nextId++;
  }

  /** Up to `limit` rows with a number over `after`, ascending. */
  list(sensor: number | undefined, after: number, limit: number): T[] {
    const most = limit + this.#removed.size;
    const rows = sensor === undefined ? this.#list.all(after, most) : this.#listOf.all(sensor, after, most);
    const items = rows.map((row) => this.fromRow(row)).filter((row) => !this.#removed.has(row.id));
    items.length = Math.min(items.length, limit);
    // In the middle of a commit pending rows are in the table already.
    const listed = items.at(-1)?.id ?? after;
    for (const row of this.pending) {
      if (items.length >= limit) break;
      if (row.id > listed && (sensor === undefined || row.sensor === sensor)) items.push(row);
    }
    return items;
  }

  get(id: number): T | undefined {
    if (this.#removed.has(id)) return undefined;
    const row = this.#get.get(id);
    return row === undefined ? this.pending.find((candidate) => candidate.id === id) : this.fromRow(row);
  }

  /** The row is dealt with: it is not listed any more, and the next commit deletes it. Only for stored ones. */
  remove(id: number): void {
    this.#removed.add(id);
  }

  /** Deletes the oldest stored rows beyond `sizeMax`, inside a transaction. @returns how many */
  protected dropOldest(db: Database, table: string, sizeMax: number): number {
    const excess = this.#stored - sizeMax;
    if (excess <= 0) return 0;
    const result = db
      .prepare(`DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} ORDER BY id LIMIT ?)`)
      .run(excess);
    this.#stored -= Number(result.changes);
    return Number(result.changes);
  }

  /** Writes pending rows and deletes removed ones, inside a transaction. */
  *write(): Generator<number> {
    for (const row of this.pending) {
      this.insert(row);
      yield 100;
    }
    for (const id of this.#removed) this.#delete.run(id);
  }

  committed(): void {
    this.#stored -= this.#removed.size;
    this.#removed.clear();
    this.#stored += this.pending.length;
    this.pending.length = 0;
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);
const bytesOrNull = (value: unknown): Uint8Array | null => (value instanceof Uint8Array ? value : null);

export class Quarantine extends DeadLetters<QuarantineRow> {
  readonly #insert: StatementSync;
  readonly #held: StatementSync;
  readonly #db: Database;

  constructor(db: Database) {
    super(db, "quarantine");
    this.#db = db;
    this.#insert = db.prepare("INSERT INTO quarantine VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#held = db.prepare(
      "SELECT 1 FROM quarantine WHERE sensor=? AND device=? AND sequence=? AND time=? AND boot IS NULL LIMIT 1",
    );
  }

  /** Whether a reading of that sequence and event time, without a named boot, is held back. O(pending) and a look-up. */
  holds(sensor: number, device: string, sequence: number, time: number): boolean {
    const isIt = (row: QuarantineRow) =>
      row.sensor === sensor &&
      row.sequence === sequence &&
      row.time === time &&
      row.device === device &&
      row.boot === null;
    return this.pending.some(isIt) || this.#held.get(sensor, device, sequence, time) !== undefined;
  }

  protected override insert(row: QuarantineRow): void {
    this.#db.guarded(() =>
      this.#insert.run(
        row.id,
        row.sensor,
        row.device,
        row.boot,
        row.sequence,
        row.value,
        row.time,
        row.judgedAgainst,
        row.reason,
      ),
    );
  }

  protected override fromRow(row: Record<string, unknown>): QuarantineRow {
    return {
      id: Number(row.id),
      sensor: Number(row.sensor),
      device: String(row.device),
      boot: textOrNull(row.boot),
      sequence: row.sequence === null ? null : Number(row.sequence),
      value: Number(row.value),
      time: Number(row.time),
      judgedAgainst: Number(row.judged_against),
      reason: row.reason === "ahead" ? "ahead" : "before-2000",
    };
  }
}

export class Rejections extends DeadLetters<RejectionRow> {
  readonly #insert: StatementSync;
  readonly #db: Database;

  constructor(db: Database) {
    super(db, "rejection");
    this.#db = db;
    this.#insert = db.prepare("INSERT INTO rejection VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  }

  protected override insert(row: RejectionRow): void {
    this.#db.guarded(() =>
      this.#insert.run(
        row.id,
        row.sensor,
        row.partition,
        row.offset,
        row.code,
        row.key,
        row.bytes,
        row.length,
        row.timestamp,
        row.appendTime ? 1 : 0,
        row.arrival,
      ),
    );
  }

  /** @returns how many old rows had to make room */
  makeRoom(): number {
    return this.dropOldest(this.#db, "rejection", REJECTION_ROWS_MAX);
  }

  protected override fromRow(row: Record<string, unknown>): RejectionRow {
    return {
      id: Number(row.id),
      sensor: Number(row.sensor),
      partition: Number(row.partition),
      offset: Number(row.offset),
      code: String(row.code),
      key: bytesOrNull(row.key),
      bytes: bytesOrNull(row.bytes) ?? new Uint8Array(0),
      length: Number(row.length),
      timestamp: Number(row.timestamp),
      appendTime: row.append_time === 1,
      arrival: Number(row.arrival),
    };
  }
}
