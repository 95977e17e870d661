/** The embedded log's SQLite file: its schema, its connections, and what SQLite's errors mean (docs/formats/embedded-log.md). */
import { DatabaseSync } from "node:sqlite";
import { messageOf, TidemarkError } from "../../core/errors.ts";

/** "tmlg": tells `file` and us whose database this is. */
const APPLICATION_ID = 0x746d6c67;
/** Version of the format, in `user_version`. Version 1 had no table of what is lost. */
const FORMAT = 2;

/** One block of the file system: a single small append then writes the least a disk can write. */
export const PAGE_BYTES = 4096;

/** The write-ahead log is cut back to this after a burst, bytes. */
const WAL_KEPT_BYTES = 67_108_864;

/** Waits this long for another connection, ms: readers hold the file for microseconds, so anything longer is a foreign process. */
const BUSY_MS = 5_000;

/** A damaged page (SQLITE_CORRUPT) and a file that is no database (SQLITE_NOTADB). */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
/** No space left (SQLITE_FULL): the transaction is rolled back, the file is as before. */
const FULL = 13;

/** The result code of an error from SQLite without its extension, or -1. */
function resultCode(error: unknown): number {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return -1;
  return error.errcode & 0xff;
}

/**
 * What an error while writing means: "disk-full" (rolled back, worth trying again), "log-corrupt", and for anything else of SQLite's "log-sync-failed",
 * after which it is not known what the disk holds, so nothing more is acknowledged. Errors of neither SQLite nor the system are returned as they are.
 */
export function writeError(path: string, error: unknown): unknown {
  const code = resultCode(error);
  if (code === -1) return systemError(path, error);
  if (code === FULL) return new TidemarkError("disk-full", `Cannot write ${path}: the disk is full`, error);
  if (code === CORRUPT || code === NOT_A_DATABASE) return readError(path, error);
  return new TidemarkError("log-sync-failed", `Cannot write ${path}: ${messageOf(error)}`, error);
}

/** What an error of the system means for a file beside the database; others are returned as they are. */
function systemError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return error;
  const isFull = error.code === "ENOSPC" || error.code === "EDQUOT";
  return new TidemarkError(isFull ? "disk-full" : "log-sync-failed", `Cannot write ${path}: ${error.message}`, error);
}

/** What an error while reading means. */
function readError(path: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  return new TidemarkError("log-corrupt", `Cannot read ${path}: ${messageOf(error)}`, error);
}

/**
 * The one connection that writes; creates the file. Checkpoints are left to the caller, which handles their errors.
 * @throws TidemarkError "data-dir-unusable" | "log-corrupt" | "disk-full" | "log-sync-failed"
 */
export function openForWriting(path: string): DatabaseSync {
  const db = openDatabase(path, false);
  try {
    setUp(db, path);
    db.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = 1;
      PRAGMA checkpoint_fullfsync = 1;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
    `);
  } catch (error) {
    db.close();
    throw writeError(path, error);
  }
  return db;
}

/** Gives a new file its form. @throws TidemarkError "data-dir-unusable", Error of SQLite */
export function setUp(db: DatabaseSync, path: string): void {
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`);
  const mode = db.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
  if (mode !== "wal") {
    throw new TidemarkError("data-dir-unusable", `Cannot open ${path}: journal mode must be wal, was ${mode}`);
  }
  requireFormat(db, path);
}

/** A connection that has done nothing yet. @throws TidemarkError "data-dir-unusable" */
export function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly, timeout: BUSY_MS });
  } catch (error) {
    throw new TidemarkError("data-dir-unusable", `Cannot open ${path}: ${messageOf(error)}`, error);
  }
}

/** Offsets whose records were acknowledged and are gone: a gap, which readers report. */
const LOST = `CREATE TABLE lost (
      topic INTEGER NOT NULL,
      start INTEGER NOT NULL,
      next INTEGER NOT NULL,
      PRIMARY KEY (topic, start)
    ) STRICT, WITHOUT ROWID`;

