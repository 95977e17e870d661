/**
 * Merges a series upwards once more, from its seconds to its top, and compares each page with the one that is stored. A page is compared
 * with the merge of what its children should hold, so one wrong second is not told again at each level above it.
 */
import { messageOf } from "../core/errors.ts";
import { Aggregate } from "../metrics/aggregate.ts";
import { Distribution, renewed } from "../metrics/distribution.ts";
import { BucketPage } from "../rollups/bucket-page.ts";
import { EncodedBuckets, encodeBuckets } from "../rollups/buckets-codec.ts";
import {
  BUCKETS_PER_PAGE,
  HOUR_LEVEL,
  MINUTES_PER_PAGE,
  pageKey,
  SECONDS_PER_MINUTE,
  SECONDS_PER_PAGE,
  STEP_SECONDS,
} from "../rollups/levels.ts";
import { DERIVED_MINUTE_READINGS_MAX } from "../rollups/minute-values.ts";
import type { SecondsPage } from "../rollups/seconds-page.ts";
import { checksumFault, differenceTexts, isSameAggregate } from "./pages.ts";

const PAGES_PER_HOUR = BUCKETS_PER_PAGE[1] / MINUTES_PER_PAGE;

/** A bucket, or a whole page, that is not as it should be. */
export interface LadderFault {
  readonly level: number;
  /** The page's number. */
  readonly number: number;
  /** First second of the bucket, or of the page. */
  readonly second: number;
  /** It is about the whole page. */
  readonly isPage: boolean;
  /** The page cannot be read. */
  readonly isDamaged: boolean;
  /** Another page takes its place. */
  readonly isRepaired: boolean;
  readonly stored: string;
  readonly expected: string;
}

/** Where the ladder reads, and whom it tells. */
export interface LadderOptions {
  readonly series: number;
  /** The highest level that there must be, and no page is stored above. */
  readonly top: number;
  /** Values that an older version cut to fewer bits are believed, as long as they are as many. */
  readonly isOlder: boolean;
  /** The bytes of a page that is stored. */
  readonly find: (key: number) => Uint8Array | null;
  /** Numbers of the stored pages of a level, ascending. */
  readonly numbers: (level: number) => Iterator<number>;
  readonly onFault: (fault: LadderFault) => void;
  /** A page is to be replaced by these bytes, or (null) to be deleted. */
  readonly onRepair: (key: number, bytes: Uint8Array | null) => void;
}

interface Rung {
  readonly level: number;
  number: number;
  page: BucketPage;
  /** Something below could not be read: what is stored is believed. */
  isUnknown: boolean;
  readonly stored: Iterator<number>;
  next: number;
}

const scratch = new Aggregate({ sums: true, quantiles: false });
const encoded = new EncodedBuckets();

/** Takes the pages of level 0 in order, then `end`. The total of all is in `total` then. */
export class Ladder {
  readonly #options: LadderOptions;
  /** By level, from 1 on. */
  readonly #rungs: Rung[] = [];
  #hourValues = new Distribution(true);
  readonly total = new Aggregate({ sums: false, quantiles: false });

  constructor(options: LadderOptions) {
    this.#options = options;
    for (let level = 1; level <= options.top; level++) {
      const stored = options.numbers(level);
      const page = new BucketPage(BUCKETS_PER_PAGE[level]);
      this.#rungs.push({ level, number: Number.NaN, page, isUnknown: false, stored, next: next(stored) });
    }
  }

  /** @param seconds of a page; null: it is there and cannot be read, or recomputed */
  take(number: number, seconds: SecondsPage | null): void {
    if (this.#options.top === 0) {
      scratch.reset();
      seconds?.mergeInto(scratch, 0, SECONDS_PER_PAGE, false);
      this.total.merge(scratch);
      return;
    }
    const hour = Math.floor(number / PAGES_PER_HOUR);
    const rung = this.#turn(1, hour);
    if (seconds === null) {
      rung.isUnknown = true;
      return;
    }
    const first = number * MINUTES_PER_PAGE - hour * BUCKETS_PER_PAGE[1];
    for (let m = 0; m < MINUTES_PER_PAGE; m++) {
      const [from, to] = [m * SECONDS_PER_MINUTE, (m + 1) * SECONDS_PER_MINUTE];
      scratch.reset();
      seconds.mergeInto(scratch, from, to, true);
      if (scratch.count === 0) continue;
      rung.page.set(first + m, scratch);
      if (scratch.count > DERIVED_MINUTE_READINGS_MAX) {
        const values = new Distribution();
        seconds.mergeValues(values, from, to);
        rung.page.setValues(first + m, values);
        this.#hourValues.merge(values);
      } else seconds.mergeValues(this.#hourValues, from, to);
    }
  }

  /** After the last page. */
  end(): void {
    for (let level = 1; level <= this.#options.top; level++) this.#turn(level, Number.POSITIVE_INFINITY);
  }

  #turn(level: number, number: number): Rung {
    const rung = this.#rungs[level - 1];
    if (rung.number === number) return rung;
    if (!Number.isNaN(rung.number)) this.#finish(rung);
    this.#tellOrphans(rung, number);
    rung.number = number;
    rung.page = new BucketPage(BUCKETS_PER_PAGE[level]);
    rung.isUnknown = false;
    return rung;
  }

  /** Stored pages before `number` that nothing below calls for. */
  #tellOrphans(rung: Rung, number: number): void {
    for (; rung.next < number; rung.next = next(rung.stored)) {
      const { level } = rung;
      const second = rung.next * BUCKETS_PER_PAGE[level] * STEP_SECONDS[level];
      const fault = { level, number: rung.next, second, isPage: true, isDamaged: false, isRepaired: true };
      this.#options.onFault({ ...fault, stored: "a page", expected: "none: there is nothing of its time below it" });
      this.#options.onRepair(pageKey(this.#options.series, level, rung.next), null);
    }
    if (rung.next === number) rung.next = next(rung.stored);
  }

