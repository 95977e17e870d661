/**
 * Keeps the sums of an open database (sums-file.ts): of what its write-ahead log has got and the disk has confirmed, and always before it is moved into
 * the database. So whatever moves it, a foreign program too, the sums are there. Runs in the thread that moves it.
 */
import { readSync, rmSync } from "node:fs";
import type { Scrub } from "../core/scrub.ts";
import { chunkOf, sumsPath } from "./page-check.ts";
import { SumsFile, type SumsHead, sumOf, UNKNOWN } from "./sums-file.ts";
import { isSameWal, WalFile } from "./wal-file.ts";

/**
 * Compared at once: a megabyte is half a millisecond where the system has the pages. Idle files are given one slice each 10 s (idle-scrub.ts), so that of a
 * larger file slices grow until all of it is read once a day; the bound, with which a pass over more than 69 GB takes longer, is what a disk reads while
 * nobody notices that the others wait.
 */
const SLICE_BYTES_MIN = 1_048_576;
const SLICE_BYTES_MAX = 8_388_608;
const SLICES_A_PASS = 8640;

/** Damaged pages that are kept by number: enough to tell one from many. */
const DAMAGED_MAX = 1000;

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
  #compared = 0;
  #passes = 0;
  readonly #damaged = new Set<number>();

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

  /** Compares some pages more with what the file has. */
  scrub(): void {
    if (this.#file === null) return;
    this.collect();
    const { pageBytes, pageCount } = this.#head;
    const share = Math.ceil(pageCount / SLICES_A_PASS) * pageBytes;
    const slice = Math.min(SLICE_BYTES_MAX, Math.max(SLICE_BYTES_MIN, share));
    const bytes = chunkOf(Math.min(slice, Math.max(0, pageCount - this.#next + 1) * pageBytes));
    const read = readSync(this.#file, bytes, 0, bytes.length, (this.#next - 1) * pageBytes);
    for (let at = 0; at < bytes.length && this.#next <= pageCount; at += pageBytes, this.#next++) {
      const page = bytes.subarray(at, Math.max(at, Math.min(read, at + pageBytes)));
      if (!this.#isAsWritten(this.#next, page) && !this.#isAsWritten(this.#next, this.#readAgain(this.#next))) {
        if (this.#damaged.size < DAMAGED_MAX) this.#damaged.add(this.#next);
      }
    }
    if (this.#next <= pageCount) return;
    this.#next = 1;
    this.#passes++;
  }

  /** Also true of a page that cannot be compared: the write-ahead log has a newer one, or its sum is not known. */
  #isAsWritten(page: number, bytes: Uint8Array): boolean {
    const sum = this.#unmoved.has(page) ? UNKNOWN : this.#sums.get(page);
    if (sum === UNKNOWN) return true;
    this.#compared++;
    return sumOf(bytes) === sum;
  }

  /** Another program may have moved the write-ahead log into the database since `collect`. */
  #readAgain(page: number): Uint8Array {
    this.collect();
    const bytes = new Uint8Array(this.#head.pageBytes);
    return bytes.subarray(0, readSync(this.#file as number, bytes, 0, bytes.length, (page - 1) * bytes.length));
  }

  get scrubbed(): Scrub {
    return { compared: this.#compared, passes: this.#passes, damaged: [...this.#damaged] };
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
