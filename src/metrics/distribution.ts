/**
 * The values of a bucket or window: exact counts up to 1,024 distinct values, past that a sketch of the same readings.
 * Which of the two depends on the set of readings only, never on their order or on how it was put together.
 *
 * The sketch is log-linear: a value is counted under its sign, exponent and six leading mantissa bits (cf. DDSketch:
 * Masson, Rim & Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", 2019, whose
 * logarithmic index needs a logarithm; this one is read from the double's bits). A bucket is 2^-6 of its octave wide and
 * answers with its middle, so every estimate is within 2^-7 = 0.79% of a value in it.
 */
import { type ByteReader, ByteWriter } from "../core/bytes.ts";
import { DISTINCT_VALUES_MAX } from "../core/limits.ts";
import { decimalPlaces, POWERS_OF_TEN } from "./decimals.ts";

/** Relative error bound of a sketched quantile, as the receipt states it. */
export const SKETCH_RELATIVE_ERROR = 2 ** -7;

const FIRST_CAPACITY = 16;
/** Small natural numbers are counted in a table of their own, without hashing: the table begins so long, and grows to DISTINCT_VALUES_MAX. */
const FIRST_SMALL = 16;
const EMPTY = new Float64Array(0);
/** Zeroes all but sign, exponent and six mantissa bits of a double's high word. */
const SKETCH_MASK = ~0x3fff;

const floats = new Float64Array(1);
const words = new Int32Array(floats.buffer);

const EXACT = 0;
const SKETCH = 1;
/** Encoding tags: see docs/formats/history.md. */
const TAG_DECIMALS = 0; // + decimal places 0–6
const TAG_DOUBLES = 7;
const TAG_SKETCH = 8;

const encoding = new ByteWriter(1024);

export class Distribution {
  #mode = EXACT;
  /** How often 0, 1, 2 … were counted, in exact mode. */
  #small = EMPTY;
  /** All other values. Open addressing: a free place has count 0. In sketch mode the keys are bucket edges (the end towards zero). */
  #keys = EMPTY;
  #counts = EMPTY;
  #shift = 0;
  #hashed = 0;
  #distinct = 0;
  /** What `sorted` found, until something is added. */
  #sorted: { readonly keys: Float64Array; readonly counts: Float64Array } | null = null;
  /** Readings in it. */
  count = 0;

  /** True once more than 1,024 distinct values were added: quantiles are then estimates. */
  get sketched(): boolean {
    return this.#mode === SKETCH;
  }

  /** Distinct values, or sketch buckets in use. */
  get distinct(): number {
    return this.#distinct;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return this.#small.length * 8 + this.#keys.length * 16 + 250;
  }

  /** Counts a finite value `times` times. Amortised O(1). */
  add(value: number, times: number): void {
    this.count += times;
    this.#sorted = null;
    if (this.#mode === SKETCH) {
      this.#addKey(edgeOf(value), times);
      return;
    }
    const small = value >>> 0;
    if (small === value && small < DISTINCT_VALUES_MAX) this.#addSmall(small, times);
    else this.#addKey(value, times);
    if (this.#distinct > DISTINCT_VALUES_MAX) this.#toSketch();
  }

  /** Counts the finite values of rows [from, to) once each. */
  addColumn(values: Float64Array, from: number, to: number): void {
    for (let row = from; row < to; row++) {
      row = this.#countSmall(values, row, to);
      if (row < to) this.add(values[row], 1);
    }
  }

  /** Counts rows that the table of small numbers has room for. @returns the first row that is something else */
  #countSmall(values: Float64Array, from: number, to: number): number {
    const small = this.#small;
    const length = small.length;
    let distinct = this.#distinct;
    let row = from;
    for (; row < to; row++) {
      const value = values[row];
      const at = value >>> 0;
      if (at !== value || at >= length) break;
      const before = small[at];
      if (before === 0) distinct++;
      small[at] = before + 1;
    }
    if (row > from) this.#sorted = null;
    this.#distinct = distinct;
    this.count += row - from;
    if (distinct > DISTINCT_VALUES_MAX) this.#toSketch();
    return row;
  }

