/**
 * Folds the readings of one second into its bucket, many at once. Each loop over rows is a function of its own: V8 compiles that sooner,
 * and faster, than a loop inside a function that is rarely called.
 */
import {
  type BucketRows,
  COUNT,
  FIRST_TIME,
  FIRST_VALUE,
  LAST_TIME,
  LAST_VALUE,
  LATE,
  MAX,
  MIN,
  ROW_CELLS,
  SECONDS,
} from "./bucket-rows.ts";
import type { ReadingRun } from "./reading-run.ts";

/** Rows that are folded at once. */
export const SECOND_ROWS_MAX = 16_384;

/** `SECOND_ROWS_MAX` integers up to this magnitude, and their squares, add up exactly in plain doubles: 2^14 · 2^38 < 2^53. */
const SMALL_INTEGER_MAX = 2 ** 19;

/**
 * Folds rows [from, to) of a run, at most `SECOND_ROWS_MAX`, all of one second, into its bucket.
 * @param row the bucket's
 */
export function foldSecond(rows: BucketRows, row: number, run: ReadingRun, from: number, to: number): void {
  const { time, value, late, ascending } = run;
  const { cells } = rows;
  const at = row * ROW_CELLS;
  if (cells[at + COUNT] === 0) {
    cells[at + MIN] = Number.POSITIVE_INFINITY;
    cells[at + MAX] = Number.NEGATIVE_INFINITY;
    cells[at + FIRST_TIME] = Number.POSITIVE_INFINITY;
    cells[at + LAST_TIME] = Number.NEGATIVE_INFINITY;
  }
  cells[at + COUNT] += to - from;
  cells[at + SECONDS] = 1;
  cells[at + LATE] += lateRows(late, from, to);
  foldRange(cells, at, value, from, to);
  const rest = addSmallIntegers(value, from, to);
  if (smallSums[0] !== 0) rows.addSum(row, smallSums[0]);
  if (smallSums[1] !== 0) rows.addSquares(row, smallSums[1]);
  for (let i = rest; i < to; i++) rows.addExactly(row, value[i]);
  if (ascending) {
    foldEdges(cells, at, time, value, from, ascendingEnd(time, from, to, time[from] + 1));
    let last = to - 1;
    while (last > from && time[last - 1] === time[to - 1]) last--;
    foldEdges(cells, at, time, value, last, to);
  } else foldEdges(cells, at, time, value, from, to);
  rows.valuesOf(row).addColumn(value, from, to);
}

function lateRows(late: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) count += late[i];
  return count;
}

/** The first row after `row` whose time is not in [start, end) any more. */
export function anyEnd(time: Float64Array, row: number, limit: number, start: number, end: number): number {
  let next = row + 1;
  while (next < limit && time[next] >= start && time[next] < end) next++;
  return next;
}

/** The same where times ascend: by steps twice as long each, then by halves. */
export function ascendingEnd(time: Float64Array, row: number, limit: number, end: number): number {
  let before = row;
  let step = 1;
  while (before + step < limit && time[before + step] < end) {
    before += step;
    step *= 2;
  }
  let next = Math.min(before + step, limit);
  while (next - before > 1) {
    const middle = (before + next) >>> 1;
    if (time[middle] < end) before = middle;
    else next = middle;
  }
  return next;
}

/** Updates a bucket's first and last reading from rows [from, to). Ties in time: the smallest value is first, the largest last. */
function foldEdges(
  cells: Float64Array,
  at: number,
  time: Float64Array,
  value: Float64Array,
  from: number,
  to: number,
): void {
  let firstTime = cells[at + FIRST_TIME];
  let firstValue = cells[at + FIRST_VALUE];
  let lastTime = cells[at + LAST_TIME];
  let lastValue = cells[at + LAST_VALUE];
  for (let i = from; i < to; i++) {
    const x = value[i];
    const t = time[i];
    if (t < firstTime || (t === firstTime && x < firstValue)) {
      firstTime = t;
      firstValue = x;
    }
    if (t > lastTime || (t === lastTime && x > lastValue)) {
      lastTime = t;
      lastValue = x;
    }
  }
  cells[at + FIRST_TIME] = firstTime;
  cells[at + FIRST_VALUE] = firstValue;
  cells[at + LAST_TIME] = lastTime;
  cells[at + LAST_VALUE] = lastValue;
}

/** Updates a bucket's smallest and largest value from rows [from, to). */
function foldRange(cells: Float64Array, at: number, value: Float64Array, from: number, to: number): void {
  let min = cells[at + MIN];
  let max = cells[at + MAX];
  for (let i = from; i < to; i++) {
    const x = value[i];
    if (x < min) min = x;
    if (x > max) max = x;
  }
  cells[at + MIN] = min;
  cells[at + MAX] = max;
}

/** Sum and sum of squares that `addSmallIntegers` found. */
const smallSums = new Float64Array(2);

/** Adds up rows from `from` on as long as they are small integers, exactly. @returns the first that is not, or `to` */
function addSmallIntegers(value: Float64Array, from: number, to: number): number {
  let sum = 0;
  let squares = 0;
  let row = from;
  for (; row < to; row++) {
    const x = value[row];
    if (x !== (x | 0) || x > SMALL_INTEGER_MAX || x < -SMALL_INTEGER_MAX) break;
    sum += x;
    squares += x * x;
  }
  smallSums[0] = sum;
  smallSums[1] = squares;
  return row;
}
