/**
 * Running totals of hot pages. A window takes the buckets at one end of nearly every page that it reads (levels.ts, `plan`). With the
 * totals from the first bucket on, and from the last one back, those are one row, however many they are.
 */
import type { Aggregate } from "../metrics/aggregate.ts";
import type { BucketPage } from "./bucket-page.ts";
import { BucketRows, COUNT, ROW_CELLS } from "./bucket-rows.ts";

/** The totals of one page: built once it was read often enough, dropped when it changes. */
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

  /** Sets `row` to the merge of `before`, if there is one, and a bucket of the page. */
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
