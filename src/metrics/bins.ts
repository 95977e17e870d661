/**
 * Counts of bins (value-bits.ts), in blocks of 16 neighbours: the values of a sensor lie close to each other, so that most additions
 * find the block that the one before used. Blocks are found by hash, counts stand in order within them.
 */

import type { ByteReader } from "../core/bytes.ts";
import { BINS_HELD_MAX } from "../core/limits.ts";
import { agree, type EntriesHead, GAP_MAX } from "./entries.ts";
import { edgeAt, highMask, lowMask, rankOf } from "./value-bits.ts";

const BLOCK_BITS = 4;
const BLOCK = 1 << BLOCK_BITS;
const FIRST_BLOCKS = 16;

/** Readings that counts of 32 bits can hold. */
const COUNT_MAX = 2 ** 32 - 1;

/** Dropped bits that leave ranks of 32 bits. */
export const RANK_BITS_MIN = 32;

/** The high word of a NaN: of no block. */
const NO_BLOCK = 0x7fffffff;

/** The sign in a high word. */
const SIGN = 1 << 31;

const floats = new Float64Array(1);
const words = new Int32Array(floats.buffer);

/** The bins of one distribution, all of one width. */
export class Bins {
  /** Low bits that the bins drop, at least `DROPPED_MIN`. */
  readonly dropped: number;
  /** Bins that are not empty. */
  distinct = 0;
  /** `BLOCK` counts a block. */
  #counts: Uint32Array | Float64Array = new Uint32Array(FIRST_BLOCKS * BLOCK);
  /** Each block's words: those of its values, less the dropped bits and the four that tell its bins apart. */
  #highs = new Int32Array(FIRST_BLOCKS);
  #lows = new Int32Array(FIRST_BLOCKS);
  #blocks = 0;
  /** Places of blocks + 1 by hash; 0: free. Twice as many as there is room for blocks. */
  #index = new Uint16Array(2 * FIRST_BLOCKS);
  #shift = Math.clz32(2 * FIRST_BLOCKS) + 1;
  /** Readings counted or expected. */
  #readings = 0;
  /** Where in the high word, or else from which bit of the low one on, the bits stand that tell a block's bins apart. */
  readonly #isHigh: boolean;
  readonly #slotShift: number;
  readonly #highMask: number;
  readonly #lowMask: number;
  /** The block used last. */
  #high = NO_BLOCK;
  #low = 0;
  #base = 0;

  constructor(dropped: number) {
    this.dropped = dropped;
    this.#isHigh = dropped >= 32;
    this.#slotShift = dropped % 32;
    this.#highMask = highMask(dropped + BLOCK_BITS);
    this.#lowMask = lowMask(dropped + BLOCK_BITS);
  }

  /** About how many bytes of memory the columns hold. */
  get bytes(): number {
    return this.#counts.byteLength + 8 * this.#highs.length + this.#index.byteLength;
  }

  /** Counts a value in its bin. */
  add(value: number, times: number): void {
    floats[0] = value;
    this.#expect(times);
    this.#addBits(words[1], words[0], times);
  }

  /** Counts the values of rows [from, to) once each, while there are not too many bins. @returns the row after the last one counted */
  addColumn(values: Float64Array, from: number, to: number): number {
    this.#expect(to - from);
    let row = from;
    while (row < to && this.distinct <= BINS_HELD_MAX) {
      floats[0] = values[row++];
      this.#addBits(words[1], words[0], 1);
    }
    return row;
  }

  /** Counts the values codes[i] / scale, for the first of them, times[i] times each. */
  addDecimals(codes: Float64Array, times: Float64Array, { n, total }: EntriesHead, scale: number): void {
    this.#expect(total);
    for (let i = 0; i < n; i++) {
      floats[0] = codes[i] / scale;
      this.#addBits(words[1], words[0], times[i]);
    }
  }

