/** Seconds with any number of readings each: lists of up to 32, past that bucket rows with counted values. */
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { BucketRows, COUNT, ROW_CELLS } from "./bucket-rows.ts";
import { anyEnd, ascendingEnd, foldSecond, SECOND_ROWS_MAX } from "./fold-second.ts";
import { minuteOf, SECONDS_PER_PAGE } from "./levels.ts";
import { ReadingRun } from "./reading-run.ts";
import { widened } from "./widened.ts";

/** Readings of one second that are kept one by one: about where a bucket row with counted values becomes smaller. */
export const LISTED_READINGS_MAX = 32;

/** `head` of a second without listed readings, and of a heavy one. */
const NONE = -1;
const HEAVY = -2;

const PAGE_MS = SECONDS_PER_PAGE * 1000;

const FIRST_LIST_CAPACITY = 64;

/** One reading. */
const one = new ReadingRun(1);

/** Values of some seconds on their way into an aggregate. */
const gathered = new Float64Array(SECONDS_PER_PAGE * LISTED_READINGS_MAX);

/**
 * A page of level 0 once a second holds two readings. Each second: *empty* → *listed* → *heavy*, on its 33rd reading or when as many come
 * at once; never back. The state depends on the set of readings only.
 */
export class ListedSeconds {
  /** Second since the epoch of the page's first bucket. */
  readonly start: number;
  /** Each second's readings as a chain from `head` through `next`, newest first. */
  readonly #head = new Int16Array(SECONDS_PER_PAGE).fill(NONE);
  #next = new Int16Array(0);
  #value = new Float64Array(0);
  #ms = new Uint16Array(0);
  #late = new Uint8Array(0);
  #listed = 0;
  #freed = NONE;
  /** Heavy seconds: rows of buckets, and each second's row. */
  heavy: BucketRows | null = null;
  readonly heavyRow = new Map<number, number>();
  /** Bit m: minute m of the page got a reading by `fold`. */
  touched = 0;

  constructor(start: number) {
    this.start = start;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return 900 + 2 * SECONDS_PER_PAGE + 13 * this.#next.length + (this.heavy?.bytes ?? 0);
  }

