/**
 * How encoded distributions list their bins: ascending integer codes, each with its count (docs/formats/history.md). One varint holds
 * the count and the step from the code before; longer steps take another, and where every step is 1 none is written.
 */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { BINS_MAX } from "../core/limits.ts";

/** Codes left out before one: up to two stand in the low bits of the varint, 3 says that a varint of the others follows. */
const GAP_BITS = 2;
/** See `GAP_BITS`. */
export const GAP_MAX = (1 << GAP_BITS) - 1;

/** The codes read last, or to be written by `writeEntries`: valid until the next call of either. */
export const codes = new Float64Array(BINS_MAX);
/** The counts that were read last. */
export const counts = new Float64Array(BINS_MAX);

/** What precedes the entries. */
export interface EntriesHead {
  /** Entries, from 1 to `BINS_MAX`. */
  readonly n: number;
  /** Sum of their counts. */
  readonly total: number;
  /** The first code, and the last one. */
  readonly first: number;
  readonly last: number;
  /** Low bits of an entry that tell of a gap: none where there are no gaps. */
  readonly gapBits: number;
}

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

/** Reads what precedes `n` entries. */
export function readHead(from: ByteReader, n: number): EntriesHead {
  const total = from.varint();
  const first = from.signed();
  const span = from.varint();
  return { n, total, first, last: first + span, gapBits: gapBitsOf(n, span) };
}

/** Reads the entries that follow a head to `codes` and `counts`. @throws RangeError when they do not agree with it */
export function readEntries(from: ByteReader, head: EntriesHead): void {
  const { bytes } = from;
  const { n, gapBits } = head;
  const gapMask = (1 << gapBits) - 1;
  let code = head.first - 1;
  let { position } = from;
  let total = 0;
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
    code += gap + 1;
    codes[i] = code;
    counts[i] = times;
    total += times;
  }
  from.position = position;
  agree(from, head, code, total);
}

/** @throws RangeError unless the entries ended with that code, had that many readings, and did not go past the end */
export function agree(from: ByteReader, head: EntriesHead, last: number, total: number): void {
  if (last === head.last && total === head.total && from.position <= from.bytes.length) return;
  throw new RangeError(
    `distribution up to code ${last} of ${total} readings, its head says ${head.last}, ${head.total}`,
  );
}
