/**
 * Counts of values that are short decimals close to each other, as a sensor's are: value = code / scale, its count at code - low.
 * No hashing, no sorting.
 */
import { BINS_MAX } from "../core/limits.ts";
import type { Entries } from "./entries.ts";

/** Span of codes that always has room. */
const SPAN_SURE = BINS_MAX;
/** More have room while a quarter of them are in use: hashing takes no less memory. */
const HELD = { spanMax: 8 * BINS_MAX, sparsenessMax: 4 };
/** The one table of a query is faster than hashing even when it is mostly empty. */
const WIDE = { spanMax: 32 * BINS_MAX, sparsenessMax: 32 };
/** A table of codes below this begins with 0. */
const FROM_ZERO_MAX = 1024;
const FIRST_LENGTH = 16;
/** A new table starts at the last one's final size, up to this: tables of one sensor are alike, and growing costs more than counting. */
const LEARNED_LENGTH_MAX = 128;
/** Codes stay exact with this. */
const CODE_MAX = 2 ** 50;
const SCALES = [1, 10, 100, 1000, 10_000];
const EMPTY = new Uint32Array(0);

/** Counts have 32 bits: past this many readings of one value, values are counted by hash. */
export const TABLE_COUNT_MAX = 2 ** 32 - 1;

let learnedLength = FIRST_LENGTH;

/** A table that grows in either direction while it is worth its memory. */
export class DecimalTable {
  scale = 1;
  /** The code of the first count. */
  low = 0;
  counts = EMPTY;
  distinct = 0;
  /** Smallest and largest code counted. */
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  readonly #bounds: typeof HELD;

  constructor(isWide: boolean) {
    this.#bounds = isWide ? WIDE : HELD;
  }

