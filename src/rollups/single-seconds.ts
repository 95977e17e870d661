/** Seconds with at most one reading each, as columns: a value and a millisecond. The usual page, and the fast way through a fold. */
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { minuteOf, SECONDS_PER_PAGE } from "./levels.ts";
import type { ReadingRun } from "./reading-run.ts";
import { widened } from "./widened.ts";

/** Up to this magnitude a page's integers and their squares add up exactly in plain doubles: 600 · 2^38 < 2^53. */
const SMALL_INTEGER_MAX = 2 ** 19;

/** Seconds that a new page's columns cover. Past it, or when as many readings come at once, they cover the whole page. */
const FIRST_SECONDS = 64;
const NO_VALUES = new Float64Array(0);

const NONE = -1;

const PAGE_MS = SECONDS_PER_PAGE * 1000;

/** Values of some seconds on their way into an aggregate. */
const gathered = new Float64Array(SECONDS_PER_PAGE);

/** A page of level 0 while no second holds two readings. */
export class SingleSeconds {
  /** Second since the epoch of the page's first bucket. */
  readonly start: number;
  /** Each second's value (NaN: none), its millisecond, and 1 where it came late: columns that begin with second `from` and cover what was needed. */
  value: Float64Array<ArrayBuffer> = NO_VALUES;
  from = 0;
  ms: Uint16Array<ArrayBuffer> | null = null;
  late: Uint8Array<ArrayBuffer> | null = null;
  /** Bit m: minute m of the page got a reading by `fold`. */
  touched = 0;

  constructor(start: number) {
    this.start = start;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return 600 + this.value.byteLength + (this.ms?.byteLength ?? 0) + (this.late?.byteLength ?? 0);
  }

  /** Folds rows of a run, beginning with `first`, while they belong to seconds of this page that hold none. @returns the first row that does not */
  fold(run: ReadingRun, first: number, to: number): number {
    const { time, value, late } = run;
    const base = this.start * 1000;
    let row = first;
    while (row < to) {
      const offset = time[row] - base;
      if (!(offset >= 0 && offset < PAGE_MS)) break;
      const second = ((offset | 0) / 1000) | 0;
      const values = this.cover(second, to - row);
      const at = second - this.from;
      if (!Number.isNaN(values[at])) break;
      values[at] = value[row];
      const ms = (offset | 0) - second * 1000;
      if (ms !== 0) this.#setMs(second, ms);
      if (late[row] !== 0) this.#setLate(second);
      const next = this.#foldSteps(run, row + 1, to, at + 1, time[row] - ms + 1000);
      const last = minuteOf(second + next - row - 1);
      for (let m = minuteOf(second); m <= last; m++) this.touched |= 1 << m;
      row = next;
    }
    return row;
  }