  /** Folds rows of a run while they belong to this page; many rows of one second at once. @returns the first row of another page */
  fold(run: ReadingRun, from: number, to: number): number {
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
      this.touched |= 1 << minuteOf(second);
      const head = this.#head;
      if (head[second] !== HEAVY && end - row > LISTED_READINGS_MAX) this.#becomeHeavy(second);
      for (; row < end && head[second] !== HEAVY; row++) this.put(second, time[row] - start, value[row], late[row]);
      if (row < end) {
        const bucket = this.heavyRow.get(second) ?? 0;
        foldSecond(this.heavy as BucketRows, bucket, run, row, end);
      }
      row = end;
    }
    return row;
  }

  /** Puts one reading into second `index` (0–599). */
  put(index: number, ms: number, value: number, late: number): void {
    const head = this.#head;
    const first = head[index];
    let length = 0;
    for (let at = first; at !== NONE; at = this.#next[at]) length++;
    if (length === LISTED_READINGS_MAX) {
      const row = this.#becomeHeavy(index);
      this.#foldOneHeavy(row, (this.start + index) * 1000 + ms, value, late);
      return;
    }
    const at = this.#place();
    this.#value[at] = value;
    this.#ms[at] = ms;
    this.#late[at] = late;
    this.#next[at] = first;
    head[index] = at;
  }

  /** A free slot of the list: 600 · 32 slots fit 15 bits. */
  #place(): number {
    if (this.#freed !== NONE) {
      const at = this.#freed;
      this.#freed = this.#next[at];
      return at;
    }
    if (this.#listed === this.#next.length) {
      const capacity = Math.max(
        FIRST_LIST_CAPACITY,
        Math.min(this.#listed * 2, SECONDS_PER_PAGE * LISTED_READINGS_MAX),
      );
      this.#next = widened(this.#next, new Int16Array(capacity));
      this.#value = widened(this.#value, new Float64Array(capacity));
      this.#ms = widened(this.#ms, new Uint16Array(capacity));
      this.#late = widened(this.#late, new Uint8Array(capacity));
    }
    return this.#listed++;
  }

  /** A second becomes a row, with what its list held. @returns the row */
  #becomeHeavy(index: number): number {
    const head = this.#head;
    let at = head[index];
    const row = this.addHeavy(index);
    const base = (this.start + index) * 1000;
    while (at !== NONE) {
      this.#foldOneHeavy(row, base + this.#ms[at], this.#value[at], this.#late[at]);
      const next = this.#next[at];
      this.#next[at] = this.#freed;
      this.#freed = at;
      at = next;
    }
    return row;
  }

  /** Makes an empty row for a heavy second; its readings come by `fold`, or the row is filled by a decoder. */
  addHeavy(index: number): number {
    this.heavy ??= new BucketRows();
    const row = this.heavy.addRow();
    this.heavyRow.set(index, row);
    this.#head[index] = HEAVY;
    return row;
  }

  #foldOneHeavy(row: number, time: number, value: number, late: number): void {
    foldSecond(this.heavy as BucketRows, row, one.setOne(time, value, late), 0, 1);
  }

  /**
   * Takes over another page's seconds outside [from, to); that page is not used any more.
   * @returns how many readings they hold
   */
  takeOver(source: ListedSeconds, from: number, to: number): number {
    let count = 0;
    for (let i = 0; i < SECONDS_PER_PAGE; i++) {
      if (i >= from && i < to) continue;
      if (source.#head[i] === HEAVY) count += this.#takeHeavy(i, source);
      else count += source.eachOf(i, (ms, value, late) => this.put(i, ms, value, late));
    }
    return count;
  }

  #takeHeavy(index: number, source: ListedSeconds): number {
    const from = source.heavyRow.get(index) ?? 0;
    const rows = source.heavy as BucketRows;
    const row = this.addHeavy(index);
    this.heavy?.copyRow(row, rows, from);
    (this.heavy as BucketRows).values[row] = rows.values[from];
    return rows.cells[from * ROW_CELLS + COUNT];
  }

  /** Adds the heavy seconds of another page, which is not used any more. @returns how many readings they hold */
  mergeHeavy(source: ListedSeconds): number {
    let count = 0;
    for (const [index, from] of source.heavyRow) {
      const state = this.#head[index];
      if (state === NONE) {
        count += this.#takeHeavy(index, source);
        continue;
      }
      const rows = source.heavy as BucketRows;
      const row = state === HEAVY ? (this.heavyRow.get(index) ?? 0) : this.#becomeHeavy(index);
      this.heavy?.mergeSecond(row, rows, from);
      count += rows.cells[from * ROW_CELLS + COUNT];
    }
    return count;
  }

  /** Whether a second outside of [from, to) holds more than one reading. */
  isNeededWithout(from: number, to: number): boolean {
    const head = this.#head;
    for (let i = 0; i < SECONDS_PER_PAGE; i++) {
      if (i >= from && i < to) continue;
      if (head[i] === HEAVY || (head[i] !== NONE && this.#next[head[i]] !== NONE)) return true;
    }
    return false;
  }

  /** Hands the listed readings of a second over, newest first. @returns how many there are */
  eachOf(index: number, take: (ms: number, value: number, late: number) => void): number {
    let n = 0;
    for (let at = this.#head[index]; at >= 0; at = this.#next[at], n++) {
      take(this.#ms[at], this.#value[at], this.#late[at]);
    }
    return n;
  }

  /** As `SecondsPage.mergeInto`. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    const head = this.#head;
    const [next, value, ms, late] = [this.#next, this.#value, this.#ms, this.#late];
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
      for (; at !== NONE; at = next[at]) {
        gathered[n++] = value[at];
        aggregate.late += late[at];
      }
    }
    aggregate.addValues(gathered, n, withSums);
    // Only the first and the last second can hold the ends.
    for (const i of [first, last]) {
      if (i === NONE) continue;
      const base = (this.start + i) * 1000;
      for (let at = head[i]; at !== NONE; at = next[at]) {
        aggregate.ends(base + ms[at], value[at], base + ms[at], value[at]);
      }
    }
  }

  /** As `SecondsPage.mergeValues`. */
  mergeValues(into: Distribution, from: number, to: number): void {
    let n = 0;
    for (let i = from; i < to; i++) {
      let at = this.#head[i];
      if (at === HEAVY) this.heavy?.mergeValues(into, this.heavyRow.get(i) ?? 0);
      else for (; at !== NONE; at = this.#next[at]) gathered[n++] = this.#value[at];
    }
    into.addColumn(gathered, 0, n);
  }

  /**
   * Copies the listed readings of second `index` into the columns, by time, equal times by value.
   * @returns how many; -1 for a heavy second
   */
  readList(index: number, values: Float64Array, ms: Uint16Array, late: Uint8Array, from: number): number {
    const head = this.#head;
    if (head[index] === HEAVY) return -1;
    let n = 0;
    for (let at = head[index]; at !== NONE; at = this.#next[at]) {
      const value = this.#value[at];
      const time = this.#ms[at];
      const wasLate = this.#late[at];
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
