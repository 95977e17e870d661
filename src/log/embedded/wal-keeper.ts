/** The log's write-ahead log: how much of it waits, when it is moved into the file, and the sums of pages that come before that. */
import type { DatabaseSync } from "node:sqlite";
import { TidemarkError } from "../../core/errors.ts";
import type { Scrub } from "../../core/scrub.ts";
import { keepBeforeClose, type PageSums } from "../../store/page-sums.ts";
import { integer, openDatabase, writeError } from "./log-file.ts";

/** Pages written after which they are moved from the write-ahead log into the file: SQLite's own default, 4 MB. */
const CHECKPOINT_PAGES = 1000;
/** Pages (64 MB) past which the write-ahead log is emptied even if that has to wait for a reader. */
const CHECKPOINT_PAGES_MAX = 16_384;

/** Of the one connection that writes. */
export class WalKeeper {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #sums: PageSums;
  /** Pages in the write-ahead log that are not in the file yet, at least. */
  waitingPages = 0;

  constructor(path: string, db: DatabaseSync, sums: PageSums) {
    this.#path = path;
    this.#db = db;
    this.#sums = sums;
  }

  get isDue(): boolean {
    return this.waitingPages >= CHECKPOINT_PAGES;
  }

  /** All that is committed is on disk: its sums are kept. */
  synced(): void {
    try {
      this.#sums.collect();
      this.#sums.keep();
    } catch (error) {
      // Later, and before anything is moved.
      if (!(writeError(this.#path, error) instanceof TidemarkError)) throw error;
    }
  }

  /** Moves the write-ahead log into the file. SQLite would do so by itself, but swallow errors. */
  checkpoint(): void {
    try {
      this.#prepare();
      const result = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
      this.#sums.moved(integer(result?.["checkpointed"]));
      if (integer(result?.["log"]) >= CHECKPOINT_PAGES_MAX) {
        this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
        this.#sums.moved(integer(result?.["log"]));
      }
    } catch (error) {
      throw writeError(this.#path, error);
    }
    this.waitingPages = 0;
  }

  #prepare(): void {
    this.#sums.collect(true);
    this.#sums.startMoving();
  }

  /** Compares some pages more with their sums. */
  scrub(): Scrub {
    try {
      this.#sums.scrub();
    } catch (error) {
      throw writeError(this.#path, error);
    }
    return this.#sums.scrubbed;
  }

  /** Moves all, and closes the connection. @param settle called before the write-ahead log is looked at */
  close(settle: () => void): void {
    try {
      keepBeforeClose(this.#path, () => {
        settle();
        this.#prepare();
      });
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      throw writeError(this.#path, error);
    } finally {
      this.#sums.close();
      this.#db.close();
    }
  }

  /**
   * Closes the connection to a file whose state is unknown, and moves nothing, as no sums are kept for it: the last connection to close would, unless it
   * is one that only reads.
   */
  abandon(): void {
    this.#sums.close();
    const last = openDatabase(this.#path, true);
    // It takes part from its first read on.
    last.prepare("SELECT count(*) FROM sqlite_schema").get();
    this.#db.close();
    last.close();
  }
}
