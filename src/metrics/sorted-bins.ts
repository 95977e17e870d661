/** Bins in order: how they are merged and made coarser. */
import { edgesInto } from "./value-bits.ts";

/** Edges of bins (all values, while exact) ascending, with their counts. */
export interface Sorted {
  readonly keys: Float64Array;
  readonly counts: Float64Array;
  /** Low bits that the bins drop; 0: exact counts of values. */
  readonly dropped: number;
}

/** No bin. */
export const NOTHING: Sorted = { keys: new Float64Array(0), counts: new Float64Array(0), dropped: 0 };

/** The same readings in bins that drop `dropped` bits, no fewer than they do. O(bins). */
export function coarsened(sorted: Sorted, dropped: number): Sorted {
  if (dropped <= sorted.dropped) return sorted;
  const edges = new Float64Array(sorted.keys.length);
  edgesInto(edges, sorted.keys, dropped);
  const counts = new Float64Array(edges.length);
  let n = -1;
  for (let i = 0; i < edges.length; i++) {
    if (n < 0 || edges[i] !== edges[n]) edges[++n] = edges[i];
    counts[n] += sorted.counts[i];
  }
  return { keys: edges.subarray(0, n + 1), counts: counts.subarray(0, n + 1), dropped };
}

/** All readings of two that drop equally many bits. O(bins). */
export function union(a: Sorted, b: Sorted): Sorted {
  if (a.keys.length === 0) return b;
  const keys = new Float64Array(a.keys.length + b.keys.length);
  const counts = new Float64Array(keys.length);
  let n = 0;
  let j = 0;
  for (let i = 0; i < a.keys.length; i++) {
    while (j < b.keys.length && b.keys[j] < a.keys[i]) {
      keys[n] = b.keys[j];
      counts[n++] = b.counts[j++];
    }
    keys[n] = a.keys[i];
    counts[n] = a.counts[i];
    if (j < b.keys.length && b.keys[j] === a.keys[i]) counts[n] += b.counts[j++];
    n++;
  }
  for (; j < b.keys.length; j++) {
    keys[n] = b.keys[j];
    counts[n++] = b.counts[j];
  }
  return { keys: keys.subarray(0, n), counts: counts.subarray(0, n), dropped: a.dropped };
}
