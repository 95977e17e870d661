/**
 * What changes in one series between two commits: readings are folded into level 0, and merged upwards when somebody looks or commits.
 *
 * A reading is folded into its second and, for the quantiles, into its hour; every other bucket is the merge of its children and is
 * made anew from them when they changed. Sums are exact, so it does not matter when, how often or in what order that happens.
 */
import type { Window } from "../core/window.ts";
import { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import type { Backlog } from "./backlog.ts";
import type { BucketPage } from "./bucket-page.ts";
import { encodeBuckets } from "./buckets-codec.ts";
import { SecondOrder } from "./by-second.ts";
import {
  BUCKETS_PER_PAGE,
  MINUTES_PER_PAGE,
  pageOf,
  SECONDS_PER_MINUTE,
  SECONDS_PER_PAGE,
  TOP_LEVEL,
} from "./levels.ts";
import type { CachedPage } from "./page-cache.ts";
import type { PageTable } from "./page-table.ts";
import type { ReadingRun } from "./reading-run.ts";
import { SecondRange } from "./second-range.ts";
import { encodeSeconds } from "./seconds-codec.ts";
import type { SecondsPage } from "./seconds-page.ts";

/** Minutes with more readings than this keep their values; others derive them from their seconds, at 240 steps. */
const DERIVED_MINUTE_READINGS_MAX = 240;

/** A page that was left is not returned to, when so many readings came since: the latest ones, and duplicates of them, are late by less. */
const LEFT_READINGS = 16_384;
/** With more bytes than this waiting for the commit a page is encoded as soon as it is left: three quarters of what may wait. */
const PRESSING_BYTES = 24 * 1024 * 1024;
/** The same while readings are folded that were put off: they are of most pages, and take memory themselves. */
const PRESSING_BYTES_BEHIND = 12 * 1024 * 1024;

/** A batch with fewer readings than this for each of its pages is put off: where it presses from so many pages on, else where all of them might. */
const PUT_OFF_READINGS = 12;
const PUT_OFF_PAGES = 128;
const OPEN_PAGES_MAX = 800;

const HOUR_LEVEL = 2;
const SECONDS_PER_HOUR = 3600;

/** Where buckets are merged: one at a time. */
const scratch = new Aggregate({ sums: true, quantiles: false });

/** Where batches are put in order. */
const order = new SecondOrder();

export class SeriesChanges {
  readonly #series: number;
  readonly #pages: PageTable;
  readonly #backlog: Backlog;
  /** The backlog is being folded: pages that are left are sealed when it presses, ripe or not. */
  #isCatchingUp = false;
  readonly #dirty: CachedPage[] = [];
  /** Level-0 pages with minutes that were not merged upwards yet. */
  readonly #stale = new Set<CachedPage>();
  /** Level-1 pages with minutes whose hour was not merged yet. */
  #changedMinutes = new Set<CachedPage>();
  /** Level-0 pages and the bits of their minutes whose own values are out of date (minutes that keep some). */
  readonly #staleMinuteValues = new Map<CachedPage, number>();
  /** Pages of each level (2 to 4) whose parent bucket's values are out of date. */
  readonly #staleValues = new Map<number, Set<CachedPage>>();
  /** What is not merged upwards yet: buckets outside of it equal the merge of their children. */
  readonly #unmerged = new SecondRange();
  /** The same of their values. */
  readonly #unmergedValues = new SecondRange();
  /** Open pages that are ripe, the one left longest first, and how many readings were folded when they were left. */
  readonly #left = new Map<CachedPage, number>();
  #folded = 0;
  /** How many were when an older page was turned to for the last time: then pages that are left stay open for a while. */
  #foldedAtReturn = Number.NEGATIVE_INFINITY;
  #newestPage = Number.NEGATIVE_INFINITY;
  /** The page that is folded into, and the hour's values. */
  #foldPage: CachedPage | null = null;
  #foldHour = Number.NaN;
  #foldValues: Distribution | null = null;

  /** @param backlog empty, or of this series, whenever readings of it are folded */
  constructor(series: number, pages: PageTable, backlog: Backlog) {
    this.#series = series;
    this.#pages = pages;
    this.#backlog = backlog;
  }

  /** As `History.foldRun`. */
  foldRun(run: ReadingRun): void {
    const { count } = run;
    if (!order.sort(run)) this.#foldOrdered(run, 0, count);
    else if (order.pages < this.#pagesAtOnce() || count >= PUT_OFF_READINGS * order.pages) {
      this.#foldOrdered(order.run, 0, count);
    } else if (this.#backlog.hasRoomFor(count)) {
      this.#backlog.add(run);
      this.#changed(Math.floor(run.earliest / 1000), Math.floor(run.latest / 1000) + 1);
    } else {
      this.foldBacklog();
      this.#foldOrdered(order.run, 0, count);
    }
  }

  /** Readings of the seconds [start, end) came. */
  #changed(start: number, end: number): void {
    this.#unmerged.add(start, end);
    this.#unmergedValues.add(start, end);
  }

  #pagesAtOnce(): number {
    return this.#pages.dirtyBytes > PRESSING_BYTES ? PUT_OFF_PAGES : OPEN_PAGES_MAX;
  }

  /**
   * Whether a window reads buckets (`plan`) that differ from the merge of their children. Beside all that changed it does not: the buckets
   * that it reads lie within it, each with all its children.
   */
  reaches(window: Window, withValues: boolean): boolean {
    return this.#unmerged.overlaps(window) || (withValues && this.#unmergedValues.overlaps(window));
  }

  /** Folds what was put off. */
  foldBacklog(): void {
    while (this.foldBacklogSlice()) {
      // somebody looks, and waits for all of it
    }
  }

  /** Folds some of it. @returns false when there was nothing */
  foldBacklogSlice(): boolean {
    this.#isCatchingUp = true;
    const wasSome = this.#backlog.foldSlice((run, from, to) => this.#foldOrdered(run, from, to));
    this.#settleFold();
    this.#isCatchingUp = false;
    return wasSome;
  }

  #foldOrdered(run: ReadingRun, from: number, to: number): void {
    const { time, value } = run;
    let seconds = this.#foldPage?.seconds ?? null;
    for (let row = from; row < to; ) {
      const first = row;
      if (seconds !== null) row = seconds.foldRows(run, row, to);
      if (row > first) this.#foldValues?.addColumn(value, first, row);
      else seconds = this.#turnTo(Math.floor(time[row] / 1000));
    }
    this.#folded += to - from;
    if (this.#foldPage?.hasGrown) this.#pages.remeasure(this.#foldPage);
    this.#sealLeft();
  }

  /** Makes the page and hour of `second` the ones that are folded into. */
  #turnTo(second: number): SecondsPage {
    this.#settleFold();
    const number = Math.floor(second / SECONDS_PER_PAGE);
    const page = this.#open(0, number);
    this.#stale.add(page);
    this.#changed(number * SECONDS_PER_PAGE, (number + 1) * SECONDS_PER_PAGE);
    this.#left.delete(page);
    if (number < this.#newestPage) this.#foldedAtReturn = this.#folded;
    else this.#newestPage = number;
    this.#foldPage = page;
    const hour = Math.floor(second / SECONDS_PER_HOUR);
    if (hour !== this.#foldHour) {
      const day = Math.floor(hour / BUCKETS_PER_PAGE[HOUR_LEVEL]);
      const hours = this.#open(HOUR_LEVEL, day);
      this.#valuesChanged(hours);
      this.#foldValues = (hours.buckets as BucketPage).valuesOf(hour - day * BUCKETS_PER_PAGE[HOUR_LEVEL]);
      this.#foldHour = hour;
    }
    return page.seconds as SecondsPage;
  }

  /** A page for changing. */
  #open(level: number, number: number): CachedPage {
    const page = this.#pages.page(this.#series, level, number) ?? this.#pages.newPage(this.#series, level, number);
    if (this.#pages.markDirty(page)) this.#dirty.push(page);
    return page;
  }

  /** Turns away from the page that was folded into: it may be committed and dropped now. */
  #settleFold(): void {
    const page = this.#foldPage;
    if (page === null) return;
    this.#foldPage = null;
    if (this.#isCatchingUp && this.#pages.dirtyBytes > PRESSING_BYTES_BEHIND) this.#seal(page);
    else if (!page.isRipe) {
      if (page.hasGrown) this.#pages.remeasure(page);
    } else if (this.#folded - this.#foldedAtReturn >= LEFT_READINGS) this.#seal(page);
    else {
      this.#pages.remeasure(page);
      this.#left.set(page, this.#folded);
      if (this.#pages.dirtyBytes > PRESSING_BYTES) this.#sealLeft();
    }
  }

  /** Seals ripe pages that are not likely to be returned to, or all of them when it presses. */
  #sealLeft(): void {
    for (const [page, folded] of this.#left) {
      if (this.#folded - folded < LEFT_READINGS && this.#pages.dirtyBytes <= PRESSING_BYTES) return;
      this.#left.delete(page);
      this.#seal(page);
    }
  }

  /** Merges a page's minutes upwards and encodes it before the commit does, while it may be in the processor's cache; it waits for the commit so, in an eighth of the memory. */
  #seal(page: CachedPage): void {
    this.#rollUpMinutes(page);
    const bits = this.#staleMinuteValues.get(page);
    if (bits !== undefined) this.#rollUpMinuteValues(page, bits);
    this.#staleMinuteValues.delete(page);
    page.close(encodeSeconds(page.seconds as SecondsPage).slice());
    this.#pages.remeasure(page);
  }

  /** Nothing is folded into any page any more. */
  #endFold(): void {
    this.#settleFold();
    this.#foldHour = Number.NaN;
  }

  /** Merges what was folded upwards: afterwards every bucket but for its values equals the merge of its children. O(changed minutes). */
  rollUp(): void {
    this.#settleFold();
    for (const page of this.#stale) this.#rollUpMinutes(page);
    this.#unmerged.clear();
    let changed = this.#changedMinutes;
    if (changed.size === 0) return;
    this.#changedMinutes = new Set();
    for (let level = 1; level < TOP_LEVEL; level++) {
      const parents = new Set<CachedPage>();
      for (const page of changed) {
        const parent = this.#parent(page);
        const buckets = page.buckets as BucketPage;
        scratch.reset();
        buckets.mergeInto(scratch, 0, buckets.size, true);
        (parent.page.buckets as BucketPage).set(parent.bucket, scratch);
        this.#pages.remeasure(page);
        parents.add(parent.page);
      }
      changed = parents;
    }
    for (const page of changed) this.#pages.remeasure(page);
  }

  /** Merges the seconds of a page's changed minutes into these. */
  #rollUpMinutes(page: CachedPage): void {
    this.#stale.delete(page);
    const seconds = page.seconds as SecondsPage;
    const firstMinute = pageOf(page.key) * MINUTES_PER_PAGE;
    const hour = Math.floor(firstMinute / BUCKETS_PER_PAGE[1]);
    const minutes = this.#open(1, hour);
    this.#changedMinutes.add(minutes);
    for (let m = 0; m < MINUTES_PER_PAGE; m++) {
      if ((seconds.staleMinutes & (1 << m)) === 0) continue;
      scratch.reset();
      const from = m * SECONDS_PER_MINUTE;
      seconds.mergeInto(scratch, from, from + SECONDS_PER_MINUTE, true);
      const buckets = minutes.buckets as BucketPage;
      const bucket = firstMinute + m - hour * BUCKETS_PER_PAGE[1];
      buckets.set(bucket, scratch);
      if (scratch.count > DERIVED_MINUTE_READINGS_MAX) {
        this.#staleMinuteValues.set(page, (this.#staleMinuteValues.get(page) ?? 0) | (1 << m));
      }
    }
    seconds.staleMinutes = 0;
  }

  /** The page and bucket that a page of level 1 to 4 merges into, marked as changed. */
  #parent(page: CachedPage): { page: CachedPage; bucket: number } {
    const level = page.level + 1;
    const bucket = pageOf(page.key); // a page's number is its parent bucket's
    const number = Math.floor(bucket / BUCKETS_PER_PAGE[level]);
    const parent = this.#open(level, number);
    return { page: parent, bucket: bucket - number * BUCKETS_PER_PAGE[level] };
  }

  /** Merges seconds' values into minutes that keep them, hours' into days, those into 32 days and so on. */
  rollUpValues(): void {
    this.#endFold();
    for (const [page, bits] of this.#staleMinuteValues) this.#rollUpMinuteValues(page, bits);
    this.#staleMinuteValues.clear();
    for (let level = HOUR_LEVEL; level < TOP_LEVEL; level++) {
      for (const page of this.#staleValues.get(level) ?? []) {
        const parent = this.#parent(page);
        const buckets = page.buckets as BucketPage;
        (parent.page.buckets as BucketPage).setValues(parent.bucket, buckets.mergedValues());
        this.#pages.remeasure(page);
        this.#pages.remeasure(parent.page);
        if (level + 1 < TOP_LEVEL) this.#valuesChanged(parent.page);
      }
    }
    this.#staleValues.clear();
    this.#unmergedValues.clear();
  }

  #valuesChanged(page: CachedPage): void {
    const pages = this.#staleValues.get(page.level);
    if (pages === undefined) this.#staleValues.set(page.level, new Set([page]));
    else pages.add(page);
  }

  #rollUpMinuteValues(page: CachedPage, bits: number): void {
    const seconds = page.readSeconds();
    const firstMinute = pageOf(page.key) * MINUTES_PER_PAGE;
    const hour = Math.floor(firstMinute / BUCKETS_PER_PAGE[1]);
    const minutes = this.#open(1, hour);
    const buckets = minutes.buckets as BucketPage;
    for (let m = 0; m < MINUTES_PER_PAGE; m++) {
      if ((bits & (1 << m)) === 0) continue;
      const values = new Distribution();
      seconds.mergeValues(values, m * SECONDS_PER_MINUTE, (m + 1) * SECONDS_PER_MINUTE);
      buckets.setValues(firstMinute + m - hour * BUCKETS_PER_PAGE[1], values);
    }
    this.#pages.remeasure(minutes);
  }

  /**
   * Merges everything upwards and writes the changed pages, inside a transaction. Each is encoded from then on, and stays so until
   * the next reading or `committed`. Yields the bytes of each page, so that a caller can let others run in between.
   */
  *write(): Generator<number> {
    this.#settleFold();
    this.#left.clear();
    for (const page of this.#stale) {
      this.#rollUpMinutes(page);
      yield 0;
    }
    this.rollUp();
    for (const [page, bits] of this.#staleMinuteValues) {
      this.#rollUpMinuteValues(page, bits);
      this.#staleMinuteValues.delete(page);
      yield 0;
    }
    this.rollUpValues();
    for (const page of this.#dirty) {
      if (page.isOpen) {
        page.close(encode(page).slice());
        this.#pages.remeasure(page);
      }
      const bytes = page.encoded as Uint8Array;
      this.#pages.store(page, bytes);
      yield bytes.length;
    }
  }

  /** What was written is committed. */
  committed(): void {
    for (const page of this.#dirty) this.#pages.markClean(page);
  }
}

/** @returns bytes that are valid until another page is encoded */
function encode(page: CachedPage): Uint8Array {
  return page.seconds !== null ? encodeSeconds(page.seconds) : encodeBuckets(page.key, page.buckets as BucketPage);
}
