/** The pages of all series by (series, level, number): from the cache, or read from the history's file. */
import type { StatementSync } from "node:sqlite";
import type { Database } from "./database.ts";
import { pageKey } from "./levels.ts";
import { CachedPage, PageCache } from "./page-cache.ts";
import { check } from "./page-frame.ts";

/** What the last query read. */
export interface Cost {
  pages: number;
  buckets: number;
  pagesFromDisk: number;
}

export class PageTable {
  readonly #select: StatementSync;
  readonly cache: PageCache;
  readonly cost: Cost = { pages: 0, buckets: 0, pagesFromDisk: 0 };

  constructor(db: Database, cacheBytesMax?: number) {
    this.cache = new PageCache(cacheBytesMax);
    this.#select = db.prepare("SELECT bytes FROM page WHERE key=?");
    this.#select.setReturnArrays(true);
  }

  newPage(series: number, level: number, number: number): CachedPage {
    const page = new CachedPage(pageKey(series, level, number), null);
    this.cache.add(page);
    return page;
  }

  /** A page for changing. @throws TidemarkError "history-corrupt" */
  page(series: number, level: number, number: number): CachedPage | undefined {
    const page = this.find(series, level, number);
    if (page === undefined || page.isOpen) return page;
    page.open();
    this.cache.resize(page);
    return page;
  }

  /** A page for reading. @throws TidemarkError "history-corrupt" */
  find(series: number, level: number, number: number): CachedPage | undefined {
    const key = pageKey(series, level, number);
    this.cost.pages++;
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached;
    const row: unknown = this.#select.get(key);
    if (!Array.isArray(row) || !(row[0] instanceof Uint8Array)) return undefined;
    this.cost.pagesFromDisk++;
    check(key, row[0]);
    const page = new CachedPage(key, row[0]);
    this.cache.add(page);
    return page;
  }
}
