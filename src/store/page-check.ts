/**
 * Compares the pages of a SQLite file with their sums (sums-file.ts), and finds again in its write-ahead log what the file has lost. Only for a file
 * that this process has not opened with SQLite: closing it here would release SQLite's locks on it.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { pagesOf, SumsFile, type SumsHead, sumOf, UNKNOWN } from "./sums-file.ts";
import { isSameWal, WalFile } from "./wal-file.ts";

/** Where the sums of a database are. */
export function sumsPath(path: string): string {
  return path.replace(/\.db$/, ".sums");
}

/** Read at once: 64 of the history's pages, as the next ones are ahead in the system's cache. */
const READ_BYTES = 524_288;

/** How often whoever waits is told: 32 MB of the history. */
const TOLD_PAGES = 4096;

/** What was read last: one for all that a thread compares, as it does so at once. */
let chunk = new Uint8Array(0);

/** Bytes to read pages into, valid until the next call in this thread. */
export function chunkOf(bytes: number): Uint8Array {
  if (chunk.length < bytes) chunk = new Uint8Array(bytes);
  return chunk.subarray(0, bytes);
}

/** What comparing found. */
export interface PageCheck {
  /** Pages of the database, and how many of them were compared. */
  readonly pages: number;
  readonly compared: number;
  /** Damaged pages that are nowhere else. */
  readonly damaged: readonly number[];
  /** Damaged pages that stand whole in the write-ahead log, by their number. */
  readonly found: ReadonlyMap<number, Uint8Array>;
  /** The write-ahead log is missing, or ends before what was synced: SQLite would go back to an earlier transaction, silently. */
  readonly walLost: boolean;
  /** Going back is whole: nothing was moved from that log into the database yet. */
  readonly canGoBack: boolean;
  /** Pages whose sums are lost, first and last: they were not compared. */
  readonly unsummed: readonly (readonly [first: number, last: number])[];
}

/** Told after each read how much is compared, of all. */
export type OnCompared = (bytes: number, allBytes: number) => void;

/** @returns null when there are no sums that could be believed */
export function checkPages(path: string, onCompared: OnCompared = () => {}): PageCheck | null {
  const sums = SumsFile.open(sumsPath(path), false);
  if (sums === null) return null;
  try {
    return compare(path, sums, onCompared);
  } finally {
    sums.close();
  }
}

function compare(path: string, sums: SumsFile, onCompared: OnCompared): PageCheck {
  const { head } = sums;
  const wal = new WalFile(`${path}-wal`, head.pageBytes);
  const inWal = new Set<number>();
  const isMissing = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
  let firstPage: Uint8Array | null = null;
  wal.read((page, bytes) => {
    inWal.add(page);
    if (isMissing && page === 1) firstPage = Uint8Array.from(bytes);
  });
  const walLost = isLost(head, wal);
  const pages = !walLost && wal.pageCount > 0 ? wal.pageCount : head.pageCount;
  const bad: number[] = [];
  let compared = 0;
  for (const [page, bytes] of pagesOfFile(path, head.pageBytes, pages)) {
    if (page % TOLD_PAGES === 0) onCompared(page * head.pageBytes, pages * head.pageBytes);
    if (!walLost && inWal.has(page)) continue;
    const sum = sums.get(page);
    if (sum === UNKNOWN) continue;
    compared++;
    if (bytes === null || sumOf(bytes) !== sum) bad.push(page);
  }
  const found = bad.length === 0 ? new Map<number, Uint8Array>() : findAgain(wal, bad, sums);
  // To SQLite a database without a first page is a new one: it deletes the write-ahead log beside it, whatever that holds.
  if (firstPage !== null && !walLost) found.set(1, firstPage);
  return {
    pages,
    compared,
    damaged: bad.filter((page) => !found.has(page)),
    found,
    walLost,
    canGoBack: walLost && !head.moving,
    unsummed: Array.from(sums.damaged, pagesOf),
  };
}

/** Whether the write-ahead log holds less than was synced. One with other salts came after that of the head, all of which was moved by then. */
function isLost(head: SumsHead, wal: WalFile): boolean {
  if (head.frames === 0) return false;
  if (wal.salts === null) return true;
  return isSameWal(wal.salts, head) && wal.frames < head.frames;
}

/** All pages in order; null: the file ends before it. Bytes are valid until the next. */
function* pagesOfFile(
  path: string,
  pageBytes: number,
  pages: number,
): Generator<[page: number, bytes: Uint8Array | null]> {
  const file = statSync(path, { throwIfNoEntry: false }) === undefined ? null : openSync(path, "r");
  try {
    const chunk = chunkOf(Math.min(pages * pageBytes, Math.max(READ_BYTES, pageBytes)));
    for (let page = 1; page <= pages; ) {
      const read = file === null ? 0 : readSync(file, chunk, 0, chunk.length, (page - 1) * pageBytes);
      const whole = Math.floor(read / pageBytes);
      for (let i = 0; i < whole && page <= pages; i++, page++) {
        yield [page, chunk.subarray(i * pageBytes, (i + 1) * pageBytes)];
      }
      if (whole === 0) yield [page++, null];
    }
  } finally {
    if (file !== null) closeSync(file);
  }
}

function findAgain(wal: WalFile, bad: readonly number[], sums: SumsFile): Map<number, Uint8Array> {
  const wanted = new Map(bad.map((page) => [sums.get(page), page]));
  const found = new Map<number, Uint8Array>();
  // By the content alone: the number before it may be what is damaged.
  wal.readRaw((_, bytes) => {
    const page = wanted.get(sumOf(bytes));
    if (page !== undefined && !found.has(page)) found.set(page, Uint8Array.from(bytes));
  });
  return found;
}

/** Puts pages back that were found again. */
export function putBack(path: string, { found, pages, walLost }: PageCheck, pageBytes: number): void {
  const file = openSync(path, statSync(path, { throwIfNoEntry: false }) === undefined ? "w+" : "r+");
  try {
    for (const [page, bytes] of found) writeSync(file, bytes, 0, pageBytes, (page - 1) * pageBytes);
    if (walLost) ftruncateSync(file, pages * pageBytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the sums of a database from what is there. */
export function makeSums(path: string, pageBytes: number): void {
  const wal = new WalFile(`${path}-wal`, pageBytes);
  const pages = Math.floor((statSync(path, { throwIfNoEntry: false })?.size ?? 0) / pageBytes);
  const head: SumsHead = { pageBytes, pageCount: pages, first: 0, second: 0, frames: 0, moving: true };
  const sums = SumsFile.create(sumsPath(path), head);
  try {
    for (const [page, bytes] of pagesOfFile(path, pageBytes, pages)) if (bytes !== null) sums.set(page, sumOf(bytes));
    wal.read((page, bytes) => sums.set(page, sumOf(bytes)), true);
    const { first, second } = wal.salts ?? head;
    sums.write({ ...head, first, second, frames: wal.frames, pageCount: wal.pageCount || pages });
    sums.sync();
  } finally {
    sums.close();
  }
}
