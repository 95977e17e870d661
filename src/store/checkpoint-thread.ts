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
import { isDamage } from "./sqlite-damage.ts";

/** Pages in the write-ahead log after which they are moved into the database: SQLite's own default, 8 MB here. */
const CHECKPOINT_PAGES = 1000;

/** The answer: whether everything committed before the request is on disk now, and what else went wrong. */
export interface CheckpointReply {
  readonly synced: boolean;
  readonly error: string | null;
  readonly scrub: Scrub;
  /** SQLite's word for pages that it cannot use; null: it can. */
  readonly damage: string | null;
}

type Synced = Pick<CheckpointReply, "synced" | "error">;

/** To sync, and to compare some pages; or only to compare some. */
export type CheckpointRequest = "sync" | "scrub" | "close";

const NOT_SCRUBBED: Scrub = { compared: 0, passes: 0, damaged: [] };

/** The history, and a descriptor of it that is closed after all connections. */
export interface CheckpointSettings {
  readonly file: string;
  readonly pagesFile: number | null;
}

/** Answers the requests that come to the port, one at a time, until one says "close". */
export function serve(port: MessagePort, settings: CheckpointSettings): void {
  let history: SyncedHistory | null = null;
  port.on("message", async (message: CheckpointRequest) => {
    if (message === "close") {
      history?.close();
      port.close();
      return;
    }
    try {
      history ??= new SyncedHistory(settings);
      port.postMessage(
        message === "sync" ? await history.syncAndScrub() : history.scrub({ synced: false, error: null }),
      );
    } catch (error) {
      // As when the process has too many files open, or its first page was damaged since it was looked at: the next request tries again.
      const text = `Cannot open the history to sync it: ${messageOf(error)}`;
      const damage = isDamage(error) ? text : null;
      port.postMessage({ synced: false, error: text, scrub: NOT_SCRUBBED, damage } satisfies CheckpointReply);
    }
  });
}

class SyncedHistory {
  readonly #wal: string;
  readonly #db: DatabaseSync;
  /** Holds a snapshot while the log is moved: nothing that was committed since is moved with it, as its sums are not on disk. */
  readonly #reader: DatabaseSync;
  readonly #sums: PageSums;
  #damage: string | null = null;
  /** Set by a sync that failed: the system may take what was not written for written, so no later one proves anything. */
  #broken: string | null = null;

  constructor({ file, pagesFile }: CheckpointSettings) {
    this.#wal = `${file}-wal`;
    this.#sums = new PageSums(file, pagesFile);
    const opened: DatabaseSync[] = [];
    try {
      opened.push(new DatabaseSync(file), new DatabaseSync(file, { readOnly: true }));
      [this.#db, this.#reader] = opened;
      // FULL syncs the log before it is copied into the database, and the database before the log is used again.
      this.#db.exec("PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;");
    } catch (error) {
      for (const db of opened) db.close();
      this.#sums.close();
      throw error;
    }
  }

  async syncAndScrub(): Promise<CheckpointReply> {
    const { synced, error } = await this.#sync();
    if (!synced || error !== null) return { synced, error, scrub: this.#sums.scrubbed, damage: this.#damage };
    return this.scrub({ synced, error });
  }

  /** Compares some pages. @param done what came before */
  scrub({ synced, error }: Synced): CheckpointReply {
    let failed: string | null = null;
    try {
      this.#sums.scrub();
    } catch (thrown) {
      failed = `Cannot compare the pages of the history: ${messageOf(thrown)}`;
    }
    return { synced, error: error ?? failed, scrub: this.#sums.scrubbed, damage: this.#damage };
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
      const text = `Cannot move the write-ahead log into the history: ${messageOf(error)}`;
      if (isDamage(error)) this.#damage = text;
      return { synced, error: text };
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