  #finish(rung: Rung): void {
    const { level, number } = rung;
    const key = pageKey(this.#options.series, level, number);
    const stored = this.#options.find(key);
    if (!rung.isUnknown) {
      this.#compare(rung, key, stored);
      this.#mergeUp(rung, false);
      return;
    }
    const believed = stored === null ? "no page" : openBuckets(key, stored);
    if (typeof believed !== "string") rung.page = believed;
    else if (stored !== null) this.#tellDamage(rung, believed);
    // Pages of minutes do not tell an hour's values.
    this.#mergeUp(rung, typeof believed === "string" || level < HOUR_LEVEL);
  }

  #tellDamage({ level, number }: Rung, fault: string): void {
    const second = number * BUCKETS_PER_PAGE[level] * STEP_SECONDS[level];
    const expected = "what the level below comes to, which cannot be read either";
    const place = { level, number, second, isPage: true };
    this.#options.onFault({ ...place, isDamaged: true, isRepaired: false, stored: fault, expected });
  }

  #mergeUp({ level, number, page }: Rung, isUnknown: boolean): void {
    const hourValues = this.#hourValues;
    if (level === 1) this.#hourValues = new Distribution(true);
    scratch.reset();
    page.mergeInto(scratch, 0, page.size, true);
    if (level === this.#options.top) {
      this.total.merge(scratch);
      return;
    }
    const sums = new Aggregate({ sums: true, quantiles: false });
    sums.merge(scratch);
    const values = level === 1 ? hourValues.encoded() : page.mergedValues();
    const parentNumber = Math.floor(number / BUCKETS_PER_PAGE[level + 1]);
    const parent = this.#turn(level + 1, parentNumber);
    const bucket = number - parentNumber * BUCKETS_PER_PAGE[level + 1];
    if (isUnknown) parent.isUnknown = true;
    if (sums.count === 0) return;
    parent.page.set(bucket, sums);
    parent.page.setValues(bucket, values);
  }

  #compare({ level, number, page }: Rung, key: number, stored: Uint8Array | null): void {
    const { onFault, onRepair } = this.#options;
    const expected = page.isEmpty ? null : encodeBuckets(key, page);
    if (expected === null && stored === null) return;
    if (expected !== null && stored !== null && Buffer.compare(expected, stored) === 0) return;
    const bytes = expected?.slice() ?? null;
    const opened = stored === null ? new BucketPage(page.size) : openBuckets(key, stored);
    const second = number * BUCKETS_PER_PAGE[level] * STEP_SECONDS[level];
    if (typeof opened === "string") {
      const fault = { level, number, second, isPage: true, isDamaged: true, isRepaired: true, stored: opened };
      onFault({ ...fault, expected: "what the level below comes to" });
      onRepair(key, bytes);
      return;
    }
    let isDifferent = false;
    for (let i = 0; i < page.size; i++) {
      const [a, b] = [bucketOf(opened, i), bucketOf(page, i)];
      if (isSameAggregate(a, b, true) && isSameValues(opened, page, i, this.#options.isOlder)) continue;
      isDifferent = true;
      const texts = differenceTexts(a, b, true);
      const place = { level, number, second: second + i * STEP_SECONDS[level], isPage: false };
      onFault({ ...place, isDamaged: false, isRepaired: true, ...texts });
    }
    // Equal content in other bytes: a page that an older version wrote.
    if (isDifferent) onRepair(key, bytes);
  }
}

function next(numbers: Iterator<number>): number {
  const { done, value } = numbers.next();
  return done === true ? Number.POSITIVE_INFINITY : value;
}

function openBuckets(key: number, bytes: Uint8Array): BucketPage | string {
  const fault = checksumFault(key, bytes);
  if (fault !== null) return fault;
  try {
    const page = encoded.open(key, bytes).decode();
    for (let i = 0; i < page.size; i++)
      if (page.rowOf(i) >= 0) page.rows.mergeValues(new Distribution(), page.rowOf(i));
    return page;
  } catch (error) {
    return messageOf(error);
  }
}

function bucketOf(page: BucketPage, i: number): Aggregate {
  const aggregate = new Aggregate({ sums: true, quantiles: false });
  page.mergeInto(aggregate, i, i + 1, true);
  return aggregate;
}

function isSameValues(a: BucketPage, b: BucketPage, i: number, isOlder: boolean): boolean {
  const [own, other] = [valuesOf(a, i), valuesOf(b, i)];
  if (own === null || other === null) return own === other;
  if (isOlder && a.valuesOf(i).dropped > b.valuesOf(i).dropped) return a.valuesOf(i).count === b.valuesOf(i).count;
  return Buffer.compare(own, other) === 0;
}

function valuesOf(page: BucketPage, i: number): Uint8Array | null {
  const row = page.rowOf(i);
  const values = row < 0 || page.countOf(i) === 0 ? null : page.rows.values[row];
  if (values === null) return null;
  return values instanceof Distribution ? values.encoded() : renewed(values);
}
