/**
 * Keeps the sums of an open database (sums-file.ts): of what its write-ahead log has got and the disk has confirmed, and always before it is moved into
 * the database. So whatever moves it, a foreign program too, the sums are there. Runs in the thread that moves it.
 */
import { readSync, rmSync } from "node:fs";
import { sumsPath } from "./page-check.ts";
import { SumsFile, type SumsHead, sumOf, UNKNOWN } from "./sums-file.ts";
import { isSameWal, WalFile } from "./wal-file.ts";

/** What a database's scrubbing has come to. */
export interface ScrubCounts {
  /** Pages compared since the start. */
  readonly scrubbed: number;
  /** Whole passes since the start. */
  readonly passes: number;
}

/** States: open → closed. `collect`, then once that is on disk `keep`; `startMoving` before and `moved` after what moves the log. */
export class PageSums {
  readonly #sums: SumsFile;
  readonly #wal: WalFile;
  /** Sums of pages that may not be on disk yet, and the head when they are. */
  readonly #collected = new Map<number, number>();
  #head: SumsHead;
  /** Frames of the write-ahead log that were moved. */
  #moved = 0;
  /** Pages that the write-ahead log has and the database may not. */
  readonly #unmoved = new Set<number>();
  /** A descriptor of the database that is closed after all connections; null: it is not scrubbed. */
  readonly #file: number | null;
  #next = 1;
  #scrubbed = 0;
  #passes = 0;

  /** @param path of a database that was opened through guarded-open.ts @param file see above */
  constructor(path: string, file: number | null) {
    const sums = SumsFile.open(sumsPath(path));
    if (sums === null) throw new Error(`BUG: ${sumsPath(path)} is not there`);
    this.#sums = sums;
    this.#head = sums.head;
    this.#wal = new WalFile(`${path}-wal`, sums.head.pageBytes);
    this.#file = file;
  }

  /** Looks at what was committed since the last time. @param sync makes it durable, too */
  collect(sync = false): void {
    this.#wal.read((page, bytes) => {
      this.#collected.set(page, sumOf(bytes));
      this.#unmoved.add(page);
    }, sync);
    const { salts, frames, pageCount } = this.#wal;
    if (salts === null) return;
    const { first, second } = salts;
    const isSame = isSameWal(salts, this.#head);
    if (!isSame) this.#moved = 0;
    const moving = this.#head.moving && isSame;
    this.#head = { ...this.#head, first, second, frames, moving, pageCount: pageCount || this.#head.pageCount };
  }

  /** What was collected is on disk now. */
  keep(): void {
    for (const [page, sum] of this.#collected) this.#sums.set(page, sum);
    this.#collected.clear();
    this.#sums.write(this.#head);
  }

  /** What was collected is on disk, and will be moved into the database. */
  startMoving(): void {
    this.#head = { ...this.#head, moving: true };
    this.keep();
    this.#sums.sync();
  }

  /** So many frames of the write-ahead log are in the database. */
  moved(frames: number): void {
    this.#moved = frames;
    if (frames === this.#wal.frames) this.#unmoved.clear();
  }

  /** Frames that are to be moved. */
  get waiting(): number {
    return this.#wal.frames - this.#moved;
  }

  /** Compares some pages more with what the file has. @returns a page that is damaged; null: none of them is */
  scrub(pages: number): number | null {
    if (this.#file === null) return null;
    const { pageBytes, pageCount } = this.#sums.head;
    const bytes = new Uint8Array(pages * pageBytes);
    const read = readSync(this.#file, bytes, 0, bytes.length, (this.#next - 1) * pageBytes);
    for (let at = 0; at < bytes.length; at += pageBytes, this.#next++) {
      if (this.#next > pageCount) {
        this.#next = 1;
        this.#passes++;
        return null;
      }
      if (this.#unmoved.has(this.#next)) continue;
      const sum = this.#sums.get(this.#next);
      if (sum === UNKNOWN) continue;
      this.#scrubbed++;
      if (at + pageBytes > read || sumOf(bytes.subarray(at, at + pageBytes)) !== sum)
        return this.#suspect(this.#next++);
    }
    return null;
  }

  /** Notes for the next start that a page is damaged. */
  #suspect(page: number): number {
    this.#head = { ...this.#head, suspect: page };
    this.#sums.write({ ...this.#sums.head, suspect: page });
    this.#sums.sync();
    return page;
  }

  get counts(): ScrubCounts {
    return { scrubbed: this.#scrubbed, passes: this.#passes };
  }

  close(): void {
    this.#sums.close();
  }
}

/**
 * Before the last connection closes a database, which moves its write-ahead log. Sums that cannot be kept then, as the disk is full, are better gone
 * than wrong: they are made anew when it is opened.
 */
export function keepBeforeClose(path: string, keep: () => void): void {
  try {
    keep();
  } catch {
    rmSync(sumsPath(path), { force: true });
  }
}
