/**
 * The history of all series: folds readings into level 0, merges them upwards when somebody looks or commits, answers windows.
 *
 * A reading is folded into its second and, for the quantiles, into its hour; every other bucket is the merge of its children and is
 * made anew from them when they changed. Sums are exact, so it does not matter when, how often or in what order that happens.
 */
import type { StatementSync } from "node:sqlite";
import type { Window } from "../core/window.ts";
import { Aggregate, type Needs } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import type { BucketPage } from "./bucket-page.ts";
import { encodeBuckets } from "./buckets-codec.ts";
import type { Database } from "./database.ts";
import {
  BUCKETS_PER_PAGE,
  FIRST_PAGE,
  MINUTES_PER_PAGE,
  pageKey,
  pageOf,
  SECONDS_PER_MINUTE,
  SECONDS_PER_PAGE,
  STEP_SECONDS,
  seriesOf,
  TOP_LEVEL,
} from "./levels.ts";
import type { CachedPage } from "./page-cache.ts";
import { type Cost, PageTable } from "./page-table.ts";
import { encodeSeconds } from "./seconds-codec.ts";
import { SecondsPage } from "./seconds-page.ts";
import { queryWindow } from "./window-query.ts";

/** Minutes with more readings than this keep their values; others derive them from their seconds, at 240 steps. */
const DERIVED_MINUTE_READINGS_MAX = 240;

const HOUR_LEVEL = 2;
const SECONDS_PER_HOUR = 3600;

/** One reading as columns. */
const oneTime = new Float64Array(1);
const oneValue = new Float64Array(1);
const oneLate = new Uint8Array(1);

export class History {
  readonly #deleteRange: StatementSync;
  readonly #pages: PageTable;
  /** Changed pages, by key. */
  readonly #dirty = new Map<number, CachedPage>();
  #dirtyBytes = 0;
  /** Level-0 pages with minutes that were not merged upwards yet. */
  readonly #stale = new Set<CachedPage>();
  /** Level-1 pages with minutes whose hour was not merged yet. */
  #changedMinutes = new Set<CachedPage>();
  /** Level-0 pages and the bits of their minutes whose own values are out of date (minutes that keep some). */
  readonly #staleMinuteValues = new Map<CachedPage, number>();
  /** Pages (levels 2 to 4) whose parent bucket's values are out of date. */
  readonly #staleValues: Set<CachedPage>[] = [];
  readonly #scratch = new Aggregate({ sums: true, quantiles: false });
  #foldPage: CachedPage | null = null;
  #foldSeconds = new SecondsPage(0);
  #foldSeries = -1;
  #foldHour = Number.NaN;
  #foldValues = new Distribution();

  constructor(db: Database, cacheBytesMax?: number) {
    this.#pages = new PageTable(db, cacheBytesMax);
    this.#deleteRange = db.prepare("DELETE FROM page WHERE key>=? AND key<?");
    for (let level = 0; level < TOP_LEVEL; level++) this.#staleValues.push(new Set());
  }

  get cost(): Cost {
    return this.#pages.cost;
  }

  /** Bytes of changed pages that wait for a commit. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  /**
   * Folds one counted reading.
   * @param time event time, ms (integer); @param late 1 when it came late, else 0
   */
  fold(series: number, time: number, value: number, late: number): void {
    oneTime[0] = time;
    oneValue[0] = value;
    oneLate[0] = late;
    this.foldRows(series, oneTime, oneValue, oneLate, 1);
  }

  /**
   * Folds counted readings of one series, the first `count` rows of the columns. Amortised O(1) a reading: merging upwards is put off
   * until somebody looks. Fast when neighbours in time are neighbours in the columns.
   * @param time event times, ms (integers); @param late 1 when it came late, else 0
   */
  foldRows(series: number, time: Float64Array, value: Float64Array, late: Uint8Array, count: number): void {
    let seconds = this.#foldPage !== null && this.#foldSeries === series ? this.#foldSeconds : null;
    for (let row = 0; row < count; ) {
      const from = row;
      if (seconds !== null) row = seconds.foldRows(time, value, late, row, count);
      if (row > from) this.#foldValues.addColumn(value, from, row);
      else seconds = this.#turnTo(series, Math.floor(time[row] / 1000));
    }
  }

