/**
 * How encoded distributions list their bins: ascending integer codes, each with its count (docs/formats/history.md). One varint holds
 * the count and the step from the code before; longer steps take another, and where every step is 1 none is written.
 */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { BINS_MAX } from "../core/limits.ts";

/** Codes left out before one: up to two stand in the low bits of the varint, 3 says that a varint of the others follows. */
const GAP_BITS = 2;
/** See `GAP_BITS`. */
const GAP_MAX = (1 << GAP_BITS) - 1;

/** The codes that `writeEntries` writes. */
export const codes = new Float64Array(BINS_MAX);

/** A varint of two bytes is below this, one of three below `LONG_MIN`. */
const TWO_BYTES_END = 1 << 14;
/** `addRun` leaves longer varints to `next`. */
const LONG_MIN = 1 << 21;

const gapBitsOf = (n: number, span: number): number => (span === n - 1 ? 0 : GAP_BITS);

/** Writes the first `n` of `codes`, at least one, with these counts. @param total of them */
export function writeEntries(out: ByteWriter, n: number, counted: Float64Array, total: number): void {
  out.varint(total);
  out.signed(codes[0]);
  const span = codes[n - 1] - codes[0];
  out.varint(span);
  const step = 1 << gapBitsOf(n, span);
  let previous = codes[0] - 1;
  for (let i = 0; i < n; i++) {
    const gap = codes[i] - previous - 1;
    out.varint((counted[i] - 1) * step + Math.min(gap, GAP_MAX));
    if (gap >= GAP_MAX) out.varint(gap - GAP_MAX);
    previous = codes[i];
  }
}

/** The entries of one encoded distribution: read one by one (`next`), or many at a time into counts (`addRun`). */
export class Entries {
  readonly #from: ByteReader;
  /** How many there are, from 1 to `BINS_MAX`. */
  readonly n: number;
  /** Sum of their counts. */
  readonly total: number;
  /** The first code, and the last one. */
  readonly first: number;
  readonly last: number;
  /** Low bits of an entry that tell of a gap: none where there are no gaps. */
  readonly #gapBits: number;
  /** The entry read last. */
  code: number;
  times = 0;
  #read = 0;
  #readings = 0;

  /** Reads what precedes the entries. */
  constructor(from: ByteReader, n: number) {
    this.#from = from;
    this.n = n;
    this.total = from.varint();
    this.first = from.signed();
    const span = from.varint();
    this.last = this.first + span;
    this.#gapBits = gapBitsOf(n, span);
    this.code = this.first - 1;
  }

  /** Reads the next entry. @returns false when there is none @throws RangeError when they do not agree with what preceded them */
  next(): boolean {
    if (this.#read === this.n) {
      this.#agree();
      return false;
    }
    const entry = this.#from.varint();
    const step = 1 << this.#gapBits;
    const gap = entry % step;
    this.times = (entry - gap) / step + 1;
    this.code += gap + 1 + (gap === GAP_MAX ? this.#from.varint() : 0);
    this.#readings += this.times;
    this.#read++;
    return true;
  }

  /**
   * Adds the entries that follow to `counts[base + (place >> shift)]` while their places are in [0, size): that of the code read last is
   * `place`, and `step` further for each code after it. Leaves what no usual entry is to `next`.
   * @param counts none of which may pass 32 bits, unless they are doubles
   * @returns how many of the counts were 0
   */
  addRun(
    counts: Uint32Array | Float64Array,
    base: number,
    place: number,
    size: number,
    step: number,
    shift: number,
  ): number {
    const { bytes, position: start } = this.#from;
    const gapBits = this.#gapBits;
    const gapMask = (1 << gapBits) - 1;
    const { n } = this;
    let position = start | 0;
    let at = place | 0;
    let i = this.#read;
    let appeared = 0;
    let more = 0;
    for (; i < n; i++) {
      const before = position;
      let entry = bytes[position++];
      if (entry >= 128) {
        entry = (entry & 127) | (bytes[position++] << 7);
        if (entry >= TWO_BYTES_END) entry = (entry & (TWO_BYTES_END - 1)) | (bytes[position++] << 14);
      }
      let gap = entry & gapMask;
      if (gap === GAP_MAX) {
        gap += bytes[position++];
        if (gap >= 128 + GAP_MAX) gap = ((gap - GAP_MAX) & 127) + (bytes[position++] << 7) + GAP_MAX;
      }
      const to = (at + (gap + 1) * step) | 0;
      if (to >>> 0 >= size || entry >= LONG_MIN || gap >= TWO_BYTES_END + GAP_MAX) {
        position = before;
        break;
      }
      at = to;
      const slot = base + (to >> shift);
      const count = counts[slot];
      if (count === 0) appeared++;
      counts[slot] = count + (entry >>> gapBits) + 1;
      more += entry >>> gapBits;
    }
    this.#from.position = position;
    this.#readings += more + i - this.#read;
    this.#read = i;
    this.code += (at - place) / step;
    return appeared;
  }

  #agree(): void {
    const { bytes, position } = this.#from;
    if (this.code === this.last && this.#readings === this.total && position <= bytes.length) return;
    throw new RangeError(
      `distribution up to code ${this.code} of ${this.#readings} readings, its head says ${this.last}, ${this.total}`,
    );
  }
}
