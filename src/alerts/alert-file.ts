/**
 * `alerts.db` as a file: compared with the sums of its pages before SQLite opens it, and made to survive a power loss. What is damaged in it and stands
 * nowhere else takes the file out of the way: alerts that cannot be told from others are none.
 */
import { closeSync, fdatasync, fdatasyncSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { type GuardedDatabase, guardDatabase } from "../store/guarded-open.ts";
import { keepBeforeClose, PageSums } from "../store/page-sums.ts";
import { setDatabaseAside } from "../store/set-aside.ts";

const FILE = "alerts.db";

/** SQLite's default, which all files of it have. */
const PAGE_BYTES = 4096;

/** A write-ahead log of so many bytes is moved into the database, whether anybody syncs it or not: a thousand pages, as SQLite does by itself. */
const WAL_BYTES_MAX = 4_000_000;

/** Waits this long for another connection, ms: a copy is being made. */
const BUSY_MS = 5000;

/** Raised when a table changes its meaning; since 2 the pages have sums, which older programs would not keep. */
const VERSION = 2;

/** The open file. One connection, one thread. */
export class AlertFile {
  readonly db: DatabaseSync;
  /** What was found not as it was written, and what became of it: a sentence each, for the operator. */
  readonly notices: readonly string[];
  readonly #path: string;
  /** Of the write-ahead log, which no locks are held on. */
  readonly #wal: number;
  readonly #sums: PageSums;
  /** Syncs that have begun: what was collected for the last one is on disk when no other has begun since. */
  #syncs = 0;
  #written = 0;
  #synced = 0;
  /** Why a sync failed, until all was written anew. */
  #syncFailed: string | null = null;

  private constructor(path: string, db: DatabaseSync, notices: readonly string[]) {
    this.#path = path;
    this.db = db;
    this.notices = notices;
    this.#sums = new PageSums(path, null);
    this.#wal = openSync(`${path}-wal`, "r+");
  }

  /** @param tables makes those that are missing @throws TidemarkError "data-dir-unusable" */
  static open(directory: string, tables: string): AlertFile {
    const path = join(directory, FILE);
    let db: DatabaseSync | null = null;
    try {
      const notices = guarded(path);
      db = new DatabaseSync(path);
      setUp(db);
      db.exec(`PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=${BUSY_MS}`);
      const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
      if (version > VERSION) throw new Error(`its version must be <= ${VERSION}, was ${version}`);
      db.exec(`BEGIN; ${tables} PRAGMA user_version=${VERSION}; COMMIT`);
      return new AlertFile(path, db, notices);
    } catch (error) {
      if (db?.isOpen) db.close();
      throw new TidemarkError("data-dir-unusable", `Cannot open the alerts "${path}": ${messageOf(error)}`, error);
    }
  }

  /** A transaction was committed. */
  wrote(): void {
    this.#written++;
    if (fstatSync(this.#wal).size < WAL_BYTES_MAX) return;
    try {
      this.#sums.collect();
      this.#move();
      this.#synced = this.#written;
    } catch (error) {
      // It is committed all the same. The next sync moves it, or says why not.
      this.#syncFailed ??= messageOf(error);
    }
  }

  /** Resolves when what was written is on disk. @throws TidemarkError "disk-full" */
  async sync(): Promise<void> {
    const written = this.#written;
    if (this.#synced >= written) return;
    try {
      this.#sums.collect();
      if (this.#syncFailed !== null) this.#move();
      else {
        const own = ++this.#syncs;
        await promisify(fdatasync)(this.#wal);
        if (own === this.#syncs) this.#sums.keep();
      }
    } catch (error) {
      throw this.#unsynced(error);
    }
    this.#synced = Math.max(this.#synced, written);
  }

  /** The same, at once. @throws TidemarkError "disk-full" */
  syncNow(): void {
    if (this.#synced >= this.#written) return;
    try {
      this.#sums.collect();
      if (this.#syncFailed !== null) this.#move();
      else {
        this.#syncs++;
        fdatasyncSync(this.#wal);
        this.#sums.keep();
      }
    } catch (error) {
      throw this.#unsynced(error);
    }
    this.#synced = this.#written;
  }

  #unsynced(error: unknown): TidemarkError {
    this.#syncFailed ??= messageOf(error);
    return new TidemarkError("disk-full", `Cannot sync the alerts: ${this.#syncFailed}`, error);
  }

  /**
   * Writes all that the write-ahead log has into the database: when that is long, and after a sync that failed, as another one of the same file proves
   * nothing.
   */
  #move(): void {
    this.#syncs++;
    // Sums that are on disk before what they are of would make all of it damaged, should the power go now.
    fdatasyncSync(this.#wal);
    this.#sums.startMoving();
    const moved = this.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    if (moved?.["busy"] !== 0) throw new Error("another program reads it");
    this.#syncFailed = null;
  }

  /** Nothing that was written needs to be on disk. */
  close(): void {
    closeSync(this.#wal);
    keepBeforeClose(this.#path, () => {
      this.#sums.collect(true);
      this.#sums.startMoving();
    });
    this.#sums.close();
    this.db.close();
  }
}

/** @returns what was found */
function guarded(path: string): readonly string[] {
  const database: GuardedDatabase = { path, pageBytes: PAGE_BYTES, setUp, goesBack: true };
  const { damage, notices } = guardDatabase(database);
  if (damage === null) return notices;
  const aside = setDatabaseAside(path);
  const where = aside === null ? "" : `; it is set aside as ${aside}`;
  const lost = "what alerts found and the rules made over HTTP are lost, a backup has them";
  return [`${damage}${where}: ${lost}`, ...guardDatabase(database).notices];
}

function setUp(db: DatabaseSync): void {
  db.exec("PRAGMA journal_mode=WAL");
}
