/** Buckets as rows of numbers that grow by need: those of the levels 1 and up (bucket-page.ts), and the heavy seconds of level 0. */

import { ByteReader } from "../core/bytes.ts";
import { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import { add, type Dyadic, fromDouble, ZERO } from "../metrics/dyadic.ts";
import { addPart, SQUARE_PARTS, SUM_PARTS, squareError } from "../metrics/exact-sum.ts";

/** The rest of a bucket's sums that does not fit the stored parts. */
export interface Rest {
  readonly sum: Dyadic;
  readonly squares: Dyadic;
}

const NO_REST: Rest = { sum: ZERO, squares: ZERO };

/** Cells of a row; times are ms since the epoch. */
export const COUNT = 0;
export const SECONDS = 1;
export const LATE = 2;
export const MIN = 3;
export const MAX = 4;
export const FIRST_TIME = 5;
export const FIRST_VALUE = 6;
export const LAST_TIME = 7;
export const LAST_VALUE = 8;
/** SUM_PARTS doubles, then SQUARE_PARTS for the squares. */
export const SUM = 9;
export const SQUARES = SUM + SUM_PARTS;
export const ROW_CELLS = SQUARES + SQUARE_PARTS;

/** Most pages of a new sensor hold one bucket or two. */
const FIRST_ROWS = 2;

/** An object with its fields, a typed array and a list: about what they cost besides their contents. */
const OBJECT_BYTES = 300;

/** Rows of ROW_CELLS numbers each; a row that is taken begins empty. */
export class BucketRows {
  /** `ROW_CELLS` doubles a row. A row with count 0 is empty and its other cells mean nothing. */
  cells: Float64Array;
  length = 0;
  rests: Map<number, Rest> | null = null;
  /** The values of each row: decoded, still encoded, or null (empty, or derived from the level below). */
  readonly values: (Distribution | Uint8Array | null)[] = [];

  /** @param room rows to reserve */
  constructor(room = FIRST_ROWS) {
    this.cells = new Float64Array(room * ROW_CELLS);
  }

  /** @returns the number of the new, empty row */
  addRow(): number {
    const row = this.length++;
    if (this.length * ROW_CELLS > this.cells.length) {
      const wider = new Float64Array(this.cells.length * (row < 32 ? 4 : 2)); // 2, 8, 32, 128 …
      wider.set(this.cells);
      this.cells = wider;
    }
    this.values.push(null);
    return row;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    let total = OBJECT_BYTES + this.cells.byteLength + 8 * this.length;
    for (const values of this.values) {
      if (values !== null) total += values instanceof Distribution ? values.bytes : values.length + 64;
    }
    return total;
  }

  /** Adds a row to an aggregate, but for its values. */
  mergeInto(aggregate: Aggregate, row: number, withSums: boolean): void {
    const { cells } = this;
    const at = row * ROW_CELLS;
    const count = cells[at + COUNT];
    if (count === 0) return;
    aggregate.count += count;
    aggregate.seconds += cells[at + SECONDS];
    aggregate.late += cells[at + LATE];
    if (cells[at + MIN] < aggregate.min) aggregate.min = cells[at + MIN];
    if (cells[at + MAX] > aggregate.max) aggregate.max = cells[at + MAX];
    aggregate.ends(cells[at + FIRST_TIME], cells[at + FIRST_VALUE], cells[at + LAST_TIME], cells[at + LAST_VALUE]);
    if (withSums) this.mergeSums(aggregate, row);
  }

  mergeSums(aggregate: Aggregate, row: number): void {
    const { cells } = this;
    const at = row * ROW_CELLS;
    for (let p = at + SUM; p < at + SQUARES; p++) if (cells[p] !== 0) aggregate.addSum(cells[p]);
    for (let p = at + SQUARES; p < at + ROW_CELLS; p++) if (cells[p] !== 0) aggregate.addSquares(cells[p]);
    const rest = this.rests?.get(row);
    if (rest !== undefined) aggregate.addRest(rest.sum, rest.squares);
  }

  /** Makes a row of this the same as one of `source`, but for its values. */
  copyRow(row: number, source: BucketRows, from: number): void {
    const into = this.cells;
    const { cells } = source;
    for (let to = row * ROW_CELLS, at = from * ROW_CELLS, end = at + ROW_CELLS; at < end; ) into[to++] = cells[at++];
    const rest = source.rests?.get(from);
    if (rest !== undefined) this.setRest(row, rest.sum, rest.squares);
  }

  /** Adds a row of `source`, but for its values, to one of this. Neither is empty, and the readings of one are all before the other's. */
  mergeRow(row: number, source: BucketRows, from: number): void {
    const into = this.cells;
    const { cells } = source;
    const to = row * ROW_CELLS;
    const at = from * ROW_CELLS;
    into[to + COUNT] += cells[at + COUNT];
    into[to + SECONDS] += cells[at + SECONDS];
    into[to + LATE] += cells[at + LATE];
    if (cells[at + MIN] < into[to + MIN]) into[to + MIN] = cells[at + MIN];
    if (cells[at + MAX] > into[to + MAX]) into[to + MAX] = cells[at + MAX];
    if (cells[at + FIRST_TIME] < into[to + FIRST_TIME]) {
      into[to + FIRST_TIME] = cells[at + FIRST_TIME];
      into[to + FIRST_VALUE] = cells[at + FIRST_VALUE];
    } else {
      into[to + LAST_TIME] = cells[at + LAST_TIME];
      into[to + LAST_VALUE] = cells[at + LAST_VALUE];
    }
    for (let p = SUM; p < SQUARES; p++) if (cells[at + p] !== 0) this.addSum(row, cells[at + p]);
    for (let p = SQUARES; p < ROW_CELLS; p++) if (cells[at + p] !== 0) this.addSquares(row, cells[at + p]);
    const rest = source.rests?.get(from);
    if (rest === undefined) return;
    const { sum, squares } = this.rests?.get(row) ?? NO_REST;
    this.setRest(row, add(sum, rest.sum), add(squares, rest.squares));
  }

  /** Adds a row of `source`, values too, to one of this: both are of the same second, with readings in any order. */
  mergeSecond(row: number, source: BucketRows, from: number): void {
    const both = new Aggregate({ sums: true, quantiles: false });
    this.mergeInto(both, row, true);
    source.mergeInto(both, from, true);
    both.seconds = 1;
    this.set(row, both);
    source.mergeValues(this.valuesOf(row), from);
  }

  mergeValues(into: Distribution, row: number): void {
    const values = this.values[row];
    if (values instanceof Distribution) into.merge(values);
    else if (values !== null) into.mergeEncoded(new ByteReader(values));
  }

  /** A row's values, decoded, made when there are none. */
  valuesOf(row: number): Distribution {
    const values = this.values[row];
    if (values instanceof Distribution) return values;
    const decoded = new Distribution();
    if (values !== null) decoded.mergeEncoded(new ByteReader(values));
    this.values[row] = decoded;
    return decoded;
  }

  /** Replaces everything but the row's values by what the aggregate holds, sums in canonical form. */
  set(row: number, aggregate: Aggregate): void {
    const { cells } = this;
    const at = row * ROW_CELLS;
    cells[at + COUNT] = aggregate.count;
    cells[at + SECONDS] = aggregate.seconds;
    cells[at + LATE] = aggregate.late;
    cells[at + MIN] = aggregate.min;
    cells[at + MAX] = aggregate.max;
    cells[at + FIRST_TIME] = aggregate.firstTime;
    cells[at + FIRST_VALUE] = aggregate.firstValue;
    cells[at + LAST_TIME] = aggregate.lastTime;
    cells[at + LAST_VALUE] = aggregate.lastValue;
    const sum = aggregate.storeSum(cells, at + SUM, SUM_PARTS);
    const squares = aggregate.storeSquares(cells, at + SQUARES, SQUARE_PARTS);
    this.setRest(row, sum, squares);
  }

  /** Adds a value to the row's sums, exactly. */
  addExactly(row: number, value: number): void {
    const square = value * value;
    this.addSum(row, value);
    this.addSquares(row, square);
    const error = squareError(value, square);
    if (error !== 0) this.addSquares(row, error);
  }

  /** Adds to the row's Σx, exactly. */
  addSum(row: number, part: number): void {
    const carry = addPart(this.cells, row * ROW_CELLS + SUM, SUM_PARTS, part);
    if (carry !== 0) this.#addRest(row, carry, 0);
  }

  /** Adds to the row's Σx², exactly. */
  addSquares(row: number, part: number): void {
    const carry = addPart(this.cells, row * ROW_CELLS + SQUARES, SQUARE_PARTS, part);
    if (carry !== 0) this.#addRest(row, 0, carry);
  }

  #addRest(row: number, sum: number, squares: number): void {
    const rest = this.rests?.get(row) ?? NO_REST;
    this.setRest(
      row,
      sum === 0 ? rest.sum : add(rest.sum, fromDouble(sum)),
      squares === 0 ? rest.squares : add(rest.squares, fromDouble(squares)),
    );
  }

  setRest(row: number, sum: Dyadic, squares: Dyadic): void {
    if (sum === ZERO && squares === ZERO) this.rests?.delete(row);
    else (this.rests ??= new Map()).set(row, { sum, squares });
  }
}
