/**
 * Counts of bins (value-bits.ts), in blocks of 16 neighbours: the values of a sensor lie close to each other, so that most additions
 * find the block that the one before used. Blocks are found by hash, counts stand in order within them.
 */

import { BINS_HELD_MAX } from "../core/limits.ts";
import type { Entries } from "./entries.ts";
import { edgeAt, highMask, lowMask } from "./value-bits.ts";

/** Bins of a block, as a power of two: few where they are held, as some are empty; many where lists of bins are merged. */
const BLOCK_BITS = 4;
const WIDE_BLOCK_BITS = 8;
const FIRST_BLOCKS = 16;

/** Places of a block's bins must stay below this when they are as fine as those of entries. */
const PLACE_BITS_MAX = 30;

/** Readings that counts of 32 bits can hold. */
const COUNT_MAX = 2 ** 32 - 1;

/** The high word of a NaN: of no block. */
const NO_BLOCK = 0x7fffffff;

const floats = new Float64Array(1);
const words = new Int32Array(floats.buffer);

/** The bins of one distribution, all of one width. */
export class Bins {
  /** Low bits that the bins drop, at least `DROPPED_MIN`. */
  readonly dropped: number;
  /** Bins that are not empty. */
  distinct = 0;
  readonly #blockBits: number;
  /** In each block: 2^blockBits. */
  #counts: Uint32Array | Float64Array;
  /** Each block's words: those of its values, less the dropped bits and those that tell its bins apart. */
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

  /** @param isWide its blocks are large: not to be held for long */
  constructor(dropped: number, isWide: boolean) {
    this.dropped = dropped;
    this.#blockBits = isWide ? WIDE_BLOCK_BITS : BLOCK_BITS;
    this.#counts = new Uint32Array(FIRST_BLOCKS << this.#blockBits);
    this.#isHigh = dropped >= 32;
    this.#slotShift = dropped % 32;
    this.#highMask = highMask(dropped + this.#blockBits);
    this.#lowMask = lowMask(dropped + this.#blockBits);
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

  /** Counts entries whose codes are ranks that drop `dropped` bits: no more than these do. */
  addEntries(entries: Entries, dropped: number): void {
    this.#expect(entries.total);
    const shift = this.dropped - dropped;
    const size = 2 ** (shift + this.#blockBits);
    while (entries.next()) {
      const { code } = entries;
      floats[0] = edgeAt(code, dropped);
      this.#addBits(words[1], words[0], entries.times);
      if (shift + this.#blockBits > PLACE_BITS_MAX) continue;
      const place = Math.abs(code) % size;
      this.distinct += entries.addRun(this.#counts, this.#base, place, size, code < 0 ? -1 : 1, shift);
    }
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
    const at = this.#base + (bits & ((1 << this.#blockBits) - 1));
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
    this.#base = (this.#index[at] - 1) << this.#blockBits;
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
    const length = room << this.#blockBits;
    const counts = this.#counts instanceof Float64Array ? new Float64Array(length) : new Uint32Array(length);
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
    const edges = Float64Array.from({ length: this.#blocks }, (_, i) => this.#edge(i, 0));
    const blocks = Array.from(edges.keys()).sort((a, b) => edges[a] - edges[b]);
    const size = 1 << this.#blockBits;
    let n = 0;
    for (const block of blocks) {
      // Below zero a block's bins descend.
      const isBelow = edges[block] < 0;
      for (let k = 0; k < size; k++) {
        const slot = isBelow ? size - 1 - k : k;
        const count = this.#counts[block * size + slot];
        if (count === 0) continue;
        keys[n] = this.#edge(block, slot);
        counts[n++] = count;
      }
    }
    return { keys, counts };
  }

  #edge(block: number, slot: number): number {
    const shift = this.#slotShift;
    words[1] = this.#highs[block] | (this.#isHigh ? slot << shift : slot >>> (32 - shift));
    words[0] = this.#isHigh ? 0 : this.#lows[block] | (slot << shift);
    return floats[0];
  }
}

function widened(column: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(length);
  wider.set(column);
  return wider;
}
