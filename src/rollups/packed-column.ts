/** A column of numbers as bytes, each as wide as their span needs, so that any row can be read where it stands: docs/formats/history.md. */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { decimalPlaces, POWERS_OF_TEN } from "../metrics/decimals.ts";

/** Bytes a value: 0 to 4, unsigned above the smallest; or doubles as they are. */
const WIDTH_DOUBLE = 8;
/** Low bits of a column's kind; its decimal places are above. */
const WIDTH_MASK = 15;
const PLACES_SHIFT = 4;

/** Sums below this are exact. */
const EXACT_MAX = Number.MAX_SAFE_INTEGER;

/** What values of each width can be above the smallest. */
const SPANS = [0, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32, ...new Array<number>(4).fill(Number.POSITIVE_INFINITY)];

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

/** Decimals as integers. */
let scaled = new Float64Array(1024);

/**
 * Packs the first `n` values: how (a byte of width and decimal places; then, unless they are doubles, the smallest, scaled, as zigzag)
 * goes to `head`, the values to `body`.
 */
export function packColumn(values: Float64Array, n: number, head: ByteWriter, body: ByteWriter): void {
  let integers = values;
  let places = 0;
  if (!findSmallRange(values, n)) {
    places = decimalPlaces(values, n);
    if (places > 0) integers = scaledBy(POWERS_OF_TEN[places], values, n);
    findRange(integers, n);
  }
  const width = n === 0 ? 0 : places < 0 ? WIDTH_DOUBLE : widthOf(high - low);
  if (width === WIDTH_DOUBLE) {
    head.u8(WIDTH_DOUBLE);
    for (let i = 0; i < n; i++) body.f64(values[i]);
    return;
  }
  head.u8(width | (places << PLACES_SHIFT));
  head.signed(n === 0 ? 0 : low);
  if (width > 0) body.unsignedColumn(integers, n, low, width);
}

/** The smallest and the largest value of the last scan. */
let low = 0;
let high = 0;

/** Finds the range of integers of 32 bits. @returns false when one of the values is something else */
function findSmallRange(values: Float64Array, n: number): boolean {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const value = values[i];
    if ((value | 0) !== value) return false;
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
  }
  low = smallest;
  high = largest;
  return true;
}

function findRange(values: Float64Array, n: number): void {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const value = values[i];
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
  }
  low = smallest;
  high = largest;
}

function scaledBy(factor: number, values: Float64Array, n: number): Float64Array {
  if (scaled.length < n) scaled = new Float64Array(2 * n);
  for (let i = 0; i < n; i++) scaled[i] = Math.round(values[i] * factor);
  return scaled;
}

function widthOf(span: number): number {
  if (span === 0) return 0;
  return span < 2 ** 8 ? 1 : span < 2 ** 16 ? 2 : span < 2 ** 24 ? 3 : span < 2 ** 32 ? 4 : WIDTH_DOUBLE;
}

/** Reads one packed column in place. */
export class PackedColumn {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #width = 0;
  #low = 0;
  #scale = 1;

  /** Every value is 0. */
  zero(): void {
    this.set(0, 0, 0);
  }

  /** Reads what `packColumn` wrote to the head. */
  readHead(from: ByteReader): void {
    const kind = from.u8();
    this.set(kind & WIDTH_MASK, kind >> PLACES_SHIFT, (kind & WIDTH_MASK) === WIDTH_DOUBLE ? 0 : from.signed());
  }

  /** @throws RangeError for an unknown width or number of decimal places */
  set(width: number, places: number, low: number): void {
    if ((width > 4 && width !== WIDTH_DOUBLE) || places >= POWERS_OF_TEN.length) {
      throw new RangeError(`unknown column of width ${width} with ${places} places`);
    }
    this.#width = width;
    this.#low = low;
    this.#scale = POWERS_OF_TEN[places];
  }

  /** Says where `n` values are. @returns where they end @throws RangeError past the end */
  place(bytes: Uint8Array, at: number, n: number): number {
    this.#bytes = bytes;
    this.#at = at;
    const end = at + n * this.#width;
    if (end > bytes.length) throw new RangeError(`a column ends at byte ${end} of ${bytes.length}`);
    return end;
  }

