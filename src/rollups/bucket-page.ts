/** A page of buckets that can be changed: levels 1 and up. Only buckets in use have a row. */
import type { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import {
  BucketRows,
  COUNT,
  FIRST_TIME,
  FIRST_VALUE,
  LAST_TIME,
  LAST_VALUE,
  LATE,
  MAX,
  MIN,
  ROW_CELLS,
  SECONDS,
  SQUARES,
  SUM,
} from "./bucket-rows.ts";
import { BUCKETS_PER_PAGE } from "./levels.ts";

/** A page's sums up to this magnitude add up exactly in plain doubles: 128 · 2^45 < 2^53. */
const PLAIN_SUM_MAX = 2 ** 45;

const NONE = -1;

/** Where the rows with fractional sums are, and one part of each. */
const expanded = new Uint16Array(Math.max(...BUCKETS_PER_PAGE));
const column = new Float64Array(expanded.length);

/** True when a canonical expansion is one integer, and not a large one. */
function isPlain(parts: Float64Array, at: number): boolean {
  const part = parts[at];
  return part === Math.trunc(part) && Math.abs(part) <= PLAIN_SUM_MAX && parts[at + 1] === 0;
}

/** Buckets of one page as rows, found by their index. */
export class BucketPage {
  readonly size: number;
  readonly rows = new BucketRows();
  /** Each bucket's row + 1; 0: none. */
  readonly #rowOf: Uint8Array;

  constructor(size: number) {
    this.size = size;
    this.#rowOf = new Uint8Array(size);
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return this.rows.bytes + this.size + 200;
  }

  /** The row of bucket i; -1: it has none. */
  rowOf(i: number): number {
    return this.#rowOf[i] - 1;
  }

  /** The row of bucket i, made when it has none. */
  rowFor(i: number): number {
    if (this.#rowOf[i] === 0) this.#rowOf[i] = this.rows.addRow() + 1;
    return this.#rowOf[i] - 1;
  }

  /** No bucket holds a reading. */
  get isEmpty(): boolean {
    for (let i = 0; i < this.size; i++) if (this.countOf(i) > 0) return false;
    return true;
  }

  countOf(i: number): number {
    const row = this.rowOf(i);
    return row < 0 ? 0 : this.rows.cells[row * ROW_CELLS + COUNT];
  }

  /** Adds the buckets [from, to) to an aggregate, but for their values. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    const { cells } = this.rows;
    let { count, seconds, late, min, max } = aggregate;
    let first = NONE;
    let last = NONE;
    for (let i = from; i < to; i++) {
      const at = (this.#rowOf[i] - 1) * ROW_CELLS;
      if (at < 0 || cells[at + COUNT] === 0) continue;
      if (first === NONE) first = at;
      last = at;
      count += cells[at + COUNT];
      seconds += cells[at + SECONDS];
      late += cells[at + LATE];
      if (cells[at + MIN] < min) min = cells[at + MIN];
      if (cells[at + MAX] > max) max = cells[at + MAX];
    }
    if (first === NONE) return;
    aggregate.count = count;
    aggregate.seconds = seconds;
    aggregate.late = late;
    aggregate.min = min;
    aggregate.max = max;
    const lastTime = cells[last + LAST_TIME];
    aggregate.ends(cells[first + FIRST_TIME], cells[first + FIRST_VALUE], lastTime, cells[last + LAST_VALUE]);
    if (withSums) this.#mergeSums(aggregate, from, to);
  }

  /** Small integer sums, the usual case, add up in plain doubles first. */
  #mergeSums(aggregate: Aggregate, from: number, to: number): void {
    const { cells, rests } = this.rows;
    const hasRests = rests !== null && rests.size > 0;
    let sum = 0;
    let squares = 0;
    let n = 0;
    for (let i = from; i < to; i++) {
      const row = this.#rowOf[i] - 1;
      const at = row * ROW_CELLS;
      if (at < 0 || cells[at + COUNT] === 0) continue;
      if (!hasRests && isPlain(cells, at + SUM) && isPlain(cells, at + SQUARES)) {
        sum += cells[at + SUM];
        squares += cells[at + SQUARES];
      } else if (hasRests) this.rows.mergeSums(aggregate, row);
      else expanded[n++] = at;
    }
    if (n > 0) this.#mergeParts(aggregate, n);
    if (sum !== 0) aggregate.addSum(sum);
    if (squares !== 0) aggregate.addSquares(squares);
  }

  /** Adds the sums of the first `n` rows in `expanded`, a part of all of them at a time. */
  #mergeParts(aggregate: Aggregate, n: number): void {
    const { cells } = this.rows;
    for (let part = SUM; part < ROW_CELLS; part++) {
      for (let k = 0; k < n; k++) column[k] = cells[expanded[k] + part];
      if (part < SQUARES) aggregate.addSumColumn(column, n);
      else aggregate.addSquaresColumn(column, n);
    }
  }

  /** The values of all buckets, encoded. They are as they were where only one bucket has any: new sensors, at most levels. */
  mergedValues(): Uint8Array {
    const kept = this.rows.values.filter((values) => values !== null);
    if (kept.length === 1) return kept[0] instanceof Distribution ? kept[0].encoded() : kept[0];
    const merged = new Distribution(true);
    this.mergeValues(merged, 0, this.size);
    return merged.encoded();
  }

  /** Adds the values of the buckets [from, to). */
  mergeValues(into: Distribution, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const row = this.#rowOf[i] - 1;
      if (row >= 0) this.rows.mergeValues(into, row);
    }
  }

  /** True when bucket i has readings and does not keep their values. */
  isDerived(i: number): boolean {
    return this.countOf(i) > 0 && this.rows.values[this.rowOf(i)] === null;
  }

  /** Bucket i's values, decoded, made when there are none. */
  valuesOf(i: number): Distribution {
    return this.rows.valuesOf(this.rowFor(i));
  }

  setValues(i: number, values: Distribution | Uint8Array): void {
    this.rows.values[this.rowFor(i)] = values;
  }

  /** Bucket i holds nothing any more. */
  clear(i: number): void {
    const row = this.rowOf(i);
    if (row < 0) return;
    this.rows.cells[row * ROW_CELLS + COUNT] = 0;
    this.rows.values[row] = null;
  }

  /** Bucket i keeps no values any more. */
  dropValues(i: number): void {
    const row = this.rowOf(i);
    if (row >= 0 && this.rows.values[row] !== null) this.rows.values[row] = null;
  }

  /** Replaces everything but the values of bucket i by what the aggregate holds. */
  set(i: number, aggregate: Aggregate): void {
    this.rows.set(this.rowFor(i), aggregate);
  }
}
