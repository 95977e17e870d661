/**
 * A page of level 0: 600 seconds of one series, the only place that readings are folded into by hand (levels above are merged).
 * States: *single* (no second holds two readings: a value and a millisecond each) → *dense* on the first second reading of a second.
 * It never goes back, and encodes by content, so the same readings give the same bytes in either state.
 */
import type { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import { add, fromDouble, ZERO } from "../metrics/dyadic.ts";
import { addPart, SQUARE_PARTS, SUM_PARTS, squareError } from "../metrics/exact-sum.ts";
import { BucketPage } from "./bucket-page.ts";
import { SECONDS_PER_PAGE } from "./levels.ts";

/** Readings of one second kept as a list; past it, its values are counted (a list of 1,024 is as large as the counts can be). */
const LISTED_READINGS_MAX = 1024;

/** Up to this magnitude 600 integers and their squares add up exactly in plain doubles. */
const SMALL_INTEGER_MAX = 2 ** 21;

const NONE = -1;

export class SecondsPage {
  /** Second since the epoch of the first bucket. */
  readonly start: number;
  /** Readings in it. */
  count = 0;
  /** Single state: the second's value (NaN: none), its millisecond, and 1 where it came late. */
  value: Float64Array<ArrayBuffer> | null = new Float64Array(SECONDS_PER_PAGE).fill(Number.NaN);
  ms: Uint16Array<ArrayBuffer> | null = null;
  late: Uint8Array<ArrayBuffer> | null = null;
  /** Dense state. */
  dense: BucketPage | null = null;
  /** Dense: each second's readings as a chain through `listValue` and `listNext`, newest first, while they are few. */
  #head: Int32Array<ArrayBuffer> | null = null;
  #listValue = new Float64Array(0);
  #listNext = new Int32Array(0);
  #listed = 0;
  /** Bit m: minute m of the ten has changed since it was merged into level 1. */
  staleMinutes = 0;

  constructor(start: number) {
    this.start = start;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    if (this.dense === null)
      return 300 + 8 * SECONDS_PER_PAGE + (this.ms?.byteLength ?? 0) + (this.late?.byteLength ?? 0);
    return this.dense.bytes + 4 * SECONDS_PER_PAGE + 12 * this.#listNext.length;
  }

  /** Folds one reading into second `index` (0–599). @param ms millisecond within the second */
  fold(index: number, ms: number, value: number, late: number): void {
    this.count++;
    this.staleMinutes |= 1 << ((index * 1093) >>> 16); // index / 60
    const values = this.value;
    if (values !== null) {
      if (Number.isNaN(values[index])) {
        values[index] = value;
        if (ms !== 0) this.#setMs(index, ms);
        if (late !== 0) this.#setLate(index);
        return;
      }
      this.#toDense();
    }
    this.#foldDense(index, ms, value, late);
  }

  #setMs(index: number, ms: number): void {
    this.ms ??= new Uint16Array(SECONDS_PER_PAGE);
    this.ms[index] = ms;
  }

  #setLate(index: number): void {
    this.late ??= new Uint8Array(SECONDS_PER_PAGE);
    this.late[index] = 1;
  }

  #toDense(): void {
    const values = this.value;
    const ms = this.ms;
    const late = this.late;
    if (values === null) return;
    this.value = null;
    this.ms = null;
    this.late = null;
    this.dense = new BucketPage(SECONDS_PER_PAGE);
    this.#head = new Int32Array(SECONDS_PER_PAGE).fill(NONE);
    for (let i = 0; i < SECONDS_PER_PAGE; i++) {
      if (!Number.isNaN(values[i])) this.#foldDense(i, ms === null ? 0 : ms[i], values[i], late === null ? 0 : late[i]);
    }
  }

  #foldDense(index: number, ms: number, value: number, late: number): void {
    const page = this.dense as BucketPage;
    const time = (this.start + index) * 1000 + ms;
    const count = page.count[index]++;
    page.late[index] += late;
    if (count === 0) {
      page.seconds[index] = 1;
      page.min[index] = page.max[index] = page.firstValue[index] = page.lastValue[index] = value;
      page.firstTime[index] = page.lastTime[index] = time;
    } else {
      if (value < page.min[index]) page.min[index] = value;
      if (value > page.max[index]) page.max[index] = value;
      const first = page.firstTime[index];
      if (time < first || (time === first && value < page.firstValue[index])) {
        page.firstTime[index] = time;
        page.firstValue[index] = value;
      }
      const last = page.lastTime[index];
      if (time > last || (time === last && value > page.lastValue[index])) {
        page.lastTime[index] = time;
        page.lastValue[index] = value;
      }
    }
    const square = value * value;
    const sumCarry = addPart(page.sum, index * SUM_PARTS, SUM_PARTS, value);
    let squareCarry = addPart(page.squares, index * SQUARE_PARTS, SQUARE_PARTS, square);
    if (sumCarry !== 0 || squareCarry !== 0) this.#addRest(index, sumCarry, squareCarry);
    const error = squareError(value, square);
    if (error !== 0) {
      squareCarry = addPart(page.squares, index * SQUARE_PARTS, SQUARE_PARTS, error);
      if (squareCarry !== 0) this.#addRest(index, 0, squareCarry);
    }
    if (count < LISTED_READINGS_MAX) this.#list(index, value);
    else this.#countValue(page, index, value);
  }

  #addRest(index: number, sum: number, squares: number): void {
    const page = this.dense as BucketPage;
    const rest = page.rests.get(index) ?? { sum: ZERO, squares: ZERO };
    page.rests.set(index, {
      sum: sum === 0 ? rest.sum : add(rest.sum, fromDouble(sum)),
      squares: squares === 0 ? rest.squares : add(rest.squares, fromDouble(squares)),
    });
  }

  #list(index: number, value: number): void {
    const head = this.#head as Int32Array;
    if (this.#listed === this.#listNext.length) {
      const capacity = Math.max(SECONDS_PER_PAGE, this.#listed * 2);
      const values = new Float64Array(capacity);
      const next = new Int32Array(capacity);
      values.set(this.#listValue);
      next.set(this.#listNext);
      this.#listValue = values;
      this.#listNext = next;
    }
    this.#listValue[this.#listed] = value;
    this.#listNext[this.#listed] = head[index];
    head[index] = this.#listed++;
  }

  /** The second has more readings than a list may hold: its values are counted from now on. */
  #countValue(page: BucketPage, index: number, value: number): void {
    const head = this.#head as Int32Array;
    const values = page.valuesOf(index);
    for (let at = head[index]; at !== NONE; at = this.#listNext[at]) values.add(this.#listValue[at], 1);
    head[index] = NONE;
    values.add(value, 1);
  }

  /** Adds the seconds [from, to) to an aggregate. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean, withValues: boolean): void {
    const page = this.dense;
    if (page === null) {
      this.#mergeSingles(aggregate, from, to, withSums);
      if (withValues && aggregate.distribution !== null) this.mergeValues(aggregate.distribution, from, to);
      return;
    }
    for (let i = from; i < to; i++) page.mergeInto(aggregate, i, withSums, false);
    if (withValues && aggregate.distribution !== null) this.mergeValues(aggregate.distribution, from, to);
  }

  #mergeSingles(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    const values = this.value as Float64Array;
    const ms = this.ms;
    let count = 0;
    let sum = 0;
    let squares = 0;
    let first = NONE;
    let last = NONE;
    let min = aggregate.min;
    let max = aggregate.max;
    for (let i = from; i < to; i++) {
      const value = values[i];
      if (Number.isNaN(value)) continue;
      if (first === NONE) first = i;
      last = i;
      count++;
      if (value < min) min = value;
      if (value > max) max = value;
      if (!withSums) continue;
      if (value === Math.trunc(value) && value <= SMALL_INTEGER_MAX && value >= -SMALL_INTEGER_MAX) {
        sum += value;
        squares += value * value;
      } else {
        const square = value * value;
        aggregate.addSum(value);
        aggregate.addSquares(square);
        const error = squareError(value, square);
        if (error !== 0) aggregate.addSquares(error);
      }
    }
    if (count === 0) return;
    aggregate.count += count;
    aggregate.seconds += count;
    if (this.late !== null) for (let i = first; i <= last; i++) aggregate.late += this.late[i];
    aggregate.min = min;
    aggregate.max = max;
    if (sum !== 0) aggregate.addSum(sum);
    if (squares !== 0) aggregate.addSquares(squares);
    const base = this.start * 1000;
    const firstTime = base + first * 1000 + (ms === null ? 0 : ms[first]);
    const lastTime = base + last * 1000 + (ms === null ? 0 : ms[last]);
    aggregate.edge(firstTime, values[first], lastTime, values[last]);
  }

  /** Adds the values of the seconds [from, to). */
  mergeValues(into: Distribution, from: number, to: number): void {
    const page = this.dense;
    if (page === null) {
      const values = this.value as Float64Array;
      for (let i = from; i < to; i++) if (!Number.isNaN(values[i])) into.add(values[i], 1);
      return;
    }
    const head = this.#head as Int32Array;
    for (let i = from; i < to; i++) {
      for (let at = head[i]; at !== NONE; at = this.#listNext[at]) into.add(this.#listValue[at], 1);
      page.mergeValues(into, i);
    }
  }

  /** Makes an empty page dense, for a decoder that fills `dense` and gives each second's values by `restoreValues`. */
  becomeDense(): BucketPage {
    this.#toDense();
    return this.dense as BucketPage;
  }

  /** Puts back the values of second `index`, as decoded. */
  restoreValues(index: number, values: Distribution): void {
    const page = this.dense as BucketPage;
    if (page.count[index] > LISTED_READINGS_MAX || values.sketched) {
      page.values[index] = values;
      return;
    }
    const { keys, counts } = values.sorted();
    for (let i = 0; i < keys.length; i++) for (let n = counts[i]; n > 0; n--) this.#list(index, keys[i]);
  }

  /** The values of second `index`, for encoding. */
  valuesAt(index: number): Distribution {
    const values = new Distribution();
    this.mergeValues(values, index, index + 1);
    return values;
  }
}
