/** The pages of all series by (series, level, number): from the cache, or read from the history's file. */
import type { StatementSync } from "node:sqlite";
import type { Cost } from "../metrics/answer.ts";
import type { Database } from "../store/database.ts";
import { HotPages } from "./hot-pages.ts";
import {
  FIRST_PAGE,
  keyOfSeries,
  LAST_PAGE,
  levelOf,
  pageKey,
  pageOf,
  seriesOf,
  TOP_LEVEL,
  TOP_PAGES_MAX,
} from "./levels.ts";
import { CachedPage, PageCache } from "./page-cache.ts";
import { check, corrupt, rekeyed } from "./page-frame.ts";

const TABLES = "CREATE TABLE IF NOT EXISTS page(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";

/** Pages copied at once when a series is forked. */
const COPIED_AT_ONCE = 64;

/** How high a series reaches. */
interface Top {
  /** The highest level of which it has pages. */
  readonly level: number;
  /** These pages, in any order; one more than `TOP_PAGES_MAX` until there is a level above. */
  readonly numbers: number[];
}

/**
 * Finds pages, and says which there are.
 *
 * A series can begin as a *fork* of another one (`fork`): until the next commit its pages are those that the other one has in the file;
 * that commit copies them (`copyForks`) before it writes the other one's.
 */
export class PageTable {
  readonly #db: Database;
  readonly #select: StatementSync;
  readonly #selectLast: StatementSync;
  readonly #selectKeys: StatementSync;
  readonly #selectAny: StatementSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #tops = new Map<number, Top>();
  /** Numbers of the newest page, by series and level below the top: newer ones need not be looked for. */
  readonly #newest = new Map<number, number>();
  /** The series that each fork began as. */
  readonly #forks = new Map<number, number>();
  /** The transaction that is being written has copied them. */
  #areCopied = false;
  readonly #selectSome: StatementSync;
  readonly cache: PageCache;
  readonly hot = new HotPages();
  #dirtyBytes = 0;

