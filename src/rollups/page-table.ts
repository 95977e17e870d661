/** The pages of all series by (series, level, number): from the cache, or read from the history's file. */
import type { StatementSync } from "node:sqlite";
import type { Cost } from "../metrics/answer.ts";
import type { Database } from "../store/database.ts";
import { HotPages } from "./hot-pages.ts";
import { FIRST_PAGE, keyOfSeries, LAST_PAGE, pageKey, pageOf, seriesOf, TOP_LEVEL } from "./levels.ts";
import { CachedPage, PageCache } from "./page-cache.ts";
import { check, corrupt, rekeyed } from "./page-frame.ts";

const TABLES = "CREATE TABLE IF NOT EXISTS page(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";

/** Pages copied at once when a series is forked. */
const COPIED_AT_ONCE = 64;

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
  /** Numbers of the newest page, by series and level: newer ones need not be looked for. */
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
    this.#selectKeys = db.prepare("SELECT key FROM page WHERE key>=? AND key<=?");
    this.#selectAny = db.prepare("SELECT 1 FROM page WHERE key>? AND key<? LIMIT 1");
    this.#insert = db.prepare("INSERT OR REPLACE INTO page VALUES(?, ?)");
    this.#delete = db.prepare("DELETE FROM page WHERE key=?");
  }

  newPage(series: number, level: number, number: number): CachedPage {
    const page = new CachedPage(pageKey(series, level, number), null);
    this.cache.add(page);
    if (number > this.#newestOf(series, level)) this.#newest.set(pageKey(series, level, FIRST_PAGE), number);
    return page;
  }

  /** A page for changing. @throws TidemarkError "history-corrupt" */
  page(series: number, level: number, number: number): CachedPage | undefined {
    const page = this.#lookUp(series, level, number, null);
    if (page === undefined || page.isOpen) return page;
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
    if (number > this.#newestOf(series, level)) return undefined;
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

  /** A series that has no pages begins with those that another one has in the file. */
  fork(origin: number, series: number): void {
    this.#forks.set(series, origin);
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

  /** Forgets which pages are the newest of a series; they are looked for again. */
  forgetNewest(series: number): void {
    for (let level = 0; level <= TOP_LEVEL; level++) this.#newest.delete(pageKey(series, level, FIRST_PAGE));
  }

  /** Adds a copy of a changed page of another series, all of it merged. @param encoded its bytes under its new key; null: it holds nothing */
  adopt(series: number, { key, isStored }: CachedPage, encoded: Uint8Array | null): CachedPage {
    const page = new CachedPage(keyOfSeries(key, series), encoded);
    page.isStored = isStored;
    this.cache.add(page);
    const place = pageKey(series, page.level, FIRST_PAGE);
    if (pageOf(page.key) > this.#newestOf(series, page.level)) this.#newest.set(place, pageOf(page.key));
    return page;
  }

  /** The numbers of all pages of level 0 between two, stored or not. O(pages between). */
  numbers(series: number, first: number, last: number): number[] {
    const low = pageKey(series, 0, Math.max(first, FIRST_PAGE));
    const high = pageKey(series, 0, Math.min(last, LAST_PAGE));
    const keys = new Set(this.#db.lookUpAll(this.#selectKeys, low, high).map(({ key }) => Number(key)));
    const origin = this.#areCopied ? undefined : this.#forks.get(series);
    if (origin !== undefined) {
      const [from, to] = [keyOfSeries(low, origin), keyOfSeries(high, origin)];
      for (const row of this.#db.lookUpAll(this.#selectKeys, from, to)) keys.add(keyOfSeries(Number(row.key), series));
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
    if (page.isOpen) this.cache.drop(page);
    // Unqueried seconds before the newest are not worth their memory: a backfill is full of them.
    if (page.level === 0 && page.reads === 0 && !this.#isNewest(page)) this.cache.drop(page);
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