function requireFormat(db: DatabaseSync, path: string): void {
  const id = db.prepare("PRAGMA application_id").get()?.["application_id"];
  const format = db.prepare("PRAGMA user_version").get()?.["user_version"];
  if (id === APPLICATION_ID && format === FORMAT) return;
  if (id === APPLICATION_ID && format === 1) {
    db.exec(`BEGIN IMMEDIATE; ${LOST}; PRAGMA user_version = ${FORMAT}; COMMIT`);
    return;
  }
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"];
  if (id !== 0 || tables !== 0) {
    const wanted = `application_id ${APPLICATION_ID} and user_version ${FORMAT}`;
    throw new TidemarkError("data-dir-unusable", `Cannot open ${path}: wanted ${wanted}, was ${id} and ${format}`);
  }
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE topic (
      number INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      id TEXT NOT NULL UNIQUE,
      first INTEGER NOT NULL,
      packed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE batch (
      topic INTEGER NOT NULL,
      base INTEGER NOT NULL,
      next INTEGER NOT NULL,
      time INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (topic, base)
    ) STRICT, WITHOUT ROWID;
    ${LOST};
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${FORMAT};
    COMMIT;
  `);
}

/** A stored batch. */
export interface StoredBatch {
  readonly base: number;
  readonly next: number;
  readonly bytes: Uint8Array;
}

/** A connection that only reads; sees what is committed, whatever the writer is doing. */
export class ReadConnection {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #rows;
  readonly #start;
  readonly #lost;

  /** @param isSnapshot it goes on to see what is committed now */
  constructor(path: string, isSnapshot = false) {
    this.path = path;
    this.#db = openDatabase(path, true);
    try {
      // The snapshot is taken by the first read.
      if (isSnapshot) this.#db.exec("BEGIN; SELECT count(*) FROM topic");
    } catch (error) {
      this.#db.close();
      throw readError(path, error);
    }
    // One statement, hence one snapshot: packing may replace rows between two.
    this.#rows = this.#db.prepare(`
      SELECT base, next, bytes FROM batch
      WHERE topic = :topic AND base < :end AND next > :from
        AND base >= coalesce((SELECT max(base) FROM batch WHERE topic = :topic AND base <= :from), 0)
      ORDER BY base`);
    this.#start = this.#db.prepare(`
      SELECT coalesce((SELECT min(base) FROM batch WHERE topic = :topic), first) AS start
      FROM topic WHERE number = :topic`);
    // One of version 1 that is only read has no such table.
    const knowsLost = this.#db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'lost'").get() !== undefined;
    const none = "(SELECT 0 AS topic, 0 AS start, 0 AS next LIMIT 0)";
    this.#lost = this.#db.prepare(
      `SELECT start, next FROM ${knowsLost ? "lost" : none} WHERE topic = ? AND next > ? ORDER BY start`,
    );
  }

  /**
   * The batches from the one that holds offset `from`, or the first one after it, until `bytesMax` is reached; at least one if there is one before `end`.
   * @throws TidemarkError "log-corrupt"
   */
  rows(topic: number, from: number, end: number, bytesMax: number): StoredBatch[] {
    const rows: StoredBatch[] = [];
    let bytes = 0;
    try {
      for (const row of this.#rows.iterate({ topic, from, end })) {
        const read = rowOf(row);
        rows.push(read);
        if ((bytes += read.bytes.length) >= bytesMax) break;
      }
    } catch (error) {
      throw readError(this.path, error);
    }
    return rows;
  }

  /** The first offset that the topic still holds. */
  start(topic: number): number {
    try {
      return integer(this.#start.get({ topic })?.["start"]);
    } catch (error) {
      throw readError(this.path, error);
    }
  }

  /** All topics, and the offsets [start, end) that each holds. @throws TidemarkError "log-corrupt" */
  topics(): { number: number; name: string; id: string; start: number; end: number }[] {
    try {
      const rows = this.#db.prepare(`
        SELECT number, name, id, coalesce((SELECT min(base) FROM batch WHERE topic = number), first) AS start,
          coalesce((SELECT next FROM batch WHERE topic = number ORDER BY base DESC LIMIT 1), first) AS end FROM topic`);
      return rows.all().map((row) => ({
        number: integer(row["number"]),
        name: text(row["name"]),
        id: text(row["id"]),
        start: integer(row["start"]),
        end: integer(row["end"]),
      }));
    } catch (error) {
      throw readError(this.path, error);
    }
  }

  /** The offset up to which all from `from` on is known to be lost; `from` when it is not. */
  lostUntil(topic: number, from: number): number {
    let until = from;
    try {
      for (const { start, next } of this.#lost.iterate(topic, from)) {
        if (integer(start) > until) break;
        until = integer(next);
      }
    } catch (error) {
      throw readError(this.path, error);
    }
    return until;
  }

  /** The offset after the last record that is known to be lost; 0: none is. */
  lostEnd(topic: number): number {
    try {
      let end = 0;
      for (const { next } of this.#lost.iterate(topic, 0)) end = integer(next);
      return end;
    } catch (error) {
      throw readError(this.path, error);
    }
  }

  close(): void {
    this.#db.close();
  }
}

/** The columns base, next and bytes of a result row. @throws Error when they are something else */
export function rowOf(row: Record<string, unknown>): StoredBatch {
  const { bytes } = row;
  if (!(bytes instanceof Uint8Array)) throw new Error("a batch's bytes are no blob");
  return { base: integer(row["base"]), next: integer(row["next"]), bytes };
}

/** A number from the database. @throws Error when it is none */
export function integer(value: unknown): number {
  if (typeof value !== "number") throw new Error(`wanted a number, was ${typeof value}`);
  return value;
}

/** A text from the database. @throws Error when it is none */
export function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`wanted a text, was ${typeof value}`);
  return value;
}
