/**
 * How encoded distributions list their bins: ascending integer codes, each with its count (docs/formats/history.md). One varint holds
 * the count and the step from the code before; steps of more than 3 take another.
 */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { BINS_MAX } from "../core/limits.ts";

/** Codes left out before one: up to two stand in the low bits of the varint, 3 says that a varint of the others follows. */
const GAP_BITS = 2;
const GAP_MAX = (1 << GAP_BITS) - 1;

/** The codes that were read last, and those that `writeEntries` writes: valid until the next of either. */
export const codes = new Float64Array(BINS_MAX);
/** The counts that were read last. */
export const counts = new Float64Array(BINS_MAX);

/** Writes the first `n` of `codes`, at least one, with these counts. */
export function writeEntries(out: ByteWriter, n: number, counted: Float64Array): void {
  out.signed(codes[0]);
  let previous = codes[0] - 1;
  for (let i = 0; i < n; i++) {
    const gap = codes[i] - previous - 1;
    out.varint((counted[i] - 1) * (GAP_MAX + 1) + Math.min(gap, GAP_MAX));
    if (gap >= GAP_MAX) out.varint(gap - GAP_MAX);
    previous = codes[i];
  }
}

/** Reads `n` entries, from 1 to `BINS_MAX`, to `codes` and `counts`. @returns the sum of the counts @throws RangeError past the end */
export function readEntries(from: ByteReader, n: number): number {
  const { bytes } = from;
  let code = from.signed() - 1;
  let { position } = from;
  let total = 0;
  for (let i = 0; i < n; i++) {
    let entry = bytes[position++];
    if (entry >= 128) {
      const second = bytes[position++];
      if (second >= 128) {
        from.position = position - 2;
        position = readLong(from, i, code);
        code = codes[i];
        total += counts[i];
        continue;
      }
      entry = (entry & 127) | (second << 7);
    }
    code += (entry & GAP_MAX) + 1;
    if ((entry & GAP_MAX) === GAP_MAX) {
      from.position = position;
      code += from.varint();
      position = from.position;
    }
    codes[i] = code;
    counts[i] = (entry >> GAP_BITS) + 1;
    total += counts[i];
  }
  if (position > bytes.length) throw new RangeError(`read past the end at byte ${bytes.length}`);
  from.position = position;
  return total;
}

/** Reads an entry of more than two bytes. @returns the position after it */
function readLong(from: ByteReader, i: number, previous: number): number {
  const entry = from.varint();
  const gap = entry % (GAP_MAX + 1);
  codes[i] = previous + gap + 1 + (gap === GAP_MAX ? from.varint() : 0);
  counts[i] = (entry - gap) / (GAP_MAX + 1) + 1;
  return from.position;
}
