/** 65,536 sequence numbers of one boot, each seen or not: intervals or a bitmap, whichever is smaller. docs/formats/identity.md */
import { ByteReader, ByteWriter } from "../core/bytes.ts";

/** Sequences in a block: positions in it fit 16 bits. */
export const BLOCK_SEQUENCES = 65_536;
export const BLOCK_WORDS = BLOCK_SEQUENCES / 32;
const BITMAP_BYTES = BLOCK_SEQUENCES / 8;

/** Fewer intervals than this are searched as quickly as a bitmap. */
const SEARCHED_INTERVALS_MAX = 16;

const TAG_INTERVALS = 0;
const TAG_BITMAP = 1;

const out = new ByteWriter(BITMAP_BYTES + 1);

/**
 * States: *intervals*, while they take less memory than the words that they span, or are few; and *bitmap* of those words. What is stored depends on the
 * set of sequences only.
 */
export class SeenBlock {
  /** Ascending, apart by at least one: first and last of each interval, both included. */
  #intervals = new Uint16Array(8);
  #length = 0;
  #bitmap: Uint32Array<ArrayBuffer> | null = null;
  /** The block's word that the bitmap begins with. */
  #firstWord = 0;

  get bytes(): number {
    return 160 + (this.#bitmap ?? this.#intervals).byteLength;
  }

  /** Whether position 0–65,535 was seen. O(1), or O(log intervals). */
  has(position: number): boolean {
    const bitmap = this.#bitmap;
    if (bitmap === null) return this.#isIn(this.#intervalBefore(position), position);
    const word = (position >>> 5) - this.#firstWord;
    return word >= 0 && word < bitmap.length && (bitmap[word] & (1 << (position & 31))) !== 0;
  }

  /** Marks a position. @returns false when it was marked already */
  mark(position: number): boolean {
    const bitmap = this.#bitmap;
    if (bitmap !== null) {
      const word = (position >>> 5) - this.#firstWord;
      if (word >= 0 && word < bitmap.length) {
        const bit = 1 << (position & 31);
        if ((bitmap[word] & bit) !== 0) return false;
        bitmap[word] |= bit;
        return true;
      }
      this.addRange(position, position);
      return true;
    }
    const before = this.#intervalBefore(position);
    if (this.#isIn(before, position)) return false;
    this.#addInterval(before, position, position);
    return true;
  }

  #isIn(interval: number, position: number): boolean {
    return interval >= 0 && position <= this.#intervals[2 * interval + 1];
  }

  /** The last interval that starts at or before the position; -1 when there is none. */
  #intervalBefore(position: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#intervals[2 * middle] <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Marks [first, last], both included. */
  addRange(first: number, last: number): void {
    if (this.#bitmap !== null) this.#cover(first >>> 5, last >>> 5);
    const bitmap = this.#bitmap;
    if (bitmap === null) this.#addInterval(this.#intervalBefore(first), first, last);
    else setBits(bitmap, first - 32 * this.#firstWord, last - 32 * this.#firstWord);
  }

  /** @param before the last interval that starts at or before `first` */
  #addInterval(before: number, first: number, last: number): void {
    // The first interval that touches [first - 1, last + 1], and the one after the last such.
    const from = before >= 0 && this.#intervals[2 * before + 1] + 1 >= first ? before : before + 1;
    let to = from;
    while (to < this.#length && this.#intervals[2 * to] <= last + 1) to++;
    if (from === to) {
      this.#insert(from, first, last);
      this.#chooseState();
      return;
    }
    const start = Math.min(first, this.#intervals[2 * from]);
    const end = Math.max(last, this.#intervals[2 * to - 1]);
    this.#intervals.copyWithin(2 * from + 2, 2 * to, 2 * this.#length);
    this.#length -= to - from - 1;
    this.#intervals[2 * from] = start;
    this.#intervals[2 * from + 1] = end;
  }

  #insert(at: number, first: number, last: number): void {
    if (2 * this.#length === this.#intervals.length) {
      const wider = new Uint16Array(this.#intervals.length * 2);
      wider.set(this.#intervals);
      this.#intervals = wider;
    }
    this.#intervals.copyWithin(2 * at + 2, 2 * at, 2 * this.#length);
    this.#intervals[2 * at] = first;
    this.#intervals[2 * at + 1] = last;
    this.#length++;
  }

  /** Turns into a bitmap when that takes no more memory than the intervals. */
  #chooseState(): void {
    if (this.#length < SEARCHED_INTERVALS_MAX) return;
    const firstWord = this.#intervals[0] >>> 5;
    const words = (this.#intervals[2 * this.#length - 1] >>> 5) - firstWord + 1;
    if (this.#length < words) return;
    const bitmap = new Uint32Array(words);
    for (let i = 0; i < this.#length; i++) {
      setBits(bitmap, this.#intervals[2 * i] - 32 * firstWord, this.#intervals[2 * i + 1] - 32 * firstWord);
    }
    this.#bitmap = bitmap;
    this.#firstWord = firstWord;
    this.#intervals = new Uint16Array(0);
    this.#length = 0;
  }

  /** Grows the bitmap to hold the words [first, last], with room to spare; or turns back into intervals, when these are fewer than half of its words. */
  #cover(first: number, last: number): void {
    const old = this.#bitmap as Uint32Array<ArrayBuffer>;
    const oldFirst = this.#firstWord;
    const oldEnd = oldFirst + old.length;
    if (first >= oldFirst && last < oldEnd) return;
    let from = Math.min(first, oldFirst);
    let end = Math.max(last + 1, oldEnd);
    // As much again on the side where it grows.
    if (end > oldEnd) end = Math.min(BLOCK_WORDS, Math.max(end, from + 2 * old.length));
    if (from < oldFirst) from = Math.max(0, Math.min(from, end - 2 * old.length));
    const runs = this.#runs();
    this.#bitmap = null;
    if (runs.length < end - from) {
      this.#intervals = new Uint16Array(Math.max(8, runs.length));
      this.#intervals.set(runs);
      this.#length = runs.length / 2;
      return;
    }
    const bitmap = new Uint32Array(end - from);
    bitmap.set(old, oldFirst - from);
    this.#bitmap = bitmap;
    this.#firstWord = from;
  }

  /** First and last of each run of set bits. */
  #runs(): number[] {
    const bitmap = this.#bitmap as Uint32Array<ArrayBuffer>;
    const runs: number[] = [];
    let last = -2;
    for (let w = 0; w < bitmap.length; w++) {
      const base = (this.#firstWord + w) * 32;
      for (let rest = bitmap[w]; rest !== 0; ) {
        const first = 31 - Math.clz32(rest & -rest);
        const length = runLength(rest >>> first);
        if (base + first === last + 1) runs[runs.length - 1] = base + first + length - 1;
        else runs.push(base + first, base + first + length - 1);
        last = base + first + length - 1;
        rest = first + length >= 32 ? 0 : (rest >>> (first + length)) << (first + length);
      }
    }
    return runs;
  }

  /** Marks the positions of the set bits of a 32-bit word: bit b is position 32·word + b. */
  addWord(word: number, bits: number): void {
    if (this.#bitmap !== null) this.#cover(word, word);
    if (this.#bitmap !== null) {
      this.#bitmap[word - this.#firstWord] |= bits;
      return;
    }
    const base = word * 32;
    for (let rest = bits >>> 0; rest !== 0; ) {
      const first = 31 - Math.clz32(rest & -rest);
      const length = runLength(rest >>> first);
      this.addRange(base + first, base + first + length - 1);
      rest = first + length >= 32 ? 0 : (rest >>> (first + length)) << (first + length);
    }
  }

  /** The seen positions of a word as bits. */
  word(word: number): number {
    const bitmap = this.#bitmap;
    if (bitmap !== null) {
      const at = word - this.#firstWord;
      return at >= 0 && at < bitmap.length ? bitmap[at] : 0;
    }
    let bits = 0;
    const base = word * 32;
    for (let at = Math.max(0, this.#intervalBefore(base)); at < this.#length; at++) {
      const first = this.#intervals[2 * at];
      if (first > base + 31) break;
      const last = Math.min(this.#intervals[2 * at + 1], base + 31);
      for (let p = Math.max(first, base); p <= last; p++) bits |= 1 << (p - base);
    }
    return bits;
  }

  /** Its bytes: intervals as varint distances, or a bitmap of the whole block where that is shorter. */
  encode(): Uint8Array<ArrayBuffer> {
    out.reset();
    out.u8(TAG_INTERVALS);
    if (this.#bitmap === null) writeIntervals(this.#intervals, 2 * this.#length);
    else {
      const runs = this.#runs();
      writeIntervals(runs, runs.length);
    }
    if (out.length > BITMAP_BYTES) {
      out.reset();
      out.u8(TAG_BITMAP);
      for (let w = 0; w < BLOCK_WORDS; w++) out.u32(this.word(w) >>> 0);
    }
    return out.finish();
  }

  /** @throws RangeError for what `encode` cannot have written */
  static decode(bytes: Uint8Array): SeenBlock {
    const from = new ByteReader(bytes);
    const block = new SeenBlock();
    if (from.u8() === TAG_BITMAP) {
      const bitmap = new Uint32Array(BLOCK_WORDS);
      for (let w = 0; w < BLOCK_WORDS; w++) bitmap[w] = from.u32();
      block.#bitmap = bitmap;
      return block;
    }
    let previous = -1;
    while (!from.done) {
      const first = previous + from.varint();
      previous = first + from.varint();
      if (previous >= BLOCK_SEQUENCES) throw new RangeError(`an interval up to ${previous} of ${BLOCK_SEQUENCES}`);
      block.#insert(block.#length, first, previous);
    }
    block.#chooseState();
    return block;
  }
}

function setBits(bitmap: Uint32Array, first: number, last: number): void {
  for (let i = first; i <= last; i++) bitmap[i >>> 5] |= 1 << (i & 31);
}

/** How many of the lowest bits are set, one at least is. */
function runLength(bits: number): number {
  const clear = ~bits;
  return clear === 0 ? 32 : 31 - Math.clz32(clear & -clear);
}

function writeIntervals(ends: ArrayLike<number>, n: number): void {
  let previous = -1;
  for (let i = 0; i < n; i += 2) {
    out.varint(ends[i] - previous);
    out.varint(ends[i + 1] - ends[i]);
    previous = ends[i + 1];
  }
}