  constructor(db: Database, cacheBytesMax?: number) {
    this.#db = db;
    this.cache = new PageCache(cacheBytesMax);
    db.declare(TABLES);
    this.#select = db.prepare("SELECT bytes FROM page WHERE key=?");
    this.#select.setReturnArrays(true);
    this.#selectLast = db.prepare("SELECT max(key) AS key FROM page WHERE key>=? AND key<=?");
    this.#selectSome = db.prepare(
      `SELECT key, bytes FROM page WHERE key>? AND key<=? ORDER BY key LIMIT ${COPIED_AT_ONCE}`,
    );
    this.#selectKeys = db.prepare("SELECT key FROM page WHERE key>=? AND key<=? LIMIT ?");
    this.#selectAny = db.prepare("SELECT 1 FROM page WHERE key>? AND key<? LIMIT 1");
    this.#insert = db.prepare("INSERT OR REPLACE INTO page VALUES(?, ?)");
    this.#delete = db.prepare("DELETE FROM page WHERE key=?");
  }

  newPage(series: number, level: number, number: number): CachedPage {
    const page = new CachedPage(pageKey(series, level, number), null);
    this.cache.add(page);
    this.#met(series, level, number);
    return page;
  }

  /** There is such a page. */
  #met(series: number, level: number, number: number): void {
    const top = this.topOf(series);
    if (level === top.level) {
      if (!top.numbers.includes(number)) top.numbers.push(number);
    } else if (number > this.#newestOf(series, level)) {
      this.#newest.set(pageKey(series, level, FIRST_PAGE), number);
    }
  }

  /** A page for changing. @throws TidemarkError "history-corrupt" */
  page(series: number, level: number, number: number): CachedPage | undefined {
    const page = this.#lookUp(series, level, number, null);
    if (page === undefined) return page;
    // One that was emptied may be in no list.
    this.#met(series, level, number);
    if (page.isOpen) return page;
    page.open();
    this.hot.drop(page);
    this.remeasure(page);
    return page;
  }

  /**
   * A page for reading.
   * @param cost of the question that reads it; null when none does: such a page is not one that was asked for
   * @throws TidemarkError "history-corrupt"
   */
  find(series: number, level: number, number: number, cost: Cost | null): CachedPage | undefined {
    const page = this.#lookUp(series, level, number, cost);
    if (page !== undefined && cost !== null) page.reads++;
    return page;
  }

  #lookUp(series: number, level: number, number: number, cost: Cost | null): CachedPage | undefined {
    const key = pageKey(series, level, number);
    if (cost !== null) cost.pages++;
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached;
    const top = this.topOf(series);
    if (level > top.level || (level === top.level && !top.numbers.includes(number))) return undefined;
    if (level < top.level && number > this.#newestOf(series, level)) return undefined;
    const bytes = this.#readOrOrigin(key);
    if (bytes === undefined) return undefined;
    if (cost !== null) cost.pagesFromDisk++;
    const page = new CachedPage(key, bytes);
    this.cache.add(page);
    return page;
  }

  /** Of a fork that is not copied yet the page that it begins with. */
  #readOrOrigin(key: number): Uint8Array | undefined {
    const bytes = this.#read(key);
    const origin = bytes === undefined && !this.#areCopied ? this.#forks.get(seriesOf(key)) : undefined;
    const first = origin === undefined ? undefined : this.#read(keyOfSeries(key, origin));
    return first === undefined ? bytes : rekeyed(key, first);
  }

  #read(key: number): Uint8Array | undefined {
    const row: unknown = this.#db.lookUp(this.#select, key);
    if (!Array.isArray(row)) return undefined;
    if (!(row[0] instanceof Uint8Array)) throw corrupt(key, "its row has no bytes");
    check(key, row[0]);
    return row[0];
  }

  /** How high a series reaches, with what is not committed yet. */
  topOf(series: number): Top {
    let top = this.#tops.get(series);
    if (top === undefined) {
      const from = (this.#areCopied ? undefined : this.#forks.get(series)) ?? series;
      const [first, last] = [pageKey(from, 0, FIRST_PAGE), pageKey(from, TOP_LEVEL, LAST_PAGE)];
      const key = this.#db.lookUp(this.#selectLast, first, last)?.key;
      const level = typeof key === "number" ? levelOf(key) : 0;
      const numbers = typeof key === "number" ? this.#storedNumbers(from, level) : [];
      top = { level, numbers };
      this.#tops.set(series, top);
    }
    return top;
  }

  #storedNumbers(series: number, level: number, limit = -1): number[] {
    const [first, last] = [pageKey(series, level, FIRST_PAGE), pageKey(series, level, LAST_PAGE)];
    return this.#db.lookUpAll(this.#selectKeys, first, last, limit).map(({ key }) => pageOf(Number(key)));
  }

  /** The top has pages enough for a level above: `raise`. */
  isTopFull(series: number, level: number): boolean {
    const top = this.topOf(series);
    return level === top.level && level < TOP_LEVEL && top.numbers.length > TOP_PAGES_MAX;
  }

  /** The level above is the top from now on, and has no pages yet. @returns the numbers of all pages of the one that was */
  raise(series: number): readonly number[] {
    const { level, numbers } = this.topOf(series);
    this.#newest.set(pageKey(series, level, FIRST_PAGE), Math.max(...numbers));
    this.#tops.set(series, { level: level + 1, numbers: [] });
    return numbers;
  }

  /** The lowest level of few pages: that which should be the top. @param changed pages that are not as in the file @param isGone whether one of these goes */
  topWith(series: number, changed: readonly CachedPage[], isGone: (page: CachedPage) => boolean): Top {
    const top = this.topOf(series);
    for (let level = 0; level < top.level; level++) {
      const its = changed.filter((page) => page.level === level);
      const gone = new Set(its.filter(isGone).map(({ key }) => pageOf(key)));
      const numbers = new Set(this.#storedNumbers(series, level, TOP_PAGES_MAX + 1 + gone.size));
      for (const { key } of its) numbers.add(pageOf(key));
      const left = [...numbers.difference(gone)];
      if (left.length <= TOP_PAGES_MAX) return { level, numbers: left };
    }
    return top;
  }

  /** Lowers the top; all pages above it are emptied. */
  lower(series: number, top: Top): void {
    this.#tops.set(series, top);
  }

  /** Keys of pages above a level that are in the file. */
  keysAbove(series: number, level: number): number[] {
    const [first, last] = [pageKey(series, level + 1, FIRST_PAGE), pageKey(series, TOP_LEVEL, LAST_PAGE)];
    return this.#db.lookUpAll(this.#selectKeys, first, last, -1).map(({ key }) => Number(key));
  }

  /** A series that has no pages begins with those that another one has in the file, and as high as that one reaches now. */
  fork(origin: number, series: number): void {
    this.#forks.set(series, origin);
    const { level, numbers } = this.topOf(origin);
    this.#tops.set(series, { level, numbers: [...numbers] });
  }

  /** Copies the pages of forks, inside a transaction and before their origins are written. Yields bytes. */
  *copyForks(): Generator<number> {
    for (const [series, origin] of this.#forks) {
      const last = pageKey(origin, TOP_LEVEL, LAST_PAGE);
      for (let after = pageKey(origin, 0, FIRST_PAGE) - 1; ; ) {
        const rows = this.#db.lookUpAll(this.#selectSome, after, last);
        if (rows.length === 0) break;
        let copied = 0;
        for (const row of rows) {
          after = Number(row.key);
          if (!(row.bytes instanceof Uint8Array)) throw corrupt(after, "its row has no bytes");
          check(after, row.bytes);
          const key = keyOfSeries(after, series);
          const bytes = rekeyed(key, row.bytes);
          this.#db.guarded(() => this.#insert.run(key, bytes));
          copied += bytes.length;
        }
        yield copied;
      }
    }
    this.#areCopied = true;
  }

  /** The transaction of `copyForks` ended. */
  endFork(isCommitted: boolean): void {
    this.#areCopied = false;
    if (isCommitted) this.#forks.clear();
  }

  /** Evicts the clean pages of these series: they may be of a transaction that was rolled back. */
  forget(series: ReadonlySet<number>): void {
    for (const page of this.cache.pages()) if (!page.dirty && series.has(seriesOf(page.key))) this.cache.drop(page);
    for (const number of series) this.forgetNewest(number);
  }

  /** Forgets how high a series reaches and which pages are its newest; they are looked for again. */
  forgetNewest(series: number): void {
    this.#tops.delete(series);
    for (let level = 0; level <= TOP_LEVEL; level++) this.#newest.delete(pageKey(series, level, FIRST_PAGE));
  }

  /** Adds a copy of a changed page of another series, all of it merged. @param encoded its bytes under its new key; null: it holds nothing */
  adopt(series: number, { key, isStored }: CachedPage, encoded: Uint8Array | null): CachedPage {
    const page = new CachedPage(keyOfSeries(key, series), encoded);
    page.isStored = isStored;
    this.cache.add(page);
    if (page.level <= this.topOf(series).level) this.#met(series, page.level, pageOf(page.key));
    return page;
  }

  /** The numbers of all pages of level 0 between two, stored or not. O(pages between). */
  numbers(series: number, first: number, last: number): number[] {
    const low = pageKey(series, 0, Math.max(first, FIRST_PAGE));
    const high = pageKey(series, 0, Math.min(last, LAST_PAGE));
    const keys = new Set(this.#db.lookUpAll(this.#selectKeys, low, high, -1).map(({ key }) => Number(key)));
    const origin = this.#areCopied ? undefined : this.#forks.get(series);
    if (origin !== undefined) {
      const [from, to] = [keyOfSeries(low, origin), keyOfSeries(high, origin)];
      for (const row of this.#db.lookUpAll(this.#selectKeys, from, to, -1))
        keys.add(keyOfSeries(Number(row.key), series));
    }
    if (low === high) return keys.size === 1 || this.cache.get(low) !== undefined ? [first] : [];
    for (const { key } of this.cache.pages()) if (key >= low && key <= high) keys.add(key);
    return [...keys].sort((a, b) => a - b).map(pageOf);
  }

  /** What is stored of a changed page: as it was committed last, until it is written. @throws TidemarkError "history-corrupt" */
  stored({ key, isStored }: CachedPage): Uint8Array | null {
    return isStored ? (this.#readOrOrigin(key) ?? null) : null;
  }

  /** Whether pages of seconds are stored between two. */
  hasBetween(series: number, first: number, last: number): boolean {
    return this.#db.lookUp(this.#selectAny, pageKey(series, 0, first), pageKey(series, 0, last)) !== undefined;
  }

  /** The number of the newest page of a series and level; -Infinity when there is none. */
  #newestOf(series: number, level: number): number {
    const top = this.topOf(series);
    if (level >= top.level) return level > top.level ? Number.NEGATIVE_INFINITY : Math.max(...top.numbers);
    const place = pageKey(series, level, FIRST_PAGE);
    const known = this.#newest.get(place);
    if (known !== undefined) return known;
    const key = this.#db.lookUp(this.#selectLast, place, pageKey(series, level, LAST_PAGE))?.key;
    let newest = typeof key === "number" ? pageOf(key) : Number.NEGATIVE_INFINITY;
    const origin = this.#forks.get(series);
    // Of pages that it has in memory only, too: one too many is looked for.
    if (origin !== undefined) newest = Math.max(newest, this.#newestOf(origin, level));
    this.#newest.set(place, newest);
    return newest;
  }

  /** Bytes of changed pages. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  /** Notes that a page differs from the store. @returns false when that was known */
  markDirty(page: CachedPage): boolean {
    if (page.dirty) return false;
    page.dirty = true;
    this.#dirtyBytes += page.bytes;
    return true;
  }

  /** Notes that an encoded page is stored and committed. */
  markClean(page: CachedPage): void {
    page.dirty = false;
    page.isStored = !page.isOpen;
    this.#dirtyBytes -= page.bytes;
    // Encoded by the commit, unless there was nothing to write.
    if (page.isOpen) this.#dropEmpty(page);
    // Unqueried seconds before the newest are not worth their memory: a backfill is full of them.
    if (page.level === 0 && page.reads === 0 && !this.#isNewest(page)) this.cache.drop(page);
  }

  #dropEmpty(page: CachedPage): void {
    this.cache.drop(page);
    const { level, numbers } = this.topOf(seriesOf(page.key));
    const at = level === page.level ? numbers.indexOf(pageOf(page.key)) : -1;
    if (at >= 0) numbers.splice(at, 1);
  }

  /** Accounts for a page that has changed. */
  remeasure(page: CachedPage): void {
    const before = page.bytes;
    this.cache.resize(page);
    if (page.dirty) this.#dirtyBytes += page.bytes - before;
  }

  /** Evicts clean pages that were not used lately, past the cache's bound. */
  trim(): void {
    this.cache.trim(this.#dirtyBytes);
  }

  /** Stores a page's bytes, inside a transaction. @throws TidemarkError "disk-full" */
  store(page: CachedPage, bytes: Uint8Array): void {
    this.#db.guarded(() => this.#insert.run(page.key, bytes));
  }

  /** Deletes what is stored of a page that holds nothing any more, inside a transaction. @throws TidemarkError "disk-full" */
  delete(page: CachedPage): void {
    this.#db.guarded(() => this.#delete.run(page.key));
  }

  /** True for the last page in time of a series and level. */
  #isNewest(page: CachedPage): boolean {
    return pageOf(page.key) >= this.#newestOf(seriesOf(page.key), page.level);
  }
}
