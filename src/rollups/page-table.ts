/** The pages of all series by (series, level, number): from the cache, or read from the history's file. */
import type { StatementSync } from "node:sqlite";
import { BucketPage } from "./bucket-page.ts";
import { decodeBuckets } from "./buckets-codec.ts";
import type { Database } from "./database.ts";
import { BUCKETS_PER_PAGE, pageKey, SECONDS_PER_PAGE } from "./levels.ts";
import { CachedPage, PageCache } from "./page-cache.ts";
import { decodeSeconds } from "./seconds-codec.ts";
import { SecondsPage } from "./seconds-page.ts";

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
    const key = pageKey(series, level, number);
    const page =
      level === 0
        ? new CachedPage(key, level, new SecondsPage(number * SECONDS_PER_PAGE), null)
        : new CachedPage(key, level, null, new BucketPage(BUCKETS_PER_PAGE[level]));
    this.cache.add(page);
    return page;
  }

  /** @throws TidemarkError "history-corrupt" */
  page(series: number, level: number, number: number): CachedPage | undefined {
    const key = pageKey(series, level, number);
    this.cost.pages++;
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached;
    const row: unknown = this.#select.get(key);
    if (!Array.isArray(row) || !(row[0] instanceof Uint8Array)) return undefined;
    this.cost.pagesFromDisk++;
    const page =
      level === 0
        ? new CachedPage(key, level, decodeSeconds(key, row[0]), null)
        : new CachedPage(key, level, null, decodeBuckets(key, row[0]));
    this.cache.add(page);
    return page;
  }
}