  #addSmall(value: number, times: number): void {
    if (value >= this.#small.length) {
      const wider = new Float64Array(Math.max(FIRST_SMALL, 2 ** (32 - Math.clz32(value))));
      wider.set(this.#small);
      this.#small = wider;
    }
    if (this.#small[value] === 0) this.#distinct++;
    this.#small[value] += times;
  }

  #addKey(key: number, times: number): void {
    if (this.#keys.length === 0) this.#resize(FIRST_CAPACITY);
    floats[0] = key;
    const keys = this.#keys;
    const counts = this.#counts;
    const mask = keys.length - 1;
    let at = Math.imul(words[0] ^ Math.imul(words[1], 0x9e3779b1), 0x85ebca6b) >>> this.#shift;
    for (;;) {
      if (counts[at] === 0) break;
      if (keys[at] === key) {
        counts[at] += times;
        return;
      }
      at = (at + 1) & mask;
    }
    keys[at] = key;
    counts[at] = times;
    this.#distinct++;
    if (++this.#hashed * 2 > keys.length) this.#grow();
  }

  #grow(): void {
    const keys = this.#keys;
    const counts = this.#counts;
    this.#resize(keys.length * 2);
    for (let i = 0; i < keys.length; i++) if (counts[i] > 0) this.#addKey(keys[i], counts[i]);
  }

  /** An empty table for hashed keys. */
  #resize(capacity: number): void {
    this.#keys = new Float64Array(capacity);
    this.#counts = new Float64Array(capacity);
    this.#shift = Math.clz32(capacity) + 1;
    this.#distinct -= this.#hashed;
    this.#hashed = 0;
  }

