/**
 * Running totals of pages that are asked for again and again. A window takes the buckets at one end of nearly every page that it
 * reads (levels.ts, `plan`), and with the totals from the first bucket on and from the last one back those are one row, however many.
 */
import type { Aggregate } from "../metrics/aggregate.ts";
import type { BucketPage } from "./bucket-page.ts";
import { BucketRows, COUNT, ROW_CELLS } from "./bucket-rows.ts";
import type { CachedPage } from "./page-cache.ts";

/** Bytes of all totals: those of 140 pages of minutes or 350 of hours, some hot windows of a few hundred sensors. */
const TOTALS_BYTES_MAX = 2 * 1024 * 1024;

/** A page is asked for so often since it was last changed before its totals are made: making them costs as much as about 40 readings of it. */
export const READS_MIN = 8;

/** After so many refusals for want of room, totals that were not used since the last time make room. */
export const REFUSALS_PER_SWEEP = 4096;

/** The totals of one page, made when it was asked for often enough and dropped when it changes. */
export class RunningTotals {
  /** Row i: the buckets [0, i] of the page; row size + i: its buckets [i, size). */
  readonly #rows: BucketRows;
  readonly #size: number;
  /** Used since the last sweep. */
  used = true;

  constructor(page: BucketPage) {
    this.#size = page.size;
    this.#rows = new BucketRows(2 * page.size);
    for (let i = 0; i < 2 * page.size; i++) this.#rows.addRow();
    for (let i = 0; i < page.size; i++) {
      const back = page.size - 1 - i;
      this.#accumulate(i, i - 1, page, i);
      this.#accumulate(page.size + back, page.size + back + 1, page, back);
    }
  }

  /** Makes `row` what `before`, if there is one, and a bucket of the page are together. */
  #accumulate(row: number, before: number, page: BucketPage, bucket: number): void {
    const rows = this.#rows;
    const isFirst = bucket === (row < this.#size ? 0 : this.#size - 1);
    if (!isFirst) rows.copyRow(row, rows, before);
    if (page.countOf(bucket) === 0) return;
    if (rows.cells[row * ROW_CELLS + COUNT] === 0) rows.copyRow(row, page.rows, page.rowOf(bucket));
    else rows.mergeRow(row, page.rows, page.rowOf(bucket));
  }

  get bytes(): number {
    return this.#rows.bytes;
  }

  /** Adds the buckets [from, to), but for their values, when they are at an end of the page. @returns whether they are */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): boolean {
    if (from !== 0 && to !== this.#size) return false;
    this.#rows.mergeInto(aggregate, from === 0 ? to - 1 : this.#size + from, withSums);
    return true;
  }
}

/** The pages that have running totals, and room for them. */
export class HotPages {
  readonly #bytesMax: number;
  readonly #pages = new Set<CachedPage>();
  #bytes = 0;
  #refusals = 0;

  constructor(bytesMax = TOTALS_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** The totals of a page that was asked for; null while there are none. */
  totalsOf(page: CachedPage): RunningTotals | null {
    if (page.totals === null && page.reads >= READS_MIN && page.buckets === null) this.#admit(page);
    if (page.totals !== null) page.totals.used = true;
    return page.totals;
  }

  #admit(page: CachedPage): void {
    if (this.#bytes >= this.#bytesMax) {
      if (++this.#refusals < REFUSALS_PER_SWEEP) return;
      this.#refusals = 0;
      for (const hot of this.#pages) {
        if (hot.totals?.used) hot.totals.used = false;
        else this.drop(hot);
      }
      return;
    }
    page.totals = new RunningTotals(page.readNumbers());
    this.#pages.add(page);
    this.#bytes += page.totals.bytes;
  }

  /** Lets go of a page's totals: it changes, or leaves. */
  drop(page: CachedPage): void {
    if (page.totals === null) return;
    this.#bytes -= page.totals.bytes;
    page.totals = null;
    this.#pages.delete(page);
  }
}
