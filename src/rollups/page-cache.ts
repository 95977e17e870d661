/** Pages in memory: changed ones stay until they are committed, clean ones while there is room. */
import { dropUnused } from "../core/second-chance.ts";
import { BucketPage } from "./bucket-page.ts";
import { EncodedBuckets } from "./buckets-codec.ts";
import { BUCKETS_PER_PAGE, levelOf, pageOf, SECONDS_PER_PAGE } from "./levels.ts";
import type { RunningTotals } from "./running-totals.ts";
import { EncodedSeconds } from "./seconds-codec.ts";
import { SecondsPage } from "./seconds-page.ts";

/** Bytes of pages kept for reading: about 13,000, so a month of three sensors at 1 Hz, or the minutes of half a year of them. */
const PAGE_CACHE_BYTES_MAX = 16 * 1024 * 1024;

/** This part of the bound is let go of at a time: a Map is looked through past the places of all that were taken out of it lately. */
const TRIM_SHARE = 32;

/** What a cached page costs besides its bytes. */
const OBJECT_BYTES = 500;

/** A page of level 0 with heavy seconds is measured again when it holds a quarter more readings, and some. */
const GROWTH = 1.25;
const GROWTH_READINGS = 64;

/** A page of level 0 is ripe to be encoded with half a page of new readings, and a quarter of what it held. */
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
  /** Used again since it came, or since the last sweep. */
  used = false;
  /** How often questions have read it; from 1 again when it was opened. */
  reads = 0;
  /** Of a page that is read again and again, while it is encoded. */
  totals: RunningTotals | null = null;
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

  /** Open, and without any reading: nothing of it is stored. */
  get isEmpty(): boolean {
    return this.seconds?.count === 0 || this.buckets?.isEmpty === true;
  }

  /** Makes these the seconds of an open page of level 0. */
  replaceSeconds(seconds: SecondsPage): void {
    this.seconds = seconds;
    this.#openedReadings = seconds.count;
  }

  /** Lets go of the open form: `encoded` says the same. */
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

  /** Whether it is worth to be measured again: with heavy seconds that walks their rows, so it must have grown by then. */
  get hasGrown(): boolean {
    if (this.seconds === null || !this.seconds.isHeavy) return true;
    return this.seconds.count > this.#measuredReadings * GROWTH + GROWTH_READINGS;
  }

  /** Whether so many readings were folded into it since it was opened that encoding it, and perhaps once more, costs little for each. */
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
   * Lets go of clean pages, least recently used first, until what is clean is within the limit, and some.
   * @param dirtyBytes what of `bytes` belongs to changed pages, which are never dropped here
   */
  trim(dirtyBytes: number): void {
    const excess = this.#bytes - dirtyBytes - this.#bytesMax;
    if (excess > 0) this.#bytes -= dropUnused(this.#pages, excess + this.#bytesMax / TRIM_SHARE);
  }
}
