/**
 * A page of level 0: 600 seconds of one series, the only place that readings are folded into by hand (levels above are merged).
 *
 * States: *single* (no second holds two readings: a value and a millisecond each) → *listed* on the first second reading of a second.
 * In the listed state a second keeps its readings up to 32 of them; past that it is *heavy*: a bucket row, its values counted.
 * It never goes back, and which state it is in depends on the set of readings only.
 */
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { BucketRows, COUNT, ROW_CELLS } from "./bucket-rows.ts";
import { anyEnd, ascendingEnd, foldSecond, SECOND_ROWS_MAX } from "./fold-second.ts";
import { SECONDS_PER_PAGE } from "./levels.ts";
import { ReadingRun } from "./reading-run.ts";

/** Readings of one second that are kept one by one: about where a bucket row with counted values becomes smaller. */
export const LISTED_READINGS_MAX = 32;

/** Up to this magnitude a page's listed integers and their squares add up exactly in plain doubles: 600 · 32 · 2^38 < 2^53. */
const SMALL_INTEGER_MAX = 2 ** 19;

/** `head` of a second without listed readings, and of a heavy one. */
const NONE = -1;
const HEAVY = -2;

const FIRST_LIST_CAPACITY = 64;

/** Seconds that the columns of a new page cover, unless as many readings come at once; past that all of the page. */
const FIRST_SECONDS = 64;
const NO_VALUES = new Float64Array(0);

const PAGE_MS = SECONDS_PER_PAGE * 1000;

/** One reading. */
const one = new ReadingRun(1);

/** Values of some seconds on their way into an aggregate. */
const gathered = new Float64Array(SECONDS_PER_PAGE * LISTED_READINGS_MAX);

/** Index of a second's minute in the page: second / 60. */
const minuteOf = (second: number): number => (second * 1093) >>> 16;

/** The seconds of one page, each in the form that its readings need. */
export class SecondsPage {
  /** Second since the epoch of the first bucket. */
  readonly start: number;
  /** Readings in it. */
  count = 0;
  /**
   * Single state: each second's value (NaN: none), its millisecond, and 1 where it came late: columns that begin with second
   * `valueFrom` and cover what was needed.
   */
  value: Float64Array<ArrayBuffer> | null = NO_VALUES;
  valueFrom = 0;
  ms: Uint16Array<ArrayBuffer> | null = null;
  late: Uint8Array<ArrayBuffer> | null = null;
  /** Listed state: each second's readings as a chain from `head` through `listNext`, newest first. */
  head: Int16Array<ArrayBuffer> | null = null;
  listNext = new Int16Array(0);
  listValue = new Float64Array(0);
  listMs = new Uint16Array(0);
  listLate = new Uint8Array(0);
  #listed = 0;
  #freed = NONE;
  /** Heavy seconds: rows of buckets, and each second's row. */
  heavy: BucketRows | null = null;
  readonly heavyRow = new Map<number, number>();
  /** Bit m: minute m of the ten has changed since it was merged into level 1. */
  staleMinutes = 0;

  constructor(start: number) {
    this.start = start;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    if (this.value !== null) {
      return 500 + this.value.byteLength + (this.ms?.byteLength ?? 0) + (this.late?.byteLength ?? 0);
    }
    return 800 + 2 * SECONDS_PER_PAGE + 13 * this.listNext.length + (this.heavy?.bytes ?? 0);
  }

  /**
   * Folds rows of a run, beginning with `from`, while they belong to this page.
   * @returns the first row that does not
   */
  foldRows(run: ReadingRun, from: number, to: number): number {
    let row = from;
    if (this.value !== null) row = this.#foldSingles(run, row, to);
    if (this.value === null) row = this.#foldLists(run, row, to);
    this.count += row - from;
    return row;
  }