  #toSketch(): void {
    const keys = this.#keys;
    const counts = this.#counts;
    const small = this.#small;
    this.#mode = SKETCH;
    this.#small = EMPTY;
    this.#sorted = null;
    this.#resize(256);
    this.#distinct = 0;
    for (let i = 0; i < keys.length; i++) if (counts[i] > 0) this.#addKey(edgeOf(keys[i]), counts[i]);
    for (let i = 0; i < small.length; i++) if (small[i] > 0) this.#addKey(edgeOf(i), small[i]);
  }

  /** Adds everything that `other` holds. O(distinct of `other`). */
  merge(other: Distribution): void {
    if (other.#mode === SKETCH && this.#mode === EXACT) this.#toSketch();
    this.#sorted = null;
    this.#mergeSmall(other.#small);
    const keys = other.#keys;
    const counts = other.#counts;
    for (let i = 0; i < keys.length; i++) {
      if (counts[i] === 0) continue;
      if (other.#mode === SKETCH) {
        this.count += counts[i];
        this.#addKey(keys[i], counts[i]);
      } else this.add(keys[i], counts[i]);
    }
  }

  #mergeSmall(other: Float64Array): void {
    if (other.length === 0) return;
    if (this.#mode === SKETCH) {
      for (let i = 0; i < other.length; i++) if (other[i] > 0) this.add(i, other[i]);
      return;
    }
    if (other.length > this.#small.length) {
      const wider = new Float64Array(other.length);
      wider.set(this.#small);
      this.#small = wider;
    }
    const small = this.#small;
    let count = 0;
    for (let i = 0; i < other.length; i++) {
      const times = other[i];
      if (times === 0) continue;
      if (small[i] === 0) this.#distinct++;
      small[i] += times;
      count += times;
    }
    this.count += count;
    if (this.#distinct > DISTINCT_VALUES_MAX) this.#toSketch();
  }

  /** Distinct values (or edges) ascending, with their counts. Not to be changed. */
  sorted(): { readonly keys: Float64Array; readonly counts: Float64Array } {
    if (this.#sorted !== null) return this.#sorted;
    const hashed = this.#sortedKeys();
    const keys = new Float64Array(this.#distinct);
    const counts = new Float64Array(this.#distinct);
    let n = 0;
    let i = 0;
    for (let value = 0; value < this.#small.length; value++) {
      if (this.#small[value] === 0) continue;
      for (; i < hashed.length && hashed[i] < value; i++) {
        keys[n] = hashed[i];
        counts[n++] = this.#countOf(hashed[i]);
      }
      keys[n] = value;
      counts[n++] = this.#small[value];
    }
    for (; i < hashed.length; i++) {
      keys[n] = hashed[i];
      counts[n++] = this.#countOf(hashed[i]);
    }
    this.#sorted = { keys, counts };
    return this.#sorted;
  }

  #sortedKeys(): Float64Array {
    if (this.#hashed === 0) return EMPTY;
    const keys = new Float64Array(this.#hashed);
    let n = 0;
    for (let i = 0; i < this.#keys.length; i++) if (this.#counts[i] > 0) keys[n++] = this.#keys[i];
    return keys.sort();
  }

  #countOf(key: number): number {
    floats[0] = key;
    const mask = this.#keys.length - 1;
    let at = Math.imul(words[0] ^ Math.imul(words[1], 0x9e3779b1), 0x85ebca6b) >>> this.#shift;
    while (this.#keys[at] !== key || this.#counts[at] === 0) at = (at + 1) & mask;
    return this.#counts[at];
  }

  /**
   * Quantiles, each p in [0, 1]: type 7 (R. J. Hyndman & Y. Fan, "Sample Quantiles in Statistical Packages", 1996),
   * exact or within `SKETCH_RELATIVE_ERROR`; null when empty.
   */
  quantile(p: number): number | null {
    if (this.count === 0) return null;
    const { keys, counts } = this.sorted();
    const h = (this.count - 1) * p;
    const low = Math.floor(h);
    let seen = 0;
    let i = 0;
    while (seen + counts[i] <= low) seen += counts[i++];
    const lower = this.#valueOf(keys[i]);
    if (h === low || seen + counts[i] > low + 1) return lower;
    const upper = this.#valueOf(keys[i + 1]);
    return lower + (h - low) * (upper - lower);
  }

  /** In sketch mode the middle of the bucket behind an edge. */
  #valueOf(key: number): number {
    if (this.#mode === EXACT || key === 0) return key;
    floats[0] = key;
    words[1] += 0x2000; // half a bucket up in magnitude
    return floats[0];
  }

  /** Canonical: the same readings write the same bytes. */
  encode(out: ByteWriter): void {
    const { keys, counts } = this.sorted();
    const places = this.#mode === SKETCH ? -1 : decimalPlaces(keys, keys.length);
    out.u8(this.#mode === SKETCH ? TAG_SKETCH : places >= 0 ? TAG_DECIMALS + places : TAG_DOUBLES);
    out.varint(keys.length);
    let previous = 0;
    for (let i = 0; i < keys.length; i++) {
      if (this.#mode === SKETCH) {
        const rank = rankOf(keys[i]);
        out.signed(rank - previous);
        previous = rank;
      } else if (places >= 0) {
        const scaled = Math.round(keys[i] * POWERS_OF_TEN[places]);
        out.signed(scaled - previous);
        previous = scaled;
      } else out.f64(keys[i]);
      out.varint(counts[i]);
    }
  }

  /** A copy of what `encode` writes. */
  encoded(): Uint8Array {
    encoding.reset();
    this.encode(encoding);
    return encoding.finish();
  }

  /** Reads what `encode` wrote and adds it. */
  mergeEncoded(from: ByteReader): void {
    const tag = from.u8();
    const length = from.varint();
    if (tag > TAG_SKETCH) throw new RangeError(`unknown distribution tag ${tag}`);
    if (tag === TAG_SKETCH && this.#mode === EXACT) this.#toSketch();
    if (tag === 0 && this.#mode === EXACT) {
      this.#mergeEncodedIntegers(from, length);
      return;
    }
    const scale = tag < TAG_DOUBLES ? POWERS_OF_TEN[tag] : 1;
    let previous = 0;
    for (let i = 0; i < length; i++) {
      if (tag === TAG_DOUBLES) {
        const value = from.f64();
        this.add(value, from.varint());
        continue;
      }
      previous += from.signed();
      const times = from.varint();
      if (tag === TAG_SKETCH) {
        this.count += times;
        this.#addKey(edgeAt(previous), times);
      } else this.add(previous / scale, times);
    }
  }

  /** The commonest encoding by itself: natural numbers that were counted before, close together. */
  #mergeEncodedIntegers(from: ByteReader, length: number): void {
    const { bytes } = from;
    let small = this.#small;
    let { position } = from;
    let value = 0;
    let count = 0;
    for (let i = 0; i < length; i++) {
      const distance = bytes[position];
      const next = value + (distance >>> 1);
      if ((distance & 0x81) === 0 && next < small.length && small[next] > 0) {
        let byte = bytes[++position];
        let times = byte & 127;
        for (let scale = 128; byte >= 128; scale *= 128) {
          byte = bytes[++position];
          times += (byte & 127) * scale;
        }
        position++;
        value = next;
        small[value] += times;
        count += times;
        continue;
      }
      from.position = position;
      value += from.signed();
      this.add(value, from.varint());
      position = from.position;
      small = this.#small;
    }
    from.position = position;
    this.count += count;
    this.#sorted = null;
  }
}

/** The bucket edge that a value is counted under: the value with all but six mantissa bits cleared. */
function edgeOf(value: number): number {
  floats[0] = value;
  words[0] = 0;
  words[1] &= SKETCH_MASK;
  return floats[0] + 0; // a cleared negative subnormal must not become -0
}

/** Edges as integers that ascend with them. */
function rankOf(edge: number): number {
  floats[0] = Math.abs(edge);
  const magnitude = words[1] >>> 14;
  return edge < 0 ? -magnitude : magnitude;
}

function edgeAt(rank: number): number {
  words[0] = 0;
  words[1] = Math.abs(rank) << 14;
  return rank < 0 ? -floats[0] : floats[0];
}
