/** Quarantined readings and rejected records: listed, with what is needed to take them in after all. */
import type { StatementSync } from "node:sqlite";
import { ABSENT, Records } from "../core/records.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";

/** Bytes kept of a rejected record: all of anything that could be a reading. A cut one cannot be released; the log has all of it. */
export const REJECTION_BYTES_MAX = 4096;

/** Bytes that a row in memory takes beside its texts and bytes. */
const ROW_BYTES = 200;

/** Rows read at once to be dropped. */
const DROPPED_AT_ONCE = 100;

/** A reading in quarantine, with what is needed to count it. */
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
  /** Of the host's clock when it was judged (clock-offset.ts). */
  readonly clockOffset: number | null;
  /** One of the IDENTITY_ constants; null of rows that older versions wrote. */
  readonly identity: number | null;
}

/** A rejected record, with what is needed to read it again. */
export interface RejectionRow {
  readonly id: number;
  readonly sensor: number;
  readonly partition: number;
  readonly offset: number;
  /** Which of the record's readings it is, from 0 on. */
  readonly reading: number;
  /** True: `bytes` are that reading alone; false: the whole record, which made other readings too. */
  readonly isAlone: boolean;
  readonly code: string;
  readonly key: Uint8Array | null;
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly timestamp: number;
  readonly appendTime: boolean;
  readonly arrival: number;
}

const QUARANTINE_TABLES = `
CREATE TABLE IF NOT EXISTS quarantine(id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, device TEXT NOT NULL, boot TEXT, sequence REAL,
  value REAL NOT NULL, time REAL NOT NULL, judged_against REAL NOT NULL, reason TEXT NOT NULL, clock_offset REAL, identity INTEGER);
CREATE INDEX IF NOT EXISTS quarantine_of_sensor ON quarantine(sensor, id);
`;

const REJECTION_TABLES = `
CREATE TABLE IF NOT EXISTS rejection(id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
  code TEXT NOT NULL, key BLOB, bytes BLOB NOT NULL, length INTEGER NOT NULL, timestamp REAL NOT NULL, append_time INTEGER NOT NULL,
  arrival REAL NOT NULL, reading INTEGER NOT NULL DEFAULT 0, is_alone INTEGER NOT NULL DEFAULT 1);
CREATE INDEX IF NOT EXISTS rejection_of_sensor ON rejection(sensor, id);
`;

type Letter = { readonly id: number; readonly sensor: number };
type Columns = (string | number | Uint8Array | null)[];

/**
 * Rows in memory until the commit that also holds their identities, then in the history. Numbers ascend and are never used again.
 * Nothing but `committed` counts rows as stored or deleted, so a commit that fails leaves all as it was.
 */
abstract class DeadLetters<T extends Letter> implements CommitPart {
  protected readonly db: Database;
  /** The setting that has the last number given. */
  readonly #lastIdSetting: string;
  /** Not stored yet; oldest first. */
  readonly #pending = new Map<number, T>();
  #pendingBytes = 0;
  /** Stored rows that the next commit deletes. */
  readonly #removed = new Set<number>();
  readonly #list: StatementSync;
  readonly #listOf: StatementSync;
  readonly #get: StatementSync;
  readonly #oldest: StatementSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  #nextId: number;
  #stored: number;

  /** @param tables makes the table of that name and its indexes */
  protected constructor(db: Database, table: string, columns: number, tables: string) {
    this.db = db;
    this.#lastIdSetting = `${table}-last-id`;
    db.declare(tables);
    this.#list = db.prepare(`SELECT * FROM ${table} WHERE id>? ORDER BY id LIMIT ?`);
    this.#listOf = db.prepare(`SELECT * FROM ${table} WHERE sensor=? AND id>? ORDER BY id LIMIT ?`);
    this.#get = db.prepare(`SELECT * FROM ${table} WHERE id=?`);
    this.#oldest = db.prepare(`SELECT id, sensor FROM ${table} WHERE id>? ORDER BY id LIMIT ?`);
    this.#insert = db.prepare(`INSERT INTO ${table} VALUES(${Array(columns).fill("?").join(", ")})`);
    this.#delete = db.prepare(`DELETE FROM ${table} WHERE id=?`);
    const last = db.prepare(`SELECT max(id) AS id FROM ${table}`).get();
    this.#nextId = Math.max(Number(last?.id ?? 0), Number(db.setting(this.#lastIdSetting) ?? 0)) + 1;
    this.#stored = Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0);
  }

