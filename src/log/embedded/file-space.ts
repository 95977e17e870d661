/** How much of the log's file is in use, and when what is free goes back to the system. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { integer, PAGE_BYTES } from "./log-file.ts";

/** Free pages go back when they are over a quarter of the file and 16 MB; fewer are reused. */
const FREE_SHARE_MAX = 0.25;
const FREE_PAGES_MIN = 4096;
/** … this many at once. */
export const GIVEN_BACK_PAGES = 1024;

/** Of the one connection that writes. */
export class FileSpace {
  readonly #db: DatabaseSync;
  readonly #pageCount: StatementSync;
  readonly #freeCount: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#pageCount = db.prepare("PRAGMA page_count");
    this.#freeCount = db.prepare("PRAGMA freelist_count");
  }

  get #pages(): number {
    return integer(this.#pageCount.get()?.["page_count"]);
  }

  get #freePages(): number {
    return integer(this.#freeCount.get()?.["freelist_count"]);
  }

  /** What the pages in use hold. */
  get liveBytes(): number {
    return (this.#pages - this.#freePages) * PAGE_BYTES;
  }

  get isToBeReturned(): boolean {
    return this.#freePages > Math.max(FREE_PAGES_MIN, this.#pages * FREE_SHARE_MAX);
  }

  /** Returns free pages to the system, in the transaction that is open. */
  giveBack(): void {
    this.#db.exec(`PRAGMA incremental_vacuum(${GIVEN_BACK_PAGES})`);
  }
}