  /**
   * Takes rows while each is one second after the one before (a sensor of 1 Hz): no division, no call.
   * @param at where in the columns the first of these seconds is @param startMs when it begins
   */
  #foldSteps(run: ReadingRun, from: number, to: number, at: number, startMs: number): number {
    const { time, value, late } = run;
    const values = this.value as Float64Array;
    const ms = this.ms;
    const limit = Math.min(to, from + values.length - at);
    const shift = at - from;
    let start = startMs;
    let row = from;
    for (; row < limit; row++) {
      const after = time[row] - start;
      if (!(after >= 0 && after < 1000) || late[row] !== 0 || !Number.isNaN(values[row + shift])) break;
      if (ms !== null) ms[row + shift] = after;
      else if (after !== 0) break;
      values[row + shift] = value[row];
      start += 1000;
    }
    return row;
  }

  /** Puts one reading into second `index` (0–599), which holds none. */
  put(index: number, ms: number, value: number, late: number): void {
    const values = this.cover(index, 0);
    values[index - this.from] = value;
    if (ms !== 0) this.#setMs(index, ms);
    if (late !== 0) this.#setLate(index);
  }

  /** Hands each reading over, by second. */
  each(take: (index: number, ms: number, value: number, late: number) => void): void {
    const { value, ms, late } = this;
    for (let i = 0; i < value.length; i++) {
      if (!Number.isNaN(value[i])) take(this.from + i, ms === null ? 0 : ms[i], value[i], late === null ? 0 : late[i]);
    }
  }

  /** Makes the columns cover a second too. @param coming readings that may follow @returns the values */
  cover(second: number, coming: number): Float64Array {
    const values = this.value;
    const { from } = this;
    const end = from + values.length;
    if (second >= from && second < end) return values;
    const length = values.length === 0 && coming < FIRST_SECONDS ? FIRST_SECONDS : SECONDS_PER_PAGE;
    this.from = Math.min(second, SECONDS_PER_PAGE - length);
    const shift = values.length === 0 ? 0 : from - this.from;
    this.value = widened(values, emptyColumn(length), shift);
    if (this.ms !== null) this.ms = widened(this.ms, new Uint16Array(length), shift);
    if (this.late !== null) this.late = widened(this.late, new Uint8Array(length), shift);
    return this.value;
  }

  #setMs(second: number, ms: number): void {
    this.ms ??= new Uint16Array(this.value.length);
    this.ms[second - this.from] = ms;
  }

  #setLate(second: number): void {
    this.late ??= new Uint8Array(this.value.length);
    this.late[second - this.from] = 1;
  }

  /** Ends it: its column serves another page. */
  release(): void {
    keepColumn(this.value);
    this.value = NO_VALUES;
  }

  /** As `SecondsPage.mergeInto`. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    const values = this.value;
    const ms = this.ms;
    let count = 0;
    let sum = 0;
    let squares = 0;
    let first = NONE;
    let last = NONE;
    let min = aggregate.min;
    let max = aggregate.max;
    const start = Math.max(0, from - this.from);
    const end = Math.min(values.length, to - this.from);
    let i = start;
    for (; i < end; i++) {
      // While all seconds hold small integers, the usual case, this is all.
      const value = values[i];
      if ((value | 0) !== value || value > SMALL_INTEGER_MAX || value < -SMALL_INTEGER_MAX) break;
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
      squares += value * value;
    }
    if (i > start) {
      first = start;
      last = i - 1;
      count = i - start;
    }
    aggregate.count += count;
    aggregate.min = min;
    aggregate.max = max;
    let others = 0;
    for (; i < end; i++) {
      const value = values[i];
      if (Number.isNaN(value)) continue;
      if (first === NONE) first = i;
      last = i;
      gathered[others++] = value;
    }
    if (others > 0) aggregate.addValues(gathered, others, withSums);
    if (first === NONE) return;
    aggregate.seconds += count + others;
    if (this.late !== null) for (let i = first; i <= last; i++) aggregate.late += this.late[i];
    if (withSums && sum !== 0) aggregate.addSum(sum);
    if (withSums && squares !== 0) aggregate.addSquares(squares);
    const base = (this.start + this.from) * 1000;
    const firstTime = base + first * 1000 + (ms === null ? 0 : ms[first]);
    const lastTime = base + last * 1000 + (ms === null ? 0 : ms[last]);
    aggregate.ends(firstTime, values[first], lastTime, values[last]);
  }

  /** As `SecondsPage.mergeValues`. */
  mergeValues(into: Distribution, from: number, to: number): void {
    const values = this.value;
    const start = Math.max(0, from - this.from);
    const end = Math.min(values.length, to - this.from);
    let n = 0;
    for (let i = start; i < end; i++) if (!Number.isNaN(values[i])) gathered[n++] = values[i];
    into.addColumn(gathered, 0, n);
  }
}

/** Value columns of closed pages, for reuse: allocating one costs more than filling it. */
const freeColumns: Float64Array<ArrayBuffer>[] = [];
/** Kept at most, 4.8 KB each: about half of the pages that a commit of a million readings at one a second closes. */
const FREE_COLUMNS_MAX = 1024;

function emptyColumn(length: number): Float64Array<ArrayBuffer> {
  const column = length === SECONDS_PER_PAGE ? freeColumns.pop() : undefined;
  return (column ?? new Float64Array(length)).fill(Number.NaN);
}

function keepColumn(column: Float64Array<ArrayBuffer>): void {
  if (column.length === SECONDS_PER_PAGE && freeColumns.length < FREE_COLUMNS_MAX) freeColumns.push(column);
}
