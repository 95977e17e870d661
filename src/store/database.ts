/**
 * The history's SQLite file: pages, offsets, identities, counters and dead letters, so that one transaction commits them all.
 * Commits are not synced one by one (synchronous=NORMAL in WAL mode: a power loss rolls back to an earlier commit, never to half of
 * one); a thread syncs the write-ahead log, and only then is a commit known to be on disk (checkpointer.ts).
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { messageOf, TidemarkError } from "../core/errors.ts";

/** Raised when a table or a blob changes its meaning: files of other versions are refused. 2: buckets in columns. */
const HISTORY_VERSION = 2;

/** SQLite pages of 8 KB: a page row of 600 integers then fills a thirteenth, and a window's dozen rows cost as many reads. */
const PAGE_BYTES = 8192;
/** SQLite's own cache, KiB: inner nodes. Pages have a cache of their own above it, and the system's below; 8 MB here made no look-up cheaper. */
const CACHE_KIB = 2048;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS page(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sensor(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, totals BLOB);
CREATE TABLE IF NOT EXISTS position(topic TEXT NOT NULL, partition INTEGER NOT NULL, topic_id TEXT NOT NULL, next INTEGER NOT NULL,
  newest REAL, PRIMARY KEY(topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS device(id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, name BLOB NOT NULL, state BLOB NOT NULL,
  UNIQUE(sensor, name));
CREATE TABLE IF NOT EXISTS boot(id INTEGER PRIMARY KEY, device INTEGER NOT NULL, name BLOB, ordinal INTEGER NOT NULL,
  first_time REAL NOT NULL, last_time REAL NOT NULL, highest REAL NOT NULL);
CREATE INDEX IF NOT EXISTS boot_of_device ON boot(device, name, ordinal);
CREATE TABLE IF NOT EXISTS seen(boot INTEGER NOT NULL, block INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(boot, block)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen_id(sensor INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(sensor, hash)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delta(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine(id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, device TEXT NOT NULL, boot TEXT, sequence REAL,
  value REAL NOT NULL, time REAL NOT NULL, judged_against REAL NOT NULL, reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS quarantine_of_sensor ON quarantine(sensor, id);
CREATE TABLE IF NOT EXISTS rejection(id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
  code TEXT NOT NULL, key BLOB, bytes BLOB NOT NULL, length INTEGER NOT NULL, timestamp REAL NOT NULL, append_time INTEGER NOT NULL,
  arrival REAL NOT NULL);
CREATE INDEX IF NOT EXISTS rejection_of_sensor ON rejection(sensor, id);
CREATE TABLE IF NOT EXISTS setting(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
`;

/** An open history. One connection, one thread; the thread that checkpoints has its own. */
export class Database {
  readonly file: string;
  readonly #db: DatabaseSync;
  #inTransaction = false;
  readonly #beginReading: StatementSync;
  readonly #endReading: StatementSync;
  /** Look-ups of the piece of work that reads; -1: there is none. */
  #lookUps = -1;
  /** They share a transaction. */
  #isReading = false;

  private constructor(file: string, db: DatabaseSync) {
    this.file = file;
    this.#db = db;
    this.#beginReading = db.prepare("BEGIN");
    this.#endReading = db.prepare("COMMIT");
  }

  /** Opens `<directory>/history.db`, made when missing. @throws TidemarkError "data-dir-unusable" | "history-too-new" | "history-too-old" | "history-corrupt" */
  static open(directory: string): Database {
    const file = join(directory, "history.db");
    try {
      mkdirSync(directory, { recursive: true });
      const db = new DatabaseSync(file);
      db.exec(
        `PRAGMA page_size=${PAGE_BYTES}; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-${CACHE_KIB}; PRAGMA cache_spill=OFF;
         PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=5000;`,
      );
      const version = Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
      if (version !== 0 && version !== HISTORY_VERSION) {
        db.close();
        throw new TidemarkError(
          version > HISTORY_VERSION ? "history-too-new" : "history-too-old",
          `Cannot open the history "${file}": its version must be ${version > HISTORY_VERSION ? "<=" : ">="} ${HISTORY_VERSION}, was ${version}`,
        );
      }
      db.exec(`BEGIN; ${SCHEMA} PRAGMA user_version=${HISTORY_VERSION}; COMMIT;`);
      return new Database(file, db);
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      const text = messageOf(error);
      if (/malformed|not a database/.test(text)) {
        throw new TidemarkError("history-corrupt", `Cannot open the history "${file}": ${text}`, error);
      }
      throw new TidemarkError("data-dir-unusable", `Cannot open the history "${file}": ${text}`, error);
    }
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  /**
   * A piece of work begins that looks rows up and neither waits nor writes. From its second one on they share a transaction: of the 7 µs
   * of a row alone, SQLite takes 3 to lock the file and to let go of it.
   */
  startReading(): void {
    this.#lookUps = 0;
  }

  /** The row for these keys; as `setReturnArrays` says. */
  lookUp(statement: StatementSync, ...keys: SQLInputValue[]): Record<string, SQLOutputValue> | undefined {
    if (this.#lookUps >= 0 && ++this.#lookUps === 2 && !this.#inTransaction) {
      this.#beginReading.run();
      this.#isReading = true;
    }
    return statement.get(...keys);
  }

  endReading(): void {
    this.#lookUps = -1;
    if (!this.#isReading) return;
    this.#isReading = false;
    this.#endReading.run();
  }

  /** @throws TidemarkError "disk-full" */
  begin(): void {
    this.guarded(() => this.#db.exec("BEGIN IMMEDIATE"));
    this.#inTransaction = true;
  }

  /** @throws TidemarkError "disk-full" after rolling back; everything in memory is as it was and can be committed again */
  commit(): void {
    this.guarded(() => this.#db.exec("COMMIT"));
    this.#inTransaction = false;
  }

  rollback(): void {
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    try {
      this.#db.exec("ROLLBACK");
    } catch {
      // SQLite has rolled back by itself already (a full disk does that).
    }
  }

  /** Runs a write and names what went wrong with the disk. */
  guarded(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (/full|ENOSPC|disk I\/O/.test(messageOf(error))) {
        throw new TidemarkError("disk-full", `Cannot write to the history "${this.file}": ${messageOf(error)}`, error);
      }
      throw error;
    }
  }

  setting(name: string): string | number | null {
    const row = this.#db.prepare("SELECT value FROM setting WHERE name=?").get(name);
    const value = row?.value;
    return typeof value === "string" || typeof value === "number" ? value : null;
  }

  setSetting(name: string, value: string | number): void {
    this.#db.prepare("INSERT OR REPLACE INTO setting VALUES(?, ?)").run(name, value);
  }

  close(): void {
    this.rollback();
    this.#db.close();
  }
}
