/** Which rows of a page are in use, a bit each, lowest first. */
import type { ByteWriter } from "../core/bytes.ts";

const BITS = new Uint8Array(256);
for (let i = 1; i < 256; i++) BITS[i] = BITS[i >> 1] + (i & 1);

/** Writes the bit 1 for each of the first `length` rows that is not 0. */
export function writeBitmap(out: ByteWriter, column: Uint8Array, length: number): void {
  for (let from = 0; from < length; from += 8) {
    let bits = 0;
    const end = Math.min(8, length - from);
    for (let bit = 0; bit < end; bit++) if (column[from + bit] !== 0) bits |= 1 << bit;
    out.u8(bits);
  }
}

/** Whether bit i is set. */
export function hasBit(bitmap: Uint8Array, i: number): boolean {
  return (bitmap[i >> 3] & (1 << (i & 7))) !== 0;
}

/** Ones in [from, to). O((to - from) / 8). */
export function countBits(bitmap: Uint8Array, from: number, to: number): number {
  if (from >= to) return 0;
  const first = from >> 3;
  const last = to >> 3;
  const head = 0xff << (from & 7);
  const tail = (1 << (to & 7)) - 1;
  if (first === last) return BITS[bitmap[first] & head & tail];
  let count = BITS[bitmap[first] & head & 0xff];
  for (let i = first + 1; i < last; i++) count += BITS[bitmap[i]];
  return tail === 0 ? count : count + BITS[bitmap[last] & tail];
}

/** The first one in [from, to); `to` when there is none. */
export function firstBit(bitmap: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to && !hasBit(bitmap, i)) i++;
  return i;
}

/** The last one in [from, to); `from - 1` when there is none. */
export function lastBit(bitmap: Uint8Array, from: number, to: number): number {
  let i = to - 1;
  while (i >= from && !hasBit(bitmap, i)) i--;
  return i;
}
