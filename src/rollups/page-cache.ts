/** Decoded pages in memory: changed ones stay until they are committed, clean ones while there is room. */
import type { BucketPage } from "./bucket-page.ts";
import type { SecondsPage } from "./seconds-page.ts";

/** Bytes of decoded pages kept for reading: about 4,000 pages, a year's hours of three sensors and their edges. */
export const PAGE_CACHE_BYTES_MAX = 24 * 1024 * 1024;

/** A page of level 0 is measured again when it holds a quarter more readings, and some. */
const GROWTH = 1.25;
const GROWTH_READINGS = 64;

/** A page and what the cache knows of it. Level 0 holds `seconds`, the others `buckets`. */
export class CachedPage {
  readonly key: number;
  readonly level: number;
  readonly seconds: SecondsPage | null;
  readonly buckets: BucketPage | null;
  /** Differs from the store. */
  dirty = false;
  /** Used since the last sweep: it survives one more. */
  used = true;
  /** Accounted size; measured again as it grows, and when it becomes clean. */
  bytes: number;
  /** Readings in a page of level 0 when it was measured. */
  #measuredReadings = 0;

  constructor(key: number, level: number, seconds: SecondsPage | null, buckets: BucketPage | null) {
    this.key = key;
    this.level = level;
    this.seconds = seconds;
    this.buckets = buckets;
    this.bytes = this.measure();
  }

  /** Whether it may have grown enough to be measured again: that walks a page's rows. */
  get hasGrown(): boolean {
    return this.seconds === null || this.seconds.count > this.#measuredReadings * GROWTH + GROWTH_READINGS;
  }

  measure(): number {
    this.#measuredReadings = this.seconds?.count ?? 0;
    return this.seconds !== null ? this.seconds.bytes : this.buckets !== null ? this.buckets.bytes : 0;
  }
}

/** Second-chance replacement over insertion order (the CLOCK algorithm, Corbató 1968). */
export class PageCache {
  readonly #pages = new Map<number, CachedPage>();
  readonly #bytesMax: number;
  #bytes = 0;
  evictions = 0;

  constructor(bytesMax = PAGE_CACHE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: number): CachedPage | undefined {
    const page = this.#pages.get(key);
    if (page !== undefined) page.used = true;
    return page;
  }

  add(page: CachedPage): void {
    this.#pages.set(page.key, page);
    this.#bytes += page.bytes;
  }

  /** Measures a page that has changed. */
  resize(page: CachedPage): void {
    const bytes = page.measure();
    this.#bytes += bytes - page.bytes;
    page.bytes = bytes;
  }

  pages(): IterableIterator<CachedPage> {
    return this.#pages.values();
  }

  drop(page: CachedPage): void {
    if (this.#pages.delete(page.key)) this.#bytes -= page.bytes;
  }

  /**
   * Lets go of clean pages, least recently used first, until what is clean is within the limit.
   * @param dirtyBytes what of `bytes` belongs to changed pages, which are never dropped here
   */
  trim(dirtyBytes: number): void {
    const bytesMax = this.#bytesMax + dirtyBytes;
    if (this.#bytes <= bytesMax) return;
    const passes = 2 * this.#pages.size;
    let seen = 0;
    for (const page of this.#pages.values()) {
      if (this.#bytes <= bytesMax || ++seen > passes) return;
      this.#pages.delete(page.key);
      if (page.dirty || page.used) {
        page.used = false;
        this.#pages.set(page.key, page); // to the back of the order
      } else {
        this.#bytes -= page.bytes;
        this.evictions++;
      }
    }
  }
}