  /** Counts encoded entries whose codes are ranks that drop `dropped` bits: no more than these do, at least `RANK_BITS_MIN`. */
  addEntries(from: ByteReader, head: EntriesHead, dropped: number): void {
    this.#expect(head.total);
    const { bytes } = from;
    const { n, gapBits } = head;
    const gapMask = (1 << gapBits) - 1;
    const shift = dropped - RANK_BITS_MIN;
    const mask = this.#highMask;
    const slotShift = this.#slotShift;
    let counts = this.#counts;
    let block = NO_BLOCK;
    let base = 0;
    let { position } = from;
    let rank = (head.first | 0) - 1;
    let total = 0;
    let appeared = 0;
    for (let i = 0; i < n; i++) {
      let entry = bytes[position++];
      if (entry >= 128) entry = (entry & 127) | (bytes[position++] << 7);
      let times = (entry >>> gapBits) + 1;
      let gap = entry & gapMask;
      if (entry >= 1 << 14) {
        from.position = position - 2;
        const long = from.varint();
        position = from.position;
        gap = long % (gapMask + 1);
        times = (long - gap) / (gapMask + 1) + 1;
      }
      if (gap === GAP_MAX) {
        from.position = position;
        gap += from.varint();
        position = from.position;
      }
      rank = (rank + gap + 1) | 0;
      const sign = rank >> 31;
      const high = (((rank ^ sign) - sign) << shift) | (sign & SIGN);
      if ((high & mask) !== block) {
        block = high & mask;
        this.#turnTo(block, 0);
        base = this.#base;
        counts = this.#counts;
      }
      const at = base + ((high >>> slotShift) & (BLOCK - 1));
      const before = counts[at];
      if (before === 0) appeared++;
      counts[at] = before + times;
      total += times;
    }
    this.distinct += appeared;
    from.position = position;
    agree(from, head, rank, total);
  }

  /** Announces `n` readings; widens all counts to doubles once 32 bits might not hold them. */
  #expect(readings: number): void {
    this.#readings += readings;
    if (this.#readings > COUNT_MAX && this.#counts instanceof Uint32Array)
      this.#counts = Float64Array.from(this.#counts);
  }

  #addBits(high: number, low: number, times: number): void {
    const blockHigh = high & this.#highMask;
    const blockLow = low & this.#lowMask;
    if (blockHigh !== this.#high || blockLow !== this.#low) this.#turnTo(blockHigh, blockLow);
    const bits = this.#isHigh ? high >>> this.#slotShift : (low >>> this.#slotShift) | (high << (32 - this.#slotShift));
    const at = this.#base + (bits & (BLOCK - 1));
    const counts = this.#counts;
    const before = counts[at];
    if (before === 0) this.distinct++;
    counts[at] = before + times;
  }

  /** Makes a block the one used last; creates it when it is missing. */
  #turnTo(high: number, low: number): void {
    let at = this.#find(high, low);
    if (this.#index[at] === 0) {
      if (this.#blocks === this.#highs.length) {
        this.#grow();
        at = this.#find(high, low);
      }
      this.#highs[this.#blocks] = high;
      this.#lows[this.#blocks] = low;
      this.#index[at] = ++this.#blocks;
    }
    this.#high = high;
    this.#low = low;
    this.#base = (this.#index[at] - 1) * BLOCK;
  }

  /** The block's place in the index, or the free one where it belongs. */
  #find(high: number, low: number): number {
    const index = this.#index;
    const mask = index.length - 1;
    let at = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> this.#shift;
    while (index[at] !== 0 && (this.#highs[index[at] - 1] !== high || this.#lows[index[at] - 1] !== low)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  #grow(): void {
    const room = 2 * this.#highs.length;
    const counts =
      this.#counts instanceof Float64Array ? new Float64Array(room * BLOCK) : new Uint32Array(room * BLOCK);
    counts.set(this.#counts);
    this.#counts = counts;
    this.#highs = widened(this.#highs, room);
    this.#lows = widened(this.#lows, room);
    this.#index = new Uint16Array(2 * room);
    this.#shift = Math.clz32(2 * room) + 1;
    for (let i = 0; i < this.#blocks; i++) this.#index[this.#find(this.#highs[i], this.#lows[i])] = i + 1;
  }

  /** Edges ascending, with their counts. */
  sorted(): { keys: Float64Array; counts: Float64Array } {
    const keys = new Float64Array(this.distinct);
    const counts = new Float64Array(this.distinct);
    const edges = Float64Array.from({ length: this.#blocks }, (_, i) => this.#blockEdge(i));
    const blocks = Array.from(edges.keys()).sort((a, b) => edges[a] - edges[b]);
    let n = 0;
    for (const block of blocks) {
      const rank = rankOf(edges[block], this.dropped);
      // Below zero a block's bins descend.
      const isBelow = edges[block] < 0;
      for (let k = 0; k < BLOCK; k++) {
        const slot = isBelow ? BLOCK - 1 - k : k;
        const count = this.#counts[block * BLOCK + slot];
        if (count === 0) continue;
        keys[n] = edgeAt(isBelow ? rank - slot : rank + slot, this.dropped);
        counts[n++] = count;
      }
    }
    return { keys, counts };
  }

  #blockEdge(i: number): number {
    words[1] = this.#highs[i];
    words[0] = this.#lows[i];
    return floats[0];
  }
}

function widened(column: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(length);
  wider.set(column);
  return wider;
}
