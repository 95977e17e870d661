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
import { DecimalTable, TABLE_COUNT_MAX } from "./decimal-table.ts";
import { decimalPlaces, POWERS_OF_TEN } from "./decimals.ts";
import { HashedCounts } from "./hashed-counts.ts";

/** Relative error bound of a sketched quantile, as the receipt states it. */
export const SKETCH_RELATIVE_ERROR = 2 ** -7;

/** Zeroes all but sign, exponent and six mantissa bits of a double's high word. */
const SKETCH_MASK = ~0x3fff;

const floats = new Float64Array(1);
const words = new Int32Array(floats.buffer);

/** Exact counts in a table, exact counts by hash, a sketch: a distribution moves on, never back. */
const TABLE = 0;
const HASH = 1;
const SKETCH = 2;
/** Encoding tags: see docs/formats/history.md. */
const TAG_DECIMALS = 0; // + decimal places 0–6
const TAG_DOUBLES = 7;
const TAG_SKETCH = 8;

/** Largest count of one byte. */
const SHORT_COUNT_MAX = 127;

/** Two tables and their fields. */
const OBJECT_BYTES = 400;

const encoding = new ByteWriter(1024);

export class Distribution {
  #mode = TABLE;
  /** Values that are decimals close to each other, as long as all are. */
  readonly #table = new DecimalTable();
  /** Otherwise all values; in sketch mode bucket edges (the end towards zero). */
  readonly #hashed = new HashedCounts();
  /** What `sorted` found, until something is added. */
  #sorted: { readonly keys: Float64Array; readonly counts: Float64Array } | null = null;
  /** Readings in it. */
  count = 0;

  /** True once more than 1,024 distinct values were added: quantiles are then estimates. */
  get sketched(): boolean {
    return this.#mode === SKETCH;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return this.#table.counts.byteLength + this.#hashed.keys.length * 16 + OBJECT_BYTES;
  }

  /** Counts a finite value `times` times. Amortised O(1). */
  add(value: number, times: number): void {
    this.count += times;
    this.#sorted = null;
    if (this.#mode === TABLE) {
      if (this.#table.add(value, times)) return;
      this.#toHash();
    }
    if (this.#mode === HASH) {
      this.#hashed.add(value, times);
      if (this.#hashed.distinct > DISTINCT_VALUES_MAX) this.#toSketch();
    } else this.#hashed.add(edgeOf(value), times);
  }

  /** Counts the finite values of rows [from, to) once each. */
  addColumn(values: Float64Array, from: number, to: number): void {
    let row = from;
    this.#sorted = null;
    if (this.#mode === TABLE && this.count + to - from > TABLE_COUNT_MAX) this.#toHash();
    while (this.#mode === TABLE && row < to) {
      const start = row;
      row = this.#table.addColumn(values, row, to);
      this.count += row - start;
      if (row < to) this.add(values[row++], 1);
    }
    for (; row < to; row++) this.add(values[row], 1);
  }

  /** A table holds no more values than may be distinct, so this comes before any sketch. */
  #toHash(): void {
    const { counts } = this.#table;
    this.#mode = HASH;
    for (let i = 0; i < counts.length; i++) if (counts[i] > 0) this.#hashed.add(this.#table.valueAt(i), counts[i]);
    this.#table.clear();
  }

  #toSketch(): void {
    if (this.#mode === TABLE) this.#toHash();
    const { keys, counts } = this.#hashed;
    this.#mode = SKETCH;
    this.#sorted = null;
    this.#hashed.clear();
    for (let i = 0; i < keys.length; i++) if (counts[i] > 0) this.#hashed.add(edgeOf(keys[i]), counts[i]);
  }

  /** Adds everything that `other` holds. O(distinct of `other`). */
  merge(other: Distribution): void {
    if (other.#mode === TABLE) {
      const { counts, low, scale } = other.#table;
      this.#table.adopt(scale);
      for (let i = 0; i < counts.length; i++) if (counts[i] > 0) this.#addDecimal(low + i, scale, counts[i]);
      return;
    }
    const { keys, counts } = other.#hashed;
    if (other.#mode === SKETCH && this.#mode !== SKETCH) this.#toSketch();
    for (let i = 0; i < keys.length; i++) {
      if (counts[i] === 0) continue;
      if (other.#mode === SKETCH) this.#addEdge(keys[i], counts[i]);
      else this.add(keys[i], counts[i]);
    }
  }

  #addEdge(edge: number, times: number): void {
    this.count += times;
    this.#sorted = null;
    this.#hashed.add(edge, times);
  }

  /** Counts the value code / scale. */
  #addDecimal(code: number, scale: number, times: number): void {
    if (this.#mode === TABLE && this.#table.scale === scale && this.#table.addCode(code, times)) {
      this.count += times;
      this.#sorted = null;
    } else this.add(code / scale, times);
  }

  /** Distinct values (or edges) ascending, with their counts. Not to be changed. */
  sorted(): { readonly keys: Float64Array; readonly counts: Float64Array } {
    if (this.#sorted !== null) return this.#sorted;
    const table = this.#table;
    const keys = this.#mode === TABLE ? new Float64Array(table.distinct) : this.#hashed.sortedKeys();
    const counts = new Float64Array(keys.length);
    if (this.#mode === TABLE) {
      for (let i = 0, n = 0; i < table.counts.length; i++) {
        if (table.counts[i] === 0) continue;
        keys[n] = table.valueAt(i);
        counts[n++] = table.counts[i];
      }
    } else for (let i = 0; i < keys.length; i++) counts[i] = this.#hashed.countOf(keys[i]);
    this.#sorted = { keys, counts };
    return this.#sorted;
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
    if (this.#mode !== SKETCH || key === 0) return key;
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
    if (tag === TAG_SKETCH && this.#mode !== SKETCH) this.#toSketch();
    if (tag < TAG_DOUBLES) this.#mergeDecimals(from, length, POWERS_OF_TEN[tag - TAG_DECIMALS]);
    else {
      let rank = 0;
      for (let i = 0; i < length; i++) {
        if (tag === TAG_DOUBLES) {
          const value = from.f64();
          this.add(value, from.varint());
        } else {
          rank += from.signed();
          this.#addEdge(edgeAt(rank), from.varint());
        }
      }
    }
  }

  /** Distances of codes, each with its count. Those of values that were counted before, in few bytes, are read here. */
  #mergeDecimals(from: ByteReader, length: number, scale: number): void {
    const { bytes } = from;
    const table = this.#table;
    table.adopt(scale);
    let { position } = from;
    let { counts, low } = table;
    const isRoomy = this.count + SHORT_COUNT_MAX * length <= TABLE_COUNT_MAX;
    let isScale = isRoomy && table.scale === scale;
    let code = 0;
    let added = 0;
    for (let i = 0; i < length; i++) {
      const distance = bytes[position];
      const times = bytes[position + 1];
      const at = code + (distance >>> 1) - low;
      if (
        isScale &&
        (distance & 0x81) === 0 &&
        times <= SHORT_COUNT_MAX &&
        at >= 0 &&
        at < counts.length &&
        counts[at] > 0
      ) {
        code += distance >>> 1;
        counts[at] += times;
        added += times;
        position += 2;
        continue;
      }
      from.position = position;
      code += from.signed();
      this.#addDecimal(code, scale, from.varint());
      position = from.position;
      ({ counts, low } = table);
      isScale = isRoomy && table.scale === scale;
    }
    from.position = position;
    this.count += added;
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
