/**
 * Syncs the history, in the thread that waits for the disk. A commit is on disk once the write-ahead log is. Its sync runs in Node's pool, so that
 * it delays no append. Now and then a connection of its own moves the log into the database; that does block the thread.
 */
import { type FileHandle, open } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import type { MessagePort } from "node:worker_threads";
import { messageOf } from "../core/errors.ts";
import type { Scrub } from "../core/scrub.ts";
import { PageSums } from "./page-sums.ts";

/** Pages in the write-ahead log after which they are moved into the database: SQLite's own default, 8 MB here. */
const CHECKPOINT_PAGES = 1000;

/** Compared with each sync: half a millisecond where the system has the pages, a gigabyte in a thousand commits. */
const SCRUB_BYTES = 1_048_576;

/** The answer: whether everything committed before the request is on disk now, and what else went wrong. */
export interface CheckpointReply {
  readonly synced: boolean;
  readonly error: string | null;
  readonly scrub: Scrub;
}

type Synced = Omit<CheckpointReply, "scrub">;

/** The history, and a descriptor of it that is closed after all connections. */
export interface CheckpointSettings {
  readonly file: string;
  readonly pagesFile: number | null;
}

/** Answers the requests that come to the port, one at a time, until one says "close". */
export function serve(port: MessagePort, settings: CheckpointSettings): void {
  const history = new SyncedHistory(settings);
  port.on("message", async (message: "sync" | "close") => {
    if (message === "close") {
      history.close();
      port.close();
    } else {
      port.postMessage(await history.syncAndScrub());
    }
  });
}

class SyncedHistory {
  readonly #wal: string;
  readonly #db: DatabaseSync;
  /** Holds a snapshot while the log is moved: nothing that was committed since is moved with it, as its sums are not on disk. */
  readonly #reader: DatabaseSync;
  readonly #sums: PageSums;
  /** Set by a sync that failed: the system may take what was not written for written, so no later one proves anything. */
  #broken: string | null = null;

  constructor({ file, pagesFile }: CheckpointSettings) {
    this.#wal = `${file}-wal`;
    this.#sums = new PageSums(file, pagesFile);
    this.#db = new DatabaseSync(file);
    this.#reader = new DatabaseSync(file, { readOnly: true });
    // FULL syncs the log before it is copied into the database, and the database before the log is used again.
    this.#db.exec("PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;");
  }

  async syncAndScrub(): Promise<CheckpointReply> {
    const { synced, error } = await this.#sync();
    if (!synced || error !== null) return { synced, error, scrub: this.#sums.scrubbed };
    try {
      this.#sums.scrub(SCRUB_BYTES);
      return { synced, error, scrub: this.#sums.scrubbed };
    } catch (thrown) {
      return {
        synced,
        error: `Cannot compare the pages of the history: ${messageOf(thrown)}`,
        scrub: this.#sums.scrubbed,
      };
    }
  }

  async #sync(): Promise<Synced> {
    try {
      this.#sums.collect();
    } catch (error) {
      // As when the process has too many files open: the next one may go well.
      return { synced: false, error: `Cannot open the history to sync it: ${messageOf(error)}` };
    }
    if (this.#broken === null && this.#sums.waiting >= CHECKPOINT_PAGES) return this.#move();
    const failed = this.#broken ?? (await this.#syncLog());
    if (failed !== null) return { synced: false, error: failed };
    try {
      this.#sums.keep();
      return { synced: true, error: null };
    } catch (error) {
      // They are kept later, and before anything is moved.
      return { synced: true, error: `Cannot write the sums of the history: ${messageOf(error)}` };
    }
  }

  /** Syncs the write-ahead log and moves it into the database. */
  async #move(): Promise<Synced> {
    let synced = false;
    try {
      this.#reader.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
      this.#sums.collect();
      const failed = await this.#syncLog();
      if (failed !== null) return { synced, error: failed };
      synced = true;
      this.#sums.startMoving();
      const moved = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
      this.#sums.moved(Number(moved?.["checkpointed"]));
      return { synced, error: null };
    } catch (error) {
      return { synced, error: messageOf(error) };
    } finally {
      if (this.#reader.isTransaction) this.#reader.exec("COMMIT");
    }
  }

  /** Syncs the write-ahead log. No lock is on this file (SQLite's are on the -shm), so that closing it releases none. @returns why not */
  async #syncLog(): Promise<string | null> {
    let file: FileHandle;
    try {
      file = await open(this.#wal, "r+");
    } catch (error) {
      // Nothing was synced or lost, as when the process has too many files open: the next one may go well.
      return `Cannot open the history to sync it: ${messageOf(error)}`;
    }
    try {
      await file.datasync();
      return null;
    } catch (error) {
      this.#broken = `Cannot sync the history: ${messageOf(error)}; restart tidemark when the disk is well`;
      return this.#broken;
    } finally {
      await file.close();
    }
  }

  close(): void {
    this.#sums.close();
    this.#reader.close();
    this.#db.close();
  }
}
