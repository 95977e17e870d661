/** Before SQLite opens the log: are its pages what was written? What is damaged for good makes a log anew of what is whole (salvage.ts). */
import { closeSync, openSync } from "node:fs";
import { TidemarkError } from "../../core/errors.ts";
import { type GuardedDatabase, guardDatabase } from "../../store/guarded-open.ts";
import { PageSums } from "../../store/page-sums.ts";
import { lastWordsOf, type TopicWords } from "./log-ends.ts";
import { PAGE_BYTES, setUp, writeError } from "./log-file.ts";
import { finishSalvage, salvage } from "./salvage.ts";

/** A log's file, looked at. */
export class LookedAtLog {
  readonly path: string;
  /** What was put right, or is lost: a sentence each. */
  readonly notices: string[] = [];
  /** Where its topics ended before. */
  readonly words: readonly TopicWords[];
  /** For reading pages as they are. Closed after every connection: closing it releases SQLite's locks (POSIX). */
  readonly #file: number;

  /** @throws TidemarkError "data-dir-unusable" | "log-corrupt" | "disk-full" | "log-sync-failed" */
  constructor(path: string) {
    this.path = path;
    try {
      this.words = lastWordsOf(path);
      this.#look({ path, pageBytes: PAGE_BYTES, setUp: (db) => setUp(db, path), goesBack: false });
      this.#file = openSync(path, "r");
    } catch (error) {
      const meant = writeError(path, error);
      if (meant instanceof TidemarkError) throw meant;
      throw new TidemarkError("data-dir-unusable", `Cannot open ${path}: ${String(error)}`, error);
    }
  }

  #look(database: GuardedDatabase): void {
    const { path } = this;
    finishSalvage(path);
    const { damage, notices, check } = guardDatabase(database);
    this.notices.push(...notices);
    if (damage === null || check === null) return;
    const aside = salvage(path, check, this.words);
    this.notices.push(`${damage}. It is set aside (${aside}), and what is whole of it is in a new ${path}`);
    this.notices.push(...guardDatabase(database).notices);
  }

  /** Begins to keep the sums of its pages. */
  sums(): PageSums {
    return new PageSums(this.path, this.#file);
  }

  /** Once no connection is open. */
  close(): void {
    closeSync(this.#file);
  }
}
