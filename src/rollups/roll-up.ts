/**
 * Merges what changed in one series upwards, for a query or a commit. There are two ladders, as few queries need the second:
 * numbers (all but values) climb from seconds over minutes to 1,024 days; values from minutes, which keep or derive theirs, over hours.
 *
 * Each step is noted when the one below is done: `changed` (readings came for these seconds) → `minutes` (a page of seconds is merged
 * into its minutes) → `numbers` (all levels above) and, beside it, `minuteValues` → `values`. A bucket is always made anew from all of
 * its children, so a second may lose readings as well as get some, and the order and number of these steps do not matter.
 */
import type { Window } from "../core/window.ts";
import { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import type { BucketPage } from "./bucket-page.ts";
import {
  BUCKETS_PER_PAGE,
  HOUR_LEVEL,
  levelOf,
  MINUTES_PER_PAGE,
  pageOf,
  SECONDS_PER_MINUTE,
  STEP_SECONDS,
  TOP_LEVEL,
} from "./levels.ts";
import { addMinuteValues, DERIVED_MINUTE_READINGS_MAX } from "./minute-values.ts";
import type { CachedPage } from "./page-cache.ts";
import type { PageTable } from "./page-table.ts";
import { SecondRange } from "./second-range.ts";
import type { SecondsPage } from "./seconds-page.ts";

const MINUTES_PER_HOUR = BUCKETS_PER_PAGE[1];

/** Scratch aggregate: buckets are merged in it one at a time. */
const scratch = new Aggregate({ sums: true, quantiles: false });

const PAGES_PER_HOUR = MINUTES_PER_HOUR / MINUTES_PER_PAGE;
const ALL_PAGES = (1 << PAGES_PER_HOUR) - 1;

/** A page of seconds as a bit of its hour. */
function pageBit({ key }: CachedPage): number {
  const number = pageOf(key);
  return 1 << (number - Math.floor(number / PAGES_PER_HOUR) * PAGES_PER_HOUR);
}

/** The second after a page's last. */
export function endOf({ key, level }: CachedPage): number {
  return (pageOf(key) + 1) * BUCKETS_PER_PAGE[level] * STEP_SECONDS[level];
}

/** Opens a page of the series for changing. */
type Open = (level: number, number: number) => CachedPage;

/** Knows what of one series is not merged upwards yet, and merges it. Created when a series changes, discarded by its commit. */
export class RollUp {
  readonly #series: number;
  readonly #pages: PageTable;
  readonly #open: Open;
  /** Pages of minutes with some whose hour was not merged yet. */
  #changedMinutes = new Set<CachedPage>();
  /** Pages of seconds and the bits of their minutes whose own values are out of date (minutes that keep some). */
  readonly #staleMinutes = new Map<CachedPage, number>();
  /** Hours whose values are out of date, since the epoch. */
  readonly #staleHours = new Set<number>();
  /** The hour whose pages are closed one after the other, which of them were, as bits, and their values; NaN: none. */
  #gatheredHour = Number.NaN;
  #gatheredPages = 0;
  #gathered = new Distribution();
  /** Pages of each level, from hours on, whose values are not in their parent bucket. */
  readonly #staleValues = STEP_SECONDS.map(() => new Set<CachedPage>());
  /** What is not merged upwards yet: numbers, and values by the level of the buckets. Buckets outside equal the merge of their children. */
  readonly #unmerged = new SecondRange();
  readonly #unmergedValues = STEP_SECONDS.map(() => new SecondRange());
  /** Pages of each level that was the top, until all of them are merged into the level above. */
  readonly #risen = STEP_SECONDS.map(() => new Set<CachedPage>());

  constructor(series: number, pages: PageTable, open: Open) {
    this.#series = series;
    this.#pages = pages;
    this.#open = open;
  }

  get #top(): number {
    return this.#pages.topOf(this.#series).level;
  }

  /** Opens a page of buckets. Where it is one too many for the top, all pages of that level are to be merged into the one above. */
  #openBuckets(level: number, number: number): CachedPage {
    const page = this.#open(level, number);
    if (!this.#pages.isTopFull(this.#series, level)) return page;
    const seconds = BUCKETS_PER_PAGE[level] * STEP_SECONDS[level];
    for (const other of this.#pages.raise(this.#series)) {
      const risen = this.#open(level, other);
      this.#risen[level].add(risen);
      if (level < HOUR_LEVEL) this.#staleHours.add(other);
      else this.#staleValues[level].add(risen);
      this.changed(other * seconds, (other + 1) * seconds);
    }
    return page;
  }

  /** Readings were added to, or removed from, the seconds [start, end). */
  changed(start: number, end: number): void {
    this.#unmerged.add(start, end);
    for (let level = 1; level <= TOP_LEVEL; level++) this.#unmergedValues[level].add(start, end);
  }

  /**
   * Whether a window reads buckets (`plan`) that differ from the merge of their children. A window apart from all changes does not: the
   * buckets that it reads lie within it, each with all its children.
   */
  reaches(window: Window, withValues: boolean): boolean {
    return this.#unmerged.overlaps(window) || (withValues && this.#reachedLevel(window) > 0);
  }

  /** The highest level whose unmerged values a window reads, as it covers a whole bucket there; 0: none. The running hour, and its day, are never covered. */
  #reachedLevel({ start, end }: Window): number {
    for (let level = TOP_LEVEL; level > 0; level--) {
      const step = STEP_SECONDS[level];
      const whole = { start: Math.ceil(start / step) * step, end: Math.floor(end / step) * step };
      if (whole.start < whole.end && this.#unmergedValues[level].overlaps(whole)) return level;
    }
    return 0;
  }

  /** Merges the seconds of a page's changed minutes into these. */
  minutes(page: CachedPage): void {
    const seconds = page.seconds as SecondsPage;
    const firstMinute = pageOf(page.key) * MINUTES_PER_PAGE;
    const hour = Math.floor(firstMinute / MINUTES_PER_HOUR);
    const minutes = this.#openBuckets(1, hour);
    const buckets = minutes.buckets as BucketPage;
    this.#changedMinutes.add(minutes);
    this.#staleHours.add(hour);
    if (hour === this.#gatheredHour && (this.#gatheredPages & pageBit(page)) !== 0) this.#gatheredHour = Number.NaN;
    let stale = this.#staleMinutes.get(page) ?? 0;
    for (let m = 0; m < MINUTES_PER_PAGE; m++) {
      if ((seconds.staleMinutes & (1 << m)) === 0) continue;
      scratch.reset();
      const from = m * SECONDS_PER_MINUTE;
      seconds.mergeInto(scratch, from, from + SECONDS_PER_MINUTE, true);
      const bucket = firstMinute + m - hour * MINUTES_PER_HOUR;
      buckets.set(bucket, scratch);
      if (scratch.count > DERIVED_MINUTE_READINGS_MAX) stale |= 1 << m;
      else {
        stale &= ~(1 << m);
        buckets.dropValues(bucket);
      }
    }
    if (stale !== 0) this.#staleMinutes.set(page, stale);
    else this.#staleMinutes.delete(page);
    seconds.staleMinutes = 0;
  }

  /** After all pages' `minutes`: merges these upwards. Every bucket but for its values then equals the merge of its children. */
  numbers(): void {
    this.#unmerged.clear();
    let changed = this.#changedMinutes;
    this.#changedMinutes = new Set();
    for (let level = 1; level < this.#top; level++) {
      for (const page of this.#risen[level]) changed.add(page);
      this.#risen[level].clear();
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

  /** The page and bucket that a page of level 1 to 4 merges into, marked as changed. */
  #parent(page: CachedPage): { page: CachedPage; bucket: number } {
    const level = page.level + 1;
    const bucket = pageOf(page.key); // a page's number is its parent bucket's
    const number = Math.floor(bucket / BUCKETS_PER_PAGE[level]);
    const parent = this.#openBuckets(level, number);
    return { page: parent, bucket: bucket - number * BUCKETS_PER_PAGE[level] };
  }

  /** After `minutes` of the page: merges its seconds' values into minutes that keep them. */
  minuteValues(page: CachedPage): void {
    const stale = this.#staleMinutes.get(page);
    if (stale === undefined) return;
    this.#staleMinutes.delete(page);
    const seconds = page.readSeconds();
    const firstMinute = pageOf(page.key) * MINUTES_PER_PAGE;
    const hour = Math.floor(firstMinute / MINUTES_PER_HOUR);
    const minutes = this.#open(1, hour);
    const buckets = minutes.buckets as BucketPage;
    for (let m = 0; m < MINUTES_PER_PAGE; m++) {
      if ((stale & (1 << m)) === 0) continue;
      const values = new Distribution();
      seconds.mergeValues(values, m * SECONDS_PER_MINUTE, (m + 1) * SECONDS_PER_MINUTE);
      buckets.setValues(firstMinute + m - hour * MINUTES_PER_HOUR, values);
    }
    this.#pages.remeasure(minutes);
  }

  /**
   * Called before a page is closed: merges its minutes, and gathers its values for its hour while they are at hand. An hour whose pages
   * are all closed in a row (readings in order) then need not be merged from the closed pages.
   */
  close(page: CachedPage): void {
    this.minutes(page);
    this.minuteValues(page);
    if (this.#top < HOUR_LEVEL) return;
    const firstMinute = pageOf(page.key) * MINUTES_PER_PAGE;
    const hour = Math.floor(firstMinute / MINUTES_PER_HOUR);
    if (hour !== this.#gatheredHour) {
      this.#gatheredHour = hour;
      this.#gatheredPages = 0;
      this.#gathered = new Distribution();
    }
    const minutes = this.#open(1, hour);
    const end = firstMinute + MINUTES_PER_PAGE;
    addMinuteValues(this.#pages, this.#gathered, this.#series, minutes, firstMinute, end, null);
    this.#gatheredPages |= pageBit(page);
    if (this.#gatheredPages !== ALL_PAGES) return;
    this.#gatheredHour = Number.NaN;
    this.#staleHours.delete(hour);
    this.#setHourValues(hour, this.#gathered);
  }

  /** After `numbers`: merges the values that a window reads. */
  valuesFor(window: Window): void {
    const steps = this.values(this.#reachedLevel(window));
    while (steps.next().done !== true) {
      // a query waits for all of it
    }
  }

  *#allMinuteValues(): Generator<number> {
    for (const page of this.#staleMinutes.keys()) {
      this.minuteValues(page);
      yield 0;
    }
    this.#unmergedValues[1].clear();
  }

  /**
   * After `numbers`: merges all values, minutes' into hours, hours' into days and so on. Yields 0 between two steps; a query
   * in between merges its share, and the rest follows.
   * @param upTo the highest level whose buckets get theirs, where there is such a level
   */
  *values(upTo: number = TOP_LEVEL): Generator<number> {
    const highest = Math.min(upTo, this.#top);
    if (highest > 0) yield* this.#allMinuteValues();
    if (highest < HOUR_LEVEL) return;
    for (const hour of this.#staleHours) {
      this.#staleHours.delete(hour);
      this.#hourValues(hour);
      yield 0;
    }
    this.#unmergedValues[HOUR_LEVEL].clear();
    for (let level = HOUR_LEVEL; level < highest; level++) {
      const pages = this.#staleValues[level];
      for (const page of pages) {
        pages.delete(page);
        const parent = this.#parent(page);
        (parent.page.buckets as BucketPage).setValues(parent.bucket, (page.buckets as BucketPage).mergedValues());
        this.#pages.remeasure(page);
        this.#staleValues[level + 1].add(parent.page);
        yield 0;
      }
      this.#unmergedValues[level + 1].clear();
    }
    for (const page of this.#staleValues[highest]) this.#pages.remeasure(page);
  }

  /**
   * After all is merged: empties the buckets that end before a UTC midnight, in pages that reach past it, and merges those pages anew.
   * Only for days and longer: pages of the levels below end with the day.
   */
  dropBefore(second: number): void {
    let isChanged = false;
    for (let level = HOUR_LEVEL + 1; level <= TOP_LEVEL; level++) {
      const bucket = Math.floor(second / STEP_SECONDS[level]);
      const number = Math.floor(bucket / BUCKETS_PER_PAGE[level]);
      const before = bucket - number * BUCKETS_PER_PAGE[level];
      const page = this.#pages.find(this.#series, level, number, null);
      if (page === undefined) continue;
      scratch.reset();
      page.readBuckets().mergeInto(scratch, 0, before, false);
      if (scratch.count === 0 && !isChanged) continue;
      isChanged = true;
      const buckets = this.#open(level, number).buckets as BucketPage;
      for (let i = 0; i < before; i++) buckets.clear(i);
      if (level < this.#top) this.#mergeWhole(page);
      this.#pages.remeasure(page);
    }
  }

  /**
   * After all is merged: empties the levels above the lowest one that has few pages left. The commit deletes them, as any page
   * without readings.
   * @param changed pages that are not as in the file @param isGone whether one of these goes
   */
  lower(changed: readonly CachedPage[], isGone: (page: CachedPage) => boolean): void {
    const top = this.#pages.topWith(this.#series, changed, isGone);
    if (top.level === this.#pages.topOf(this.#series).level) return;
    const above = changed.filter((page) => page.level > top.level);
    for (const key of this.#pages.keysAbove(this.#series, top.level)) {
      above.push(this.#open(levelOf(key), pageOf(key)));
    }
    for (const page of above) {
      page.empty();
      this.#pages.remeasure(page);
    }
    this.#pages.lower(this.#series, top);
  }

  /** Merges a page of buckets into its parent, numbers and values. */
  #mergeWhole(page: CachedPage): void {
    const { page: parent, bucket } = this.#parent(page);
    const buckets = page.buckets as BucketPage;
    scratch.reset();
    buckets.mergeInto(scratch, 0, buckets.size, true);
    (parent.buckets as BucketPage).set(bucket, scratch);
    (parent.buckets as BucketPage).setValues(bucket, buckets.mergedValues());
  }

  /** Merges the values of an hour's minutes. */
  #hourValues(hour: number): void {
    const minutes = this.#pages.find(this.#series, 1, hour, null);
    const values = new Distribution(true);
    if (minutes !== undefined) {
      const first = hour * MINUTES_PER_HOUR;
      addMinuteValues(this.#pages, values, this.#series, minutes, first, first + MINUTES_PER_HOUR, null);
    }
    this.#setHourValues(hour, values);
  }

  #setHourValues(hour: number, values: Distribution): void {
    const day = Math.floor(hour / BUCKETS_PER_PAGE[HOUR_LEVEL]);
    const hours = this.#openBuckets(HOUR_LEVEL, day);
    (hours.buckets as BucketPage).setValues(hour - day * BUCKETS_PER_PAGE[HOUR_LEVEL], values.encoded());
    this.#staleValues[HOUR_LEVEL].add(hours);
  }
}
