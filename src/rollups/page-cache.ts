/** Pages in memory: changed ones stay until they are committed, clean ones while there is room. */
import { evictUnused } from "../core/second-chance.ts";
import { BucketPage } from "./bucket-page.ts";
import { EncodedBuckets } from "./buckets-codec.ts";
import { BUCKETS_PER_PAGE, levelOf, pageOf, SECONDS_PER_PAGE } from "./levels.ts";
import type { RunningTotals } from "./running-totals.ts";
import { EncodedSeconds } from "./seconds-codec.ts";
import { SecondsPage } from "./seconds-page.ts";
import type { ValueGroups } from "./value-groups.ts";

/** Bytes of pages kept for reading: about 13,000, so a month of three sensors at 1 Hz, or the minutes of half a year of them. */
const PAGE_CACHE_BYTES_MAX = 16 * 1024 * 1024;

/** Evict 1/32 at a time: iterating a Map skips recently deleted slots, so many small evictions are slow. */
const TRIM_SHARE = 32;

/** Memory of a cached page besides its encoded bytes. */
const OBJECT_BYTES = 500;

/** A page of level 0 with heavy seconds is measured again once it has grown by a quarter and 64 readings. */
const GROWTH = 1.25;
const GROWTH_READINGS = 64;

/** A page of level 0 is ripe (worth encoding) with half a page of new readings, and a quarter of what it held. */
const RIPE_READINGS = 300;
const RIPE_SHARE = 0.25;

/** Readers of encoded pages: each reads one page at a time. */
const encodedSeconds = new EncodedSeconds();
const encodedBuckets = new EncodedBuckets();

/**
 * A page and what the cache knows of it. Two states: *encoded*, as it is in the store, read where it stands; and *open*, in a form that
 * can be changed (`seconds` at level 0, `buckets` above it). The first change opens it, a commit makes it encoded again.
 */
export class CachedPage {
  readonly key: number;
  readonly level: number;
  /** The bytes of the last commit, or that the next one writes; null while it is open. */
  encoded: Uint8Array | null;
  seconds: SecondsPage | null = null;
  buckets: BucketPage | null = null;
  /** Differs from the store. */
  dirty = false;
  /** Was committed, and not deleted since: what it held then is in the store until the next commit. */
  isStored: boolean;
  /** Used again since it was cached, or since the last sweep. */
  used = false;
  /** How often questions have read it; from 1 again when it was opened. */
  reads = 0;
  /** Of a hot page, while it is encoded. */
  totals: RunningTotals | null = null;
  /** The same, once its values were asked for. */
  groups: ValueGroups | null = null;
  /** Accounted size; measured again as it grows, and when it becomes clean. */
  bytes = 0;
  /** Readings in a page of level 0 when it was measured. */
  #measuredReadings = 0;
  /** And when it was opened. */
  #openedReadings = 0;

  /** @param encoded its bytes, checked; null: a new page */
  constructor(key: number, encoded: Uint8Array | null) {
    this.key = key;
    this.level = levelOf(key);
    this.encoded = encoded;
    this.isStored = encoded !== null;
    if (encoded === null) {
      if (this.level === 0) this.seconds = new SecondsPage(pageOf(key) * SECONDS_PER_PAGE);
      else this.buckets = new BucketPage(BUCKETS_PER_PAGE[this.level]);
    }
    this.bytes = this.measure();
  }

  get isOpen(): boolean {
    return this.seconds !== null || this.buckets !== null;
  }

  /** Makes it a page that can be changed. @throws TidemarkError "history-corrupt" */
  open(): void {
    if (this.isOpen || this.encoded === null) return;
    if (this.level === 0) this.seconds = encodedSeconds.open(this.key, this.encoded).decode();
    else this.buckets = encodedBuckets.open(this.key, this.encoded).decode();
    this.encoded = null;
    this.reads = Math.min(this.reads, 1);
    this.#openedReadings = this.seconds?.count ?? 0;
  }

  /** Open, and without any reading: it is not stored. */
  get isEmpty(): boolean {
    return this.seconds?.count === 0 || this.buckets?.isEmpty === true;
  }

  /** Makes a page of buckets one without any reading. */
  empty(): void {
    this.encoded = null;
    this.buckets = new BucketPage(BUCKETS_PER_PAGE[this.level]);
  }

  /** Makes these the seconds of an open page of level 0. */
  replaceSeconds(seconds: SecondsPage): void {
    this.seconds = seconds;
    this.#openedReadings = seconds.count;
  }

  /** Drops the open form in favour of the same content as bytes. */
  close(encoded: Uint8Array): void {
    this.encoded = encoded;
    this.seconds?.release();
    this.seconds = null;
    this.buckets = null;
  }

  /** A page of level 0 for reading; valid until the next page is read. */
  readSeconds(): SecondsPage | EncodedSeconds {
    return this.seconds ?? encodedSeconds.open(this.key, this.encoded as Uint8Array);
  }

  /** A page of the levels above for reading; valid until the next such page is read. */
  readBuckets(): BucketPage | EncodedBuckets {
    return this.buckets ?? encodedBuckets.open(this.key, this.encoded as Uint8Array);
  }

  /** A copy of an encoded page of the levels above, without its values. */
  readNumbers(): BucketPage {
    return encodedBuckets.open(this.key, this.encoded as Uint8Array).numbers();
  }

  /** Whether it has grown enough to be measured again: with heavy seconds that walks their rows. */
  get hasGrown(): boolean {
    if (this.seconds === null || !this.seconds.isHeavy) return true;
    return this.seconds.count > this.#measuredReadings * GROWTH + GROWTH_READINGS;
  }

  /** Enough readings were folded since it was opened that encoding, even twice, costs little a reading. */
  get isRipe(): boolean {
    if (this.seconds === null) return false;
    const folded = this.seconds.count - this.#openedReadings;
    return folded >= RIPE_READINGS && folded >= RIPE_SHARE * this.#openedReadings;
  }

  measure(): number {
    this.#measuredReadings = this.seconds?.count ?? 0;
    return OBJECT_BYTES + (this.seconds?.bytes ?? 0) + (this.buckets?.bytes ?? 0) + (this.encoded?.length ?? 0);
  }
}

/** Pages by key. Those that are clean can be dropped at any time, and are read again. */
export class PageCache {
  readonly #pages = new Map<number, CachedPage>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = PAGE_CACHE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
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
   * Evicts clean pages, least recently used first, until they are a little below the limit.
   * @param dirtyBytes bytes of changed pages, which are never evicted here
   */
  trim(dirtyBytes: number): void {
    const excess = this.#bytes - dirtyBytes - this.#bytesMax;
    if (excess > 0) this.#bytes -= evictUnused(this.#pages, excess + this.#bytesMax / TRIM_SHARE);
  }
}