  /** Counts a value. @returns false when it and all that are here are not integers at a common scale, span too many of them, or are too many */
  add(value: number, times: number): boolean {
    const code = Math.round(value * this.scale);
    if (code / this.scale === value) return this.#addCode(code, times);
    for (const scale of SCALES) {
      if (scale <= this.scale) continue;
      const finer = Math.round(value * scale);
      if (finer / scale !== value) continue;
      const factor = scale / this.scale;
      if (!this.#cover(Math.min(this.#min * factor, finer), Math.max(this.#max * factor, finer), factor, 1))
        return false;
      return this.#addCode(finer, times);
    }
    return false;
  }

  /** Counts the value code / scale. @returns false when all of them would span too many codes, or it came too often */
  #addCode(code: number, times: number): boolean {
    let at = code - this.low;
    if (!(at >= 0 && at < this.counts.length)) {
      if (!this.#cover(Math.min(this.#min, code), Math.max(this.#max, code), 1, 1)) return false;
      at = code - this.low;
    }
    const before = this.counts[at];
    if (before + times > TABLE_COUNT_MAX) return false;
    if (before === 0) this.#appear(code);
    this.counts[at] = before + times;
    return true;
  }

  /**
   * Makes room for codes at another scale, if it is none finer, or if there are none yet.
   * @param coming different ones, at least
   * @returns by what they are to be multiplied; 0 when there is no room
   */
  expect(first: number, last: number, scale: number, coming: number): number {
    if (!SCALES.includes(scale)) return 0;
    // As small integers, since compiled code is thrown away when a field becomes a double.
    if (this.distinct === 0) this.scale = scale | 0;
    const finer = Math.max(1, scale / this.scale) | 0;
    const factor = Math.max(1, this.scale / scale) | 0;
    const low = first * factor;
    const high = last * factor;
    if (finer > 1 || low < this.low || high >= this.low + this.counts.length) {
      if (!this.#cover(Math.min(this.#min * finer, low), Math.max(this.#max * finer, high), finer, coming)) return 0;
    }
    if (low < this.#min) this.#min = low;
    if (high > this.#max) this.#max = high;
    return factor;
  }

  /** Counts entries whose codes, times `factor`, are expected. No count may pass `TABLE_COUNT_MAX`. */
  addEntries(entries: Entries, factor: number): void {
    const { counts, low } = this;
    while (entries.next()) {
      const at = entries.code * factor - low;
      if (counts[at] === 0) this.distinct++;
      counts[at] += entries.times;
      this.distinct += entries.addRun(counts, 0, at, counts.length, factor, 0);
    }
  }

  #appear(code: number): void {
    this.distinct++;
    if (code < this.#min) this.#min = code;
    if (code > this.#max) this.#max = code;
  }

  /** Makes room for the codes [min, max], at a scale that is `factor` times as fine. @param coming different ones, at least @returns false when they span too many */
  #cover(min: number, max: number, factor: number, coming: number): boolean {
    const span = max - min + 1;
    const { spanMax, sparsenessMax } = this.#bounds;
    if (span > SPAN_SURE && (span > spanMax || span > sparsenessMax * (this.distinct + coming))) return false;
    if (min < -CODE_MAX || max > CODE_MAX) return false;
    const fromZero = min >= 0 && max < FROM_ZERO_MAX;
    const needed = fromZero ? max + 1 : span;
    const least = this.distinct === 0 ? learnedLength : FIRST_LENGTH;
    const length = Math.max(least, 2 ** (32 - Math.clz32(needed - 1)));
    if (this.distinct > 0) learnedLength = Math.min(length, LEARNED_LENGTH_MAX);
    const low = fromZero ? 0 : min - ((length - needed) >> 1);
    const counts = new Uint32Array(length);
    if (factor === 1) {
      const from = this.distinct === 0 ? 0 : this.#min - this.low;
      const to = this.distinct === 0 ? 0 : this.#max - this.low + 1;
      counts.set(this.counts.subarray(from, to), this.distinct === 0 ? 0 : this.#min - low);
    } else {
      for (let i = 0; i < this.counts.length; i++) {
        if (this.counts[i] > 0) counts[(this.low + i) * factor - low] = this.counts[i];
      }
      this.scale *= factor;
      this.#min *= factor;
      this.#max *= factor;
    }
    this.low = low;
    this.counts = counts;
    return true;
  }

  /** Counts the values of rows [from, to) once each, until one that it has no room for yet. No count may pass `TABLE_COUNT_MAX`. @returns that row, or `to` */
  addColumn(values: Float64Array, from: number, to: number): number {
    return this.scale === 1 && this.low === 0
      ? this.#addNaturals(values, from, to)
      : this.#addDecimals(values, from, to);
  }

  #addNaturals(values: Float64Array, from: number, to: number): number {
    const { counts } = this;
    const { length } = counts;
    let row = from;
    for (; row < to; row++) {
      const value = values[row];
      const at = value >>> 0;
      if (at !== value || at >= length) break;
      const before = counts[at];
      if (before === 0) this.#appear(at);
      counts[at] = before + 1;
    }
    return row;
  }

  #addDecimals(values: Float64Array, from: number, to: number): number {
    const { counts, scale, low } = this;
    const { length } = counts;
    let row = from;
    for (; row < to; row++) {
      const value = values[row];
      const code = Math.round(value * scale);
      const at = code - low;
      if (!(at >= 0 && at < length) || code / scale !== value) break;
      const before = counts[at];
      if (before === 0) this.#appear(code);
      counts[at] = before + 1;
    }
    return row;
  }

  /** The value at place i. */
  valueAt(i: number): number {
    return (this.low + i) / this.scale;
  }

  /** Values ascending, with their counts. */
  sorted(): { keys: Float64Array; counts: Float64Array } {
    const keys = new Float64Array(this.distinct);
    const counts = new Float64Array(this.distinct);
    for (let i = 0, n = 0; n < this.distinct; i++) {
      if (this.counts[i] === 0) continue;
      keys[n] = this.valueAt(i);
      counts[n++] = this.counts[i];
    }
    return { keys, counts };
  }

  clear(): void {
    this.counts = EMPTY;
    this.distinct = 0;
    this.scale = 1;
    this.low = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = Number.NEGATIVE_INFINITY;
  }
}