  /** Single state: until a second gets its second reading, which ends that state. */
  #foldSingles(run: ReadingRun, from: number, to: number): number {
    const { time, value, late } = run;
    const base = this.start * 1000;
    let row = from;
    while (row < to) {
      const offset = time[row] - base;
      if (!(offset >= 0 && offset < PAGE_MS)) break;
      const second = ((offset | 0) / 1000) | 0;
      const values = this.cover(second, to - row);
      const at = second - this.valueFrom;
      if (!Number.isNaN(values[at])) {
        this.becomeListed();
        break;
      }
      values[at] = value[row];
      const ms = (offset | 0) - second * 1000;
      if (ms !== 0) this.#setMs(second, ms);
      if (late[row] !== 0) this.#setLate(second);
      const next = this.#foldSteps(run, row + 1, to, at + 1, time[row] - ms + 1000);
      const last = minuteOf(second + next - row - 1);
      for (let m = minuteOf(second); m <= last; m++) this.staleMinutes |= 1 << m;
      row = next;
    }
    return row;
  }

  /**
   * Takes rows as long as each belongs to the second after the one before, as a sensor's do at one a second: nothing is divided or called.
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

  /** Listed state: rows of one second in turn, at once where they are many. */
  #foldLists(run: ReadingRun, from: number, to: number): number {
    const { time, value, late, ascending } = run;
    const base = this.start * 1000;
    let row = from;
    while (row < to) {
      const offset = time[row] - base;
      if (!(offset >= 0 && offset < PAGE_MS)) break;
      const second = ((offset | 0) / 1000) | 0;
      const start = base + second * 1000;
      const limit = Math.min(to, row + SECOND_ROWS_MAX);
      const end = ascending
        ? ascendingEnd(time, row, limit, start + 1000)
        : anyEnd(time, row, limit, start, start + 1000);
      this.staleMinutes |= 1 << minuteOf(second);
      const head = this.head as Int16Array;
      if (head[second] !== HEAVY && end - row > LISTED_READINGS_MAX) this.#becomeHeavy(second);
      for (; row < end && head[second] !== HEAVY; row++)
        this.foldListed(second, time[row] - start, value[row], late[row]);
      if (row < end) {
        const bucket = this.heavyRow.get(second) ?? 0;
        foldSecond(this.heavy as BucketRows, bucket, run, row, end);
      }
      row = end;
    }
    return row;
  }

  /**
   * A page with everything of this one but the seconds [from, to), in the state that it would be in without them; their minutes are
   * stale. This one is not used any more.
   */
  without(from: number, to: number): SecondsPage {
    const page = new SecondsPage(this.start);
    page.staleMinutes = this.staleMinutes;
    for (let m = minuteOf(from); m <= minuteOf(to - 1); m++) page.staleMinutes |= 1 << m;
    if (this.head !== null && this.#isListedWithout(from, to)) page.becomeListed();
    for (let i = 0; i < SECONDS_PER_PAGE; i++) {
      if (i >= from && i < to) continue;
      if (this.head === null) {
        const at = i - this.valueFrom;
        const value = this.value?.[at] ?? Number.NaN;
        if (!Number.isNaN(value)) page.put(i, this.ms?.[at] ?? 0, value, this.late?.[at] ?? 0);
        continue;
      }
      let at = this.head[i];
      if (at === HEAVY) page.#moveHeavy(i, this);
      else
        for (; at !== NONE; at = this.listNext[at]) page.put(i, this.listMs[at], this.listValue[at], this.listLate[at]);
    }
    this.release();
    return page;
  }

  /** Whether a second outside of [from, to) holds more than one reading. */
  #isListedWithout(from: number, to: number): boolean {
    const head = this.head as Int16Array;
    for (let i = 0; i < SECONDS_PER_PAGE; i++) {
      if ((i < from || i >= to) && (head[i] === HEAVY || (head[i] !== NONE && this.listNext[head[i]] !== NONE)))
        return true;
    }
    return false;
  }

  /** Takes over a heavy second of another page. */
  #moveHeavy(index: number, source: SecondsPage): void {
    const from = source.heavyRow.get(index) ?? 0;
    const rows = source.heavy as BucketRows;
    const row = this.addHeavy(index);
    this.heavy?.copyRow(row, rows, from);
    (this.heavy as BucketRows).values[row] = rows.values[from];
    this.count += rows.cells[from * ROW_CELLS + COUNT];
  }

  /** Puts one reading into second `index` (0–599), as a decoder does: a second that is heavy has none to put. */
  put(index: number, ms: number, value: number, late: number): void {
    this.count++;
    if (this.value === null) {
      this.foldListed(index, ms, value, late);
      return;
    }
    const values = this.cover(index, 0);
    values[index - this.valueFrom] = value;
    if (ms !== 0) this.#setMs(index, ms);
    if (late !== 0) this.#setLate(index);
  }

  /** Makes the columns of the single state cover a second too. @param coming readings that may follow @returns the values */
  cover(second: number, coming: number): Float64Array {
    const values = this.value as Float64Array<ArrayBuffer>;
    const from = this.valueFrom;
    const end = from + values.length;
    if (second >= from && second < end) return values;
    const length = values.length === 0 && coming < FIRST_SECONDS ? FIRST_SECONDS : SECONDS_PER_PAGE;
    this.valueFrom = Math.min(second, SECONDS_PER_PAGE - length);
    const shift = values.length === 0 ? 0 : from - this.valueFrom;
    this.value = widened(values, emptyColumn(length), shift);
    if (this.ms !== null) this.ms = widened(this.ms, new Uint16Array(length), shift);
    if (this.late !== null) this.late = widened(this.late, new Uint8Array(length), shift);
    return this.value;
  }

  #setMs(second: number, ms: number): void {
    this.ms ??= new Uint16Array((this.value as Float64Array).length);
    this.ms[second - this.valueFrom] = ms;
  }

  #setLate(second: number): void {
    this.late ??= new Uint8Array((this.value as Float64Array).length);
    this.late[second - this.valueFrom] = 1;
  }

  /** Leaves the single state. */
  becomeListed(): void {
    const { value, ms, late } = this;
    if (value === null) return;
    this.value = null;
    this.ms = null;
    this.late = null;
    this.head = new Int16Array(SECONDS_PER_PAGE).fill(NONE);
    for (let i = 0; i < value.length; i++) {
      if (Number.isNaN(value[i])) continue;
      this.foldListed(this.valueFrom + i, ms === null ? 0 : ms[i], value[i], late === null ? 0 : late[i]);
    }
    keepColumn(value);
  }

  /** The page is not used any more: its column serves another. */
  release(): void {
    if (this.value !== null) keepColumn(this.value);
    this.value = null;
  }

  /** Adds a reading to the list of a second that is not heavy; counts nothing. */
  foldListed(index: number, ms: number, value: number, late: number): void {
    const head = this.head as Int16Array;
    const first = head[index];
    let length = 0;
    for (let at = first; at !== NONE; at = this.listNext[at]) length++;
    if (length === LISTED_READINGS_MAX) {
      const row = this.#becomeHeavy(index);
      this.#foldOneHeavy(row, (this.start + index) * 1000 + ms, value, late);
      return;
    }
    const at = this.#place();
    this.listValue[at] = value;
    this.listMs[at] = ms;
    this.listLate[at] = late;
    this.listNext[at] = first;
    head[index] = at;
  }

  /** A free place in the list: 600 · 32 of them fit 15 bits. */
  #place(): number {
    if (this.#freed !== NONE) {
      const at = this.#freed;
      this.#freed = this.listNext[at];
      return at;
    }
    if (this.#listed === this.listNext.length) {
      const capacity = Math.max(
        FIRST_LIST_CAPACITY,
        Math.min(this.#listed * 2, SECONDS_PER_PAGE * LISTED_READINGS_MAX),
      );
      this.listNext = widened(this.listNext, new Int16Array(capacity));
      this.listValue = widened(this.listValue, new Float64Array(capacity));
      this.listMs = widened(this.listMs, new Uint16Array(capacity));
      this.listLate = widened(this.listLate, new Uint8Array(capacity));
    }
    return this.#listed++;
  }

  /** A second becomes a row, with what its list held. @returns the row */
  #becomeHeavy(index: number): number {
    const head = this.head as Int16Array;
    let at = head[index];
    const row = this.addHeavy(index);
    const base = (this.start + index) * 1000;
    while (at !== NONE) {
      this.#foldOneHeavy(row, base + this.listMs[at], this.listValue[at], this.listLate[at]);
      const next = this.listNext[at];
      this.listNext[at] = this.#freed;
      this.#freed = at;
      at = next;
    }
    return row;
  }

  /** Makes an empty row for a heavy second; its readings come by `foldRows`, or the row is filled by a decoder. */
  addHeavy(index: number): number {
    this.heavy ??= new BucketRows();
    const row = this.heavy.addRow();
    this.heavyRow.set(index, row);
    (this.head as Int16Array)[index] = HEAVY;
    return row;
  }

  #foldOneHeavy(row: number, time: number, value: number, late: number): void {
    foldSecond(this.heavy as BucketRows, row, one.setOne(time, value, late), 0, 1);
  }

  /** Adds the seconds [from, to) to an aggregate, but for their values. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    if (this.head === null) this.#mergeSingles(aggregate, from, to, withSums);
    else this.#mergeLists(aggregate, from, to, withSums);
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
    const start = Math.max(0, from - this.valueFrom);
    const end = Math.min(values.length, to - this.valueFrom);
    let i = start;
    for (; i < end; i++) {
      // As far as all seconds hold small integers, the usual case, this is all.
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
    const base = (this.start + this.valueFrom) * 1000;
    const firstTime = base + first * 1000 + (ms === null ? 0 : ms[first]);
    const lastTime = base + last * 1000 + (ms === null ? 0 : ms[last]);
    aggregate.edge(firstTime, values[first], lastTime, values[last]);
  }

  #mergeLists(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    const head = this.head as Int16Array;
    const { listNext, listValue, listMs, listLate } = this;
    let n = 0;
    let first = NONE;
    let last = NONE;
    for (let i = from; i < to; i++) {
      let at = head[i];
      if (at === NONE) continue;
      if (at === HEAVY) {
        this.heavy?.mergeInto(aggregate, this.heavyRow.get(i) ?? 0, withSums);
        continue;
      }
      if (first === NONE) first = i;
      last = i;
      aggregate.seconds++;
      for (; at !== NONE; at = listNext[at]) {
        gathered[n++] = listValue[at];
        aggregate.late += listLate[at];
      }
    }
    aggregate.addValues(gathered, n, withSums);
    // Only the first and the last second can hold the edges.
    for (const i of [first, last]) {
      if (i === NONE) continue;
      const base = (this.start + i) * 1000;
      for (let at = head[i]; at !== NONE; at = listNext[at]) {
        aggregate.edge(base + listMs[at], listValue[at], base + listMs[at], listValue[at]);
      }
    }
  }

  /** Adds the values of the seconds [from, to). */
  mergeValues(into: Distribution, from: number, to: number): void {
    if (this.head === null) {
      const values = this.value as Float64Array;
      const start = Math.max(0, from - this.valueFrom);
      const end = Math.min(values.length, to - this.valueFrom);
      let n = 0;
      for (let i = start; i < end; i++) if (!Number.isNaN(values[i])) gathered[n++] = values[i];
      into.addColumn(gathered, 0, n);
      return;
    }
    for (let i = from; i < to; i++) {
      let at = this.head[i];
      if (at === HEAVY) this.heavy?.mergeValues(into, this.heavyRow.get(i) ?? 0);
      else for (; at !== NONE; at = this.listNext[at]) into.add(this.listValue[at], 1);
    }
  }

  /**
   * Copies the listed readings of second `index` into the columns, by time, equal times by value.
   * @returns how many; -1 for a heavy second
   */
  readList(index: number, values: Float64Array, ms: Uint16Array, late: Uint8Array, from: number): number {
    const head = this.head as Int16Array;
    if (head[index] === HEAVY) return -1;
    let n = 0;
    for (let at = head[index]; at !== NONE; at = this.listNext[at]) {
      const value = this.listValue[at];
      const time = this.listMs[at];
      const wasLate = this.listLate[at];
      let i = from + n++;
      while (i > from && isAfter(ms[i - 1], values[i - 1], late[i - 1], time, value, wasLate)) {
        values[i] = values[i - 1];
        ms[i] = ms[i - 1];
        late[i] = late[i - 1];
        i--;
      }
      values[i] = value;
      ms[i] = time;
      late[i] = wasLate;
    }
    return n;
  }
}

/** Values of single pages that are closed: making one costs more than filling it. */
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

function isAfter(
  ms: number,
  value: number,
  late: number,
  otherMs: number,
  otherValue: number,
  otherLate: number,
): boolean {
  if (ms !== otherMs) return ms > otherMs;
  return value !== otherValue ? value > otherValue : late > otherLate;
}

function widened<T extends Int16Array | Uint16Array | Uint8Array | Float64Array>(column: T, into: T, at = 0): T {
  into.set(column, at);
  return into;
}
