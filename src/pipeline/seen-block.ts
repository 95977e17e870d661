/** 65,536 sequence numbers of one boot, each seen or not: intervals or a bitmap, whichever is smaller. docs/formats/identity.md */
import { ByteReader, ByteWriter } from "../core/bytes.ts";

/** Sequences in a block: positions in it fit 16 bits. */
export const BLOCK_SEQUENCES = 65_536;
export const BLOCK_WORDS = BLOCK_SEQUENCES / 32;
const BITMAP_BYTES = BLOCK_SEQUENCES / 8;

/** Past this many intervals (4 bytes each) a bitmap is smaller. */
const INTERVALS_MAX = BITMAP_BYTES / 4;

const TAG_INTERVALS = 0;
const TAG_BITMAP = 1;

const out = new ByteWriter(BITMAP_BYTES + 1);

export class SeenBlock {
  /** Ascending, apart by at least one: first and last of each interval, both included. */
  #intervals = new Uint16Array(8);
  #length = 0;
  #bitmap: Uint32Array<ArrayBuffer> | null = null;

  get bytes(): number {
    return 160 + (this.#bitmap === null ? this.#intervals.byteLength : BITMAP_BYTES);
  }

  /** Whether position 0–65,535 was seen. O(log intervals). */
  has(position: number): boolean {
    if (this.#bitmap !== null) return (this.#bitmap[position >>> 5] & (1 << (position & 31))) !== 0;
    const at = this.#intervalBefore(position);
    return at >= 0 && position <= this.#intervals[2 * at + 1];
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
    if (this.#bitmap !== null) {
      for (let i = first; i <= last; i++) this.#bitmap[i >>> 5] |= 1 << (i & 31);
      return;
    }
    const before = this.#intervalBefore(first);
    // The first interval that touches [first - 1, last + 1], and the one after the last such.
    const from = before >= 0 && this.#intervals[2 * before + 1] + 1 >= first ? before : before + 1;
    let to = from;
    while (to < this.#length && this.#intervals[2 * to] <= last + 1) to++;
    if (from === to) this.#insert(from, first, last);
    else {
      const start = Math.min(first, this.#intervals[2 * from]);
      const end = Math.max(last, this.#intervals[2 * to - 1]);
      this.#intervals.copyWithin(2 * from + 2, 2 * to, 2 * this.#length);
      this.#length -= to - from - 1;
      this.#intervals[2 * from] = start;
      this.#intervals[2 * from + 1] = end;
    }
  }

  #insert(at: number, first: number, last: number): void {
    if (this.#length === INTERVALS_MAX) {
      this.#toBitmap();
      this.addRange(first, last);
      return;
    }
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

  #toBitmap(): void {
    const bitmap = new Uint32Array(BLOCK_WORDS);
    for (let i = 0; i < this.#length; i++) {
      const last = this.#intervals[2 * i + 1];
      for (let p = this.#intervals[2 * i]; p <= last; p++) bitmap[p >>> 5] |= 1 << (p & 31);
    }
    this.#bitmap = bitmap;
    this.#intervals = new Uint16Array(0);
    this.#length = 0;
  }

  /** Marks the positions of the set bits of a 32-bit word: bit b is position 32·word + b. */
  addWord(word: number, bits: number): void {
    if (this.#bitmap !== null) {
      this.#bitmap[word] |= bits;
      return;
    }
    const base = word * 32;
    if (bits === -1 || bits === 0xffffffff) {
      this.addRange(base, base + 31);
      return;
    }
    let rest = bits >>> 0;
    while (rest !== 0) {
      const first = 31 - Math.clz32(rest & -rest);
      const run = ~(rest >>> first);
      const length = run === 0 ? 32 : 31 - Math.clz32(run & -run);
      this.addRange(base + first, base + first + length - 1);
      rest = first + length >= 32 ? 0 : (rest >>> (first + length)) << (first + length);
    }
  }

  /** The seen positions of a word as bits. */
  word(word: number): number {
    if (this.#bitmap !== null) return this.#bitmap[word];
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

  /** Its bytes: intervals as varint distances, or the bitmap where that is shorter. */
  encode(): Uint8Array<ArrayBuffer> {
    out.reset();
    if (this.#bitmap === null) this.#writeIntervals(this.#intervals, this.#length);
    if (this.#bitmap !== null || out.length > BITMAP_BYTES) {
      if (this.#bitmap === null) this.#toBitmap();
      const bitmap = this.#bitmap as Uint32Array | null;
      out.reset();
      out.u8(TAG_BITMAP);
      for (let i = 0; i < BLOCK_WORDS; i++) out.u32(bitmap === null ? 0 : bitmap[i]);
    }
    return out.finish();
  }

  #writeIntervals(intervals: Uint16Array, length: number): void {
    out.u8(TAG_INTERVALS);
    let previous = -1;
    for (let i = 0; i < length; i++) {
      out.varint(intervals[2 * i] - previous);
      out.varint(intervals[2 * i + 1] - intervals[2 * i]);
      previous = intervals[2 * i + 1];
    }
  }

  static decode(bytes: Uint8Array): SeenBlock {
    const from = new ByteReader(bytes);
    const block = new SeenBlock();
    if (from.u8() === TAG_BITMAP) {
      block.#bitmap = new Uint32Array(BLOCK_WORDS);
      for (let i = 0; i < BLOCK_WORDS; i++) block.#bitmap[i] = from.u32();
      return block;
    }
    let previous = -1;
    while (!from.done) {
      const first = previous + from.varint();
      previous = first + from.varint();
      block.#insert(block.#length, first, previous);
    }
    return block;
  }
}