  protected abstract fromRow(row: Record<string, unknown>): T;
  protected abstract toRow(row: T): Columns;
  /** Bytes of its texts and bytes. */
  protected abstract bytesOf(row: T): number;

  /** Rows, stored and pending, without those that are dealt with. */
  get size(): number {
    return this.#stored - this.#removed.size + this.#pending.size;
  }

  get waitingRows(): number {
    return this.#pending.size;
  }

  get waitingBytes(): number {
    return this.#pendingBytes;
  }

  /** The last number that was given. */
  get lastId(): number {
    return this.#nextId - 1;
  }

  takeId(): number {
    return this.#nextId++;
  }

  add(row: T): void {
    this.#pending.set(row.id, row);
    this.#pendingBytes += ROW_BYTES + this.bytesOf(row);
  }

  /** Up to `limit` rows with a number over `after`, ascending. */
  list(sensor: number | undefined, after: number, limit: number): T[] {
    const most = limit + this.#removed.size;
    const rows =
      sensor === undefined
        ? this.db.lookUpAll(this.#list, after, most)
        : this.db.lookUpAll(this.#listOf, sensor, after, most);
    const items = rows.map((row) => this.fromRow(row)).filter((row) => !this.#removed.has(row.id));
    items.length = Math.min(items.length, limit);
    // During a commit pending rows are in the table already.
    const listed = items.at(-1)?.id ?? after;
    for (const row of this.#pending.values()) {
      if (items.length >= limit) break;
      if (row.id > listed && (sensor === undefined || row.sensor === sensor)) items.push(row);
    }
    return items;
  }

  get(id: number): T | undefined {
    if (this.#removed.has(id)) return undefined;
    const pending = this.#pending.get(id);
    if (pending !== undefined) return pending;
    const row = this.db.lookUp(this.#get, id);
    return row === undefined ? undefined : this.fromRow(row);
  }

  /** The row is dealt with: it is not listed any more, and the next commit deletes it. Only for stored ones, and only once. */
  remove(id: number): void {
    this.#removed.add(id);
  }

  /** Drops the oldest rows beyond `rows`, pending ones last; yields the sensor of each. */
  protected *dropOldest(rows: number): Generator<number> {
    let found = this.size > rows ? this.db.lookUpAll(this.#oldest, 0, DROPPED_AT_ONCE) : [];
    while (found.length > 0) {
      for (const { id, sensor } of found) {
        if (this.size <= rows) return;
        if (this.#removed.has(Number(id))) continue;
        this.remove(Number(id));
        yield Number(sensor);
      }
      found = this.db.lookUpAll(this.#oldest, Number(found[found.length - 1].id), DROPPED_AT_ONCE);
    }
    for (const [id, row] of this.#pending) {
      if (this.size <= rows) return;
      this.#pending.delete(id);
      this.#pendingBytes -= ROW_BYTES + this.bytesOf(row);
      yield row.sensor;
    }
  }

  /** Writes pending rows and deletes removed ones. */
  *write(): Generator<number> {
    for (const row of this.#pending.values()) {
      this.db.guarded(() => this.#insert.run(...this.toRow(row)));
      yield ROW_BYTES + this.bytesOf(row);
    }
    for (const id of this.#removed) {
      this.db.guarded(() => this.#delete.run(id));
      yield 0;
    }
    this.db.guarded(() => this.db.setSetting(this.#lastIdSetting, this.#nextId - 1));
  }

  committed(): void {
    this.#stored += this.#pending.size - this.#removed.size;
    this.#removed.clear();
    this.#pending.clear();
    this.#pendingBytes = 0;
  }
}

/** Readings whose clock is impossible. */
export class Quarantine extends DeadLetters<QuarantineRow> {
  readonly #rowsMax: number;

  constructor(db: Database, rowsMax: number) {
    super(db, "quarantine", 11, QUARANTINE_TABLES);
    this.#rowsMax = rowsMax;
  }

  get isFull(): boolean {
    return this.size >= this.#rowsMax;
  }

  /** The stored rows' clocks cannot be compared with this one's. */
  forgetClocks(): void {
    const forget = this.db.prepare("UPDATE quarantine SET clock_offset=NULL WHERE clock_offset IS NOT NULL");
    this.db.guarded(() => forget.run());
  }

  protected override bytesOf({ device, boot }: QuarantineRow): number {
    return device.length + (boot?.length ?? 0);
  }

  protected override toRow(row: QuarantineRow): Columns {
    const { id, sensor, device, boot, sequence, value, time, judgedAgainst, reason, clockOffset, identity } = row;
    return [id, sensor, device, boot, sequence, value, time, judgedAgainst, reason, clockOffset, identity];
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
      clockOffset: row.clock_offset === null ? null : Number(row.clock_offset),
      identity: row.identity === null ? null : Number(row.identity),
    };
  }
}

/** Rejected records, or readings of them. */
export class Rejections extends DeadLetters<RejectionRow> {
  readonly #rowsMax: number;
  readonly #onDropped: (sensor: number) => void;

  /** @param onDropped called with the sensor's number for each row dropped past the bound */
  constructor(db: Database, rowsMax: number, onDropped: (sensor: number) => void) {
    super(db, "rejection", 13, REJECTION_TABLES);
    this.#rowsMax = rowsMax;
    this.#onDropped = onDropped;
  }

  /** Drops the oldest beyond the bound, then writes. */
  override *write(): Generator<number> {
    for (const sensor of this.dropOldest(this.#rowsMax)) {
      this.#onDropped(sensor);
      yield 0;
    }
    yield* super.write();
  }

  protected override bytesOf({ key, bytes }: RejectionRow): number {
    return bytes.length + (key?.length ?? 0);
  }

  protected override toRow(row: RejectionRow): Columns {
    const { id, sensor, partition, offset, code, key, bytes, length, timestamp, arrival, reading } = row;
    const [appendTime, isAlone] = [row.appendTime ? 1 : 0, row.isAlone ? 1 : 0];
    return [id, sensor, partition, offset, code, key, bytes, length, timestamp, appendTime, arrival, reading, isAlone];
  }

  protected override fromRow(row: Record<string, unknown>): RejectionRow {
    return {
      id: Number(row.id),
      sensor: Number(row.sensor),
      partition: Number(row.partition),
      offset: Number(row.offset),
      reading: Number(row.reading),
      isAlone: row.is_alone === 1,
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

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function bytesOrNull(value: unknown): Uint8Array | null {
  return value instanceof Uint8Array ? value : null;
}

/** A rejected record as it came from the log, or its rejected reading alone. */
export function recordOf(row: RejectionRow): Records {
  const records = new Records(1);
  const key = row.key ?? new Uint8Array(0);
  records.data = Buffer.concat([key, row.bytes]);
  records.count = 1;
  records.offset[0] = row.offset;
  records.timestamp[0] = row.timestamp;
  records.appendTime = row.appendTime;
  records.keyStart[0] = row.key === null ? ABSENT : 0;
  records.keyEnd[0] = key.length;
  records.valueStart[0] = key.length;
  records.valueEnd[0] = key.length + row.bytes.length;
  return records;
}