  /** Values scaled and above the smallest, or doubles. */
  #raw(row: number): number {
    const bytes = this.#bytes;
    const width = this.#width;
    const at = this.#at + row * width;
    if (width === 1) return bytes[at];
    if (width === 2) return bytes[at] | (bytes[at + 1] << 8);
    if (width === 3) return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    if (width === 4) return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)) + bytes[at + 3] * 2 ** 24;
    if (width === 0) return 0;
    for (let i = 0; i < 8; i++) doubleBytes[i] = bytes[at + i];
    return double[0];
  }

  value(row: number): number {
    return (this.#low + this.#raw(row)) / this.#scale;
  }

  /** Copies rows [from, to) to the beginning of `into`. */
  copy(into: Float64Array, from: number, to: number): void {
    const low = this.#low;
    const scale = this.#scale;
    if (this.#width === 1 && scale === 1) {
      const bytes = this.#bytes;
      for (let i = 0, at = this.#at + from, n = to - from; i < n; i++) into[i] = low + bytes[at + i];
    } else if (this.#width === 2) {
      const bytes = this.#bytes;
      for (let i = 0, at = this.#at + 2 * from, n = to - from; i < n; i++, at += 2) {
        into[i] = (low + (bytes[at] | (bytes[at + 1] << 8))) / scale;
      }
    } else if (this.#width === WIDTH_DOUBLE) {
      const at = this.#at + from * WIDTH_DOUBLE;
      const length = (to - from) * WIDTH_DOUBLE;
      new Uint8Array(into.buffer, into.byteOffset, length).set(this.#bytes.subarray(at, at + length));
    } else for (let row = from; row < to; row++) into[row - from] = (low + this.#raw(row)) / scale;
  }

  /** The smallest of rows [from, to), at least one. */
  min(from: number, to: number): number {
    const bytes = this.#bytes;
    let raw = this.#raw(from);
    if (this.#width === 1) {
      for (let at = this.#at + from, end = this.#at + to; at < end; at++) if (bytes[at] < raw) raw = bytes[at];
    } else if (this.#width > 0) {
      for (let row = from + 1; row < to; row++) raw = Math.min(raw, this.#raw(row));
    }
    return (this.#low + raw) / this.#scale;
  }

  /** The largest of rows [from, to), at least one. */
  max(from: number, to: number): number {
    const bytes = this.#bytes;
    let raw = this.#raw(from);
    if (this.#width === 1) {
      for (let at = this.#at + from, end = this.#at + to; at < end; at++) if (bytes[at] > raw) raw = bytes[at];
    } else if (this.#width > 0) {
      for (let row = from + 1; row < to; row++) raw = Math.max(raw, this.#raw(row));
    }
    return (this.#low + raw) / this.#scale;
  }

  /** True when `sum` over `n` rows is exact. */
  sumsExactly(rows: number): boolean {
    return this.#scale === 1 && (Math.abs(this.#low) + SPANS[this.#width]) * rows < EXACT_MAX;
  }

  sum(from: number, to: number): number {
    const bytes = this.#bytes;
    const width = this.#width;
    let at = this.#at + from * width;
    const end = this.#at + to * width;
    // Half words add up in 32 bits: a page has fewer than 2^15 rows.
    let halves = 0;
    let upper = 0;
    if (width === 1) for (; at < end; at++) halves += bytes[at];
    else if (width === 2) for (; at < end; at += 2) halves += bytes[at] | (bytes[at + 1] << 8);
    else if (width === 3) {
      for (; at < end; at += 3) {
        halves += bytes[at] | (bytes[at + 1] << 8);
        upper += bytes[at + 2];
      }
    } else if (width === 4) {
      for (; at < end; at += 4) {
        halves += bytes[at] | (bytes[at + 1] << 8);
        upper += bytes[at + 2] | (bytes[at + 3] << 8);
      }
    } else if (width === WIDTH_DOUBLE) for (let row = from; row < to; row++) halves += this.#raw(row);
    return (this.#low * (to - from) + halves + upper * 2 ** 16) / this.#scale;
  }
}
