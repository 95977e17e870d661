/**
 * The history's SQLite file, which holds all parts of a commit (commit-part.ts), so that one transaction commits them all.
 * Commits are not synced one by one (synchronous=NORMAL in WAL mode: a power loss rolls back to an earlier commit, never to half of
 * one); a thread syncs the write-ahead log, and only then is a commit known to be on disk (checkpointer.ts).
 */
import { closeSync, mkdirSync, openSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { EndsFile, endsPath } from "./ends-file.ts";
import { type Guarded, type GuardedDatabase, guardDatabase } from "./guarded-open.ts";
import { HISTORY_VERSION, MIGRATIONS, OLDEST_VERSION } from "./migrations.ts";
import { keepBeforeClose, PageSums } from "./page-sums.ts";
import { isDamage } from "./sqlite-damage.ts";

/** SQLite pages of 8 KB: a page row of 600 integers then fills a thirteenth, and a window's dozen rows cost as many reads. */
const PAGE_BYTES = 8192;
/** SQLite's own cache, KiB: inner nodes. Pages have a cache of their own above it, and the system's below; 8 MB here made no look-up cheaper. */
const CACHE_KIB = 2048;

/** Its name in the data directory. */
export const HISTORY_FILE = "history.db";
/** Waits this long for another connection, ms: they hold the file for milliseconds. */
const BUSY_MS = 5000;

/** The setting with the version of which the history still has parts: some of what it stores was judged by the rules of then. */
export const OLDEST_PART = "oldest-part";

/** The one table that belongs to no part: single values by name. */
const SETTINGS = "CREATE TABLE IF NOT EXISTS setting(name TEXT PRIMARY KEY, value) WITHOUT ROWID";

/** An open history. One connection, one thread; the thread that checkpoints has its own. */
export class Database {
  readonly file: string;
  /** The version that it had before it was opened; null: today's, or it is new. */
  readonly migratedFrom: number | null;
  /** What was found not as it was written, and put right: for the operator. */
  readonly notices: readonly string[];
  /** For reading pages as they are in the file. It is closed after every connection: closing it releases SQLite's locks (POSIX). Null: it is not kept. */
  readonly pagesFile: number | null;
  /** What was said to be in it before it was opened (ends-file.ts). */
  readonly lastWords: ReadonlyMap<string, string>;
  #ends: EndsFile | null = null;
  readonly #beside: EndsFile[] = [];
  readonly #db: DatabaseSync;
  #inTransaction = false;
  readonly #beginReading: StatementSync;
  readonly #endReading: StatementSync;
  /** Look-ups of the piece of work that reads; -1: there is none. */
  #lookUps = -1;
  /** They share a transaction. */
  #isReading = false;

  private constructor(
    file: string,
    db: DatabaseSync,
    opened: Pick<Database, "migratedFrom" | "notices" | "pagesFile">,
  ) {
    this.file = file;
    this.notices = opened.notices;
    this.pagesFile = opened.pagesFile;
    this.lastWords = opened.pagesFile === null ? new Map() : EndsFile.read(endsPath(file));
    this.migratedFrom = opened.migratedFrom;
    this.#db = db;
    this.#beginReading = db.prepare("BEGIN");
    this.#endReading = db.prepare("COMMIT");
  }

  /** Opens `<directory>/history.db`, made when missing, migrated when it is of an older version. @param guarded where it was looked at already (history-guard.ts) @throws TidemarkError "data-dir-unusable" | "history-too-new" | "history-too-old" | "history-corrupt" */
  static open(directory: string, guarded?: Pick<Guarded, "damage" | "notices">): Database {
    const file = join(directory, HISTORY_FILE);
    let pagesFile: number | null = null;
    let db: DatabaseSync | null = null;
    try {
      mkdirSync(directory, { recursive: true });
      const { damage, notices } = guarded ?? guardDatabase(guardedHistory(file));
      if (damage !== null) throw new TidemarkError("history-corrupt", `Cannot open the history: ${damage}`);
      pagesFile = openSync(file, "r");
      db = new DatabaseSync(file);
      setUp(db);
      db.exec(
        `PRAGMA synchronous=NORMAL; PRAGMA cache_size=-${CACHE_KIB}; PRAGMA cache_spill=OFF; PRAGMA wal_autocheckpoint=0;
         PRAGMA busy_timeout=${BUSY_MS};`,
      );
      return new Database(file, db, { migratedFrom: migrate(db, file), notices, pagesFile });
    } catch (error) {
      if (db?.isOpen) {
        keepBeforeClose(file, () => keepSums(file));
        db.close();
      }
      if (pagesFile !== null) closeSync(pagesFile);
      throw openError(file, error);
    }
  }

  /**
   * Opens a history as it is at this moment, only to read it, also beside the process that owns it: everything is read in one transaction.
   * @throws TidemarkError "data-dir-unusable" | "history-too-new" | "history-too-old" | "history-corrupt"
   */
  static openSnapshot(directory: string): Database {
    const file = join(directory, HISTORY_FILE);
    let db: DatabaseSync | null = null;
    try {
      db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
      // The snapshot is taken by the first read.
      db.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
      const version = Number(db.prepare("PRAGMA user_version").get()?.user_version);
      if (version !== HISTORY_VERSION) throw foreignVersion(file, version, `${HISTORY_VERSION}`);
      return new Database(file, db, { migratedFrom: null, notices: [], pagesFile: null });
    } catch (error) {
      db?.close();
      throw openError(file, error);
    }
  }

  /** Makes a history that is thrown away: nothing of it is synced, and a crash leaves rubbish. @throws TidemarkError "data-dir-unusable" */
  static openScratch(directory: string): Database {
    const file = join(directory, HISTORY_FILE);
    try {
      const db = new DatabaseSync(file);
      db.exec(`PRAGMA page_size=${PAGE_BYTES}; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF`);
      return new Database(file, db, { migratedFrom: migrate(db, file), notices: [], pagesFile: null });
    } catch (error) {
      throw openError(file, error);
    }
  }

  /** Makes the tables and indexes of a part where they are missing. */
  declare(sql: string): void {
    this.guarded(() => this.#db.exec(sql));
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  /**
   * A piece of work begins that looks rows up and neither waits nor writes. From its second look-up on they share a transaction: of the
   * 7 µs of a single one, SQLite takes 3 to lock and unlock the file.
   */
  startReading(): void {
    this.#lookUps = 0;
  }

  /** The row for these keys; as `setReturnArrays` says. @throws TidemarkError "history-corrupt" */
  lookUp(statement: StatementSync, ...keys: SQLInputValue[]): Record<string, SQLOutputValue> | undefined {
    try {
      if (this.#lookUps >= 0 && ++this.#lookUps === 2 && !this.#inTransaction) {
        this.#beginReading.run();
        this.#isReading = true;
      }
      return statement.get(...keys);
    } catch (error) {
      throw this.#readError(statement.sourceSQL, error);
    }
  }

  /** All rows for these keys. @throws TidemarkError "history-corrupt" */
  lookUpAll(statement: StatementSync, ...keys: SQLInputValue[]): Record<string, SQLOutputValue>[] {
    try {
      return statement.all(...keys);
    } catch (error) {
      throw this.#readError(statement.sourceSQL, error);
    }
  }

  /** Decodes a column. @param what it is @throws TidemarkError "history-corrupt" for what was never encoded */
  decoded<T>(what: string, bytes: unknown, decode: (bytes: Uint8Array) => T): T {
    try {
      if (!(bytes instanceof Uint8Array)) throw new RangeError("it has no bytes");
      return decode(bytes);
    } catch (error) {
      throw this.#readError(what, error);
    }
  }

  #readError(what: string, error: unknown): unknown {
    if (!(error instanceof RangeError) && !isDamage(error)) return error;
    return new TidemarkError("history-corrupt", `Cannot read "${what}" in ${this.file}: ${messageOf(error)}`, error);
  }

  endReading(): void {
    this.#lookUps = -1;
    if (!this.#isReading) return;
    this.#isReading = false;
    try {
      this.#endReading.run();
    } catch (error) {
      // After a look-up that failed SQLite says so once more, and may leave it open.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw this.#readError("COMMIT", error);
    }
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

  /** Runs a write and names what went wrong with the disk. @throws TidemarkError "disk-full" | "history-corrupt" */
  guarded(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (isDamage(error)) {
        throw new TidemarkError("history-corrupt", `Cannot write to ${this.file}: ${messageOf(error)}`, error);
      }
      if (/full|ENOSPC|disk I\/O/.test(messageOf(error))) {
        throw new TidemarkError("disk-full", `Cannot write to the history "${this.file}": ${messageOf(error)}`, error);
      }
      throw error;
    }
  }

  setting(name: string): string | number | null {
    const row = this.lookUp(this.#db.prepare("SELECT value FROM setting WHERE name=?"), name);
    const value = row?.value;
    return typeof value === "string" || typeof value === "number" ? value : null;
  }

  setSetting(name: string, value: string | number): void {
    this.#db.prepare("INSERT OR REPLACE INTO setting VALUES(?, ?)").run(name, value);
  }

  /** Begins to say anew what is in it; nothing of one that is only read. */
  beginEnds(values: Iterable<readonly [name: string, value: string]>): void {
    if (this.pagesFile === null) return;
    this.#ends?.close();
    try {
      this.#ends = EndsFile.create(endsPath(this.file), values);
    } catch (error) {
      throw openError(this.file, error);
    }
  }

  /**
   * A file of names and values beside it, closed with it, that says this in place of what it said; null: nothing is written beside one that is only read.
   * @throws TidemarkError "data-dir-unusable"
   */
  openBeside(path: string, values: Iterable<readonly [name: string, value: string]>): EndsFile | null {
    if (this.pagesFile === null) return null;
    try {
      const file = EndsFile.createDurably(path, values);
      this.#beside.push(file);
      return file;
    } catch (error) {
      throw openError(this.file, error);
    }
  }

  /** Says what is in it, and on disk. @throws Error of the system: what was not said is said with the next */
  keepEnds(values: Iterable<readonly [name: string, value: string]>): void {
    this.#ends?.put(values);
    this.#ends?.sync();
  }

  /** What its files hold, and what is free where they are, bytes. */
  space(): { readonly historyBytes: number; readonly freeBytes: number } {
    const { bavail, bsize } = statfsSync(dirname(this.file));
    const sizes = [this.file, `${this.file}-wal`].map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
    return { historyBytes: sizes[0] + sizes[1], freeBytes: bavail * bsize };
  }

  /** Everything that used it must be closed. */
  close(): void {
    this.rollback();
    this.#ends?.close();
    for (const file of this.#beside) file.close();
    if (this.pagesFile !== null) keepBeforeClose(this.file, () => keepSums(this.file));
    this.#db.close();
    if (this.pagesFile !== null) closeSync(this.pagesFile);
  }
}

/** A history's file, as it is looked at before it is opened. */
export function guardedHistory(path: string): GuardedDatabase {
  return { path, pageBytes: PAGE_BYTES, setUp, goesBack: true };
}

function setUp(db: DatabaseSync): void {
  db.exec(`PRAGMA page_size=${PAGE_BYTES}; PRAGMA journal_mode=WAL;`);
}

/** The last connection to close moves the write-ahead log into the database: the sums come before that. */
function keepSums(file: string): void {
  const sums = new PageSums(file, null);
  try {
    sums.collect(true);
    sums.startMoving();
  } finally {
    sums.close();
  }
}

/** Migrates the file to today's version, in one transaction. @returns the version it had; null: today's, or it is new */
function migrate(db: DatabaseSync, file: string): number | null {
  const version = Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
  if (version === HISTORY_VERSION) return null;
  if (version !== 0 && (version < OLDEST_VERSION || version > HISTORY_VERSION)) {
    const wanted = version > HISTORY_VERSION ? `<= ${HISTORY_VERSION}` : `>= ${OLDEST_VERSION}`;
    throw foreignVersion(file, version, wanted);
  }
  db.exec("BEGIN IMMEDIATE");
  try {
    db.exec(SETTINGS);
    if (version !== 0) {
      for (const migration of MIGRATIONS) if (migration.version > version) migration.run(db);
      db.prepare("INSERT OR IGNORE INTO setting VALUES(?, ?)").run(OLDEST_PART, version);
    }
    db.exec(`PRAGMA user_version=${HISTORY_VERSION}; COMMIT`);
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
  return version === 0 ? null : version;
}

function foreignVersion(file: string, version: number, wanted: string): TidemarkError {
  const code = version > HISTORY_VERSION ? "history-too-new" : "history-too-old";
  return new TidemarkError(code, `Cannot open the history "${file}": its version must be ${wanted}, was ${version}`);
}

/** What an error while it is opened means. */
export function openError(file: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const text = messageOf(error);
  const code = /malformed|not a database/.test(text) ? "history-corrupt" : "data-dir-unusable";
  return new TidemarkError(code, `Cannot open the history "${file}": ${text}`, error);
}