  /** Makes the page and hour of `second` the ones that are folded into. */
  #turnTo(series: number, second: number): SecondsPage {
    this.#settleFold();
    const number = Math.floor(second / SECONDS_PER_PAGE);
    const page = this.#pages.page(series, 0, number) ?? this.#pages.newPage(series, 0, number);
    this.#markDirty(page);
    this.#stale.add(page);
    this.#foldPage = page;
    this.#foldSeconds = page.seconds as SecondsPage;
    const hour = Math.floor(second / SECONDS_PER_HOUR);
    if (this.#foldSeries !== series || hour !== this.#foldHour) {
      const day = Math.floor(hour / BUCKETS_PER_PAGE[HOUR_LEVEL]);
      const hours = this.#pages.page(series, HOUR_LEVEL, day) ?? this.#pages.newPage(series, HOUR_LEVEL, day);
      this.#markDirty(hours);
      this.#staleValues[HOUR_LEVEL].add(hours);
      this.#foldValues = (hours.buckets as BucketPage).valuesOf(hour - day * BUCKETS_PER_PAGE[HOUR_LEVEL]);
      this.#foldHour = hour;
      this.#foldSeries = series;
    }
    return this.#foldSeconds;
  }

  /** Turns away from the page that was folded into: it may be committed and dropped now. */
  #settleFold(): void {
    const page = this.#foldPage;
    if (page === null) return;
    this.#foldPage = null;
    if (page.isRipe) this.#seal(page);
    else if (page.hasGrown) this.#remeasure(page);
  }

  /** Merges a page's minutes upwards and encodes it now, while it is in the processor's cache; it waits for the commit so, in an eighth of the memory. */
  #seal(page: CachedPage): void {
    this.#rollUpMinutes(page);
    const bits = this.#staleMinuteValues.get(page);
    if (bits !== undefined) this.#rollUpMinuteValues(page, bits);
    this.#staleMinuteValues.delete(page);
    page.close(encodeSeconds(page.seconds as SecondsPage).slice());
    this.#remeasure(page);
  }

  #endFold(): void {
    this.#settleFold();
    this.#foldSeries = -1;
    this.#foldHour = Number.NaN;
  }

  #remeasure(page: CachedPage): void {
    const before = page.bytes;
    this.#pages.cache.resize(page);
    if (page.dirty) this.#dirtyBytes += page.bytes - before;
  }

  #markDirty(page: CachedPage): void {
    if (page.dirty) return;
    page.dirty = true;
    this.#dirty.set(page.key, page);
    this.#dirtyBytes += page.bytes;
  }

  /** Merges what was folded upwards: afterwards every bucket but for its values equals the merge of its children. O(changed minutes). */
  #rollUp(): void {
    this.#settleFold();
    for (const page of this.#stale) this.#rollUpMinutes(page);
    let changed = this.#changedMinutes;
    if (changed.size === 0) return;
    this.#changedMinutes = new Set();
    for (let level = 1; level < TOP_LEVEL; level++) {
      const parents = new Set<CachedPage>();
      for (const page of changed) {
        const parent = this.#parent(page);
        const buckets = page.buckets as BucketPage;
        this.#scratch.reset();
        buckets.mergeInto(this.#scratch, 0, buckets.size, true);
        (parent.page.buckets as BucketPage).set(parent.bucket, this.#scratch);
        this.#remeasure(page);
        parents.add(parent.page);
      }
      changed = parents;
    }
    for (const page of changed) this.#remeasure(page);
  }

  /** Merges the seconds of a page's changed minutes into these. */
  #rollUpMinutes(page: CachedPage): void {
    this.#stale.delete(page);
    const seconds = page.seconds as SecondsPage;
    const series = this.#seriesOf(page);
    const firstMinute = pageOf(page.key) * MINUTES_PER_PAGE;
    const hour = Math.floor(firstMinute / BUCKETS_PER_PAGE[1]);
    const minutes = this.#pages.page(series, 1, hour) ?? this.#pages.newPage(series, 1, hour);
    this.#markDirty(minutes);
    this.#changedMinutes.add(minutes);
    for (let m = 0; m < MINUTES_PER_PAGE; m++) {
      if ((seconds.staleMinutes & (1 << m)) === 0) continue;
      this.#scratch.reset();
      const from = m * SECONDS_PER_MINUTE;
      seconds.mergeInto(this.#scratch, from, from + SECONDS_PER_MINUTE, true);
      const buckets = minutes.buckets as BucketPage;
      const bucket = firstMinute + m - hour * BUCKETS_PER_PAGE[1];
      buckets.set(bucket, this.#scratch);
      if (this.#scratch.count > DERIVED_MINUTE_READINGS_MAX) {
        this.#staleMinuteValues.set(page, (this.#staleMinuteValues.get(page) ?? 0) | (1 << m));
      }
    }
    seconds.staleMinutes = 0;
  }

  /** The page and bucket that a page of level 1 to 4 merges into, marked as changed. */
  #parent(page: CachedPage): { page: CachedPage; bucket: number } {
    const series = this.#seriesOf(page);
    const level = page.level + 1;
    const bucket = pageOf(page.key); // a page's number is its parent bucket's
    const number = Math.floor(bucket / BUCKETS_PER_PAGE[level]);
    const parent = this.#pages.page(series, level, number) ?? this.#pages.newPage(series, level, number);
    this.#markDirty(parent);
    return { page: parent, bucket: bucket - number * BUCKETS_PER_PAGE[level] };
  }

  #seriesOf(page: CachedPage): number {
    return seriesOf(page.key);
  }

  /** Merges seconds' values into minutes that keep them, hours' into days, those into 32 days and so on. */
  #rollUpValues(): void {
    this.#endFold();
    for (const [page, bits] of this.#staleMinuteValues) this.#rollUpMinuteValues(page, bits);
    this.#staleMinuteValues.clear();
    for (let level = HOUR_LEVEL; level < TOP_LEVEL; level++) {
      for (const page of this.#staleValues[level]) {
        const parent = this.#parent(page);
        const buckets = page.buckets as BucketPage;
        (parent.page.buckets as BucketPage).setValues(parent.bucket, buckets.mergedValues());
        this.#remeasure(page);
        this.#remeasure(parent.page);
        if (level + 1 < TOP_LEVEL) this.#staleValues[level + 1].add(parent.page);
      }
      this.#staleValues[level].clear();
    }
  }

  #rollUpMinuteValues(page: CachedPage, bits: number): void {
    const seconds = page.readSeconds();
    const firstMinute = pageOf(page.key) * MINUTES_PER_PAGE;
    const hour = Math.floor(firstMinute / BUCKETS_PER_PAGE[1]);
    const minutes = this.#pages.page(this.#seriesOf(page), 1, hour);
    if (minutes === undefined || minutes.buckets === null) return;
    for (let m = 0; m < MINUTES_PER_PAGE; m++) {
      if ((bits & (1 << m)) === 0) continue;
      const values = new Distribution();
      seconds.mergeValues(values, m * SECONDS_PER_MINUTE, (m + 1) * SECONDS_PER_MINUTE);
      minutes.buckets.setValues(firstMinute + m - hour * BUCKETS_PER_PAGE[1], values);
    }
    this.#remeasure(minutes);
  }

  /** Everything in the window's seconds. O(levels) pages, plus the pages' decoding when they are not cached. */
  query(series: number, window: Window, needs: Needs): Aggregate {
    this.#rollUp();
    if (needs.quantiles) this.#rollUpValues();
    const aggregate = queryWindow(this.#pages, series, window, needs);
    this.#pages.cache.trim(this.#dirtyBytes);
    return aggregate;
  }

  /**
   * Writes all changed pages; call it inside a transaction, then `committed` or `abandoned`.
   * Yields after each page so that a caller can let others run in between (nothing may be folded meanwhile).
   */
  *write(): Generator<number> {
    this.#settleFold();
    for (const page of this.#stale) {
      this.#rollUpMinutes(page);
      yield 0;
    }
    this.#rollUp();
    for (const [page, bits] of this.#staleMinuteValues) {
      this.#rollUpMinuteValues(page, bits);
      this.#staleMinuteValues.delete(page);
      yield 0;
    }
    this.#rollUpValues();
    for (const page of this.#dirty.values()) {
      const bytes = page.isOpen ? this.#encode(page) : (page.encoded as Uint8Array);
      this.#pages.store(page, bytes);
      if (page.isOpen) page.encoded = this.#isKept(page) ? bytes.slice() : null;
      yield bytes.length;
    }
  }

  /** @returns bytes that are valid until another page is encoded */
  #encode(page: CachedPage): Uint8Array {
    return page.seconds !== null ? encodeSeconds(page.seconds) : encodeBuckets(page.key, page.buckets as BucketPage);
  }

  /** Seconds that nobody has asked for, before the newest, are not worth their memory: a backfill is full of them. */
  #isKept(page: CachedPage): boolean {
    return page.level > 0 || page.isRead || this.#pages.isNewest(page);
  }

  /** The transaction of `write` is committed. */
  committed(): void {
    for (const page of this.#dirty.values()) {
      page.dirty = false;
      if (page.encoded === null || !this.#isKept(page)) this.#pages.cache.drop(page);
      else {
        page.close(page.encoded);
        this.#pages.cache.resize(page);
      }
    }
    this.#dirty.clear();
    this.#dirtyBytes = 0;
    this.#pages.cache.trim(this.#dirtyBytes);
  }

  /** Deletes all pages that end before `second`, inside a transaction. @returns pages deleted */
  expire(series: number, second: number): number {
    let deleted = 0;
    for (let level = 0; level <= TOP_LEVEL; level++) {
      const pageSeconds = STEP_SECONDS[level] * BUCKETS_PER_PAGE[level];
      const end = pageKey(series, level, Math.floor(second / pageSeconds));
      const result = this.#deleteRange.run(pageKey(series, level, FIRST_PAGE), end);
      deleted += Number(result.changes);
    }
    return deleted;
  }

  /** Lets go of cached pages of a level-and-series range that `expire` deleted. */
  forget(series: number, second: number): void {
    this.#endFold();
    for (const page of this.#pages.cache.pages()) {
      if (this.#seriesOf(page) !== series) continue;
      const pageSeconds = STEP_SECONDS[page.level] * BUCKETS_PER_PAGE[page.level];
      if ((pageOf(page.key) + 1) * pageSeconds <= second && !page.dirty) this.#pages.cache.drop(page);
    }
  }
}
