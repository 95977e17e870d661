/** Rows of buckets as packed columns: the pages of the levels 1 and up, and the heavy seconds of level 0. Read in place. */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { Aggregate } from "../metrics/aggregate.ts";
import { Distribution, renewed } from "../metrics/distribution.ts";
import { decodeDyadic, encodeDyadic, ZERO } from "../metrics/dyadic.ts";
import { canonicalize, SQUARE_PARTS, SUM_PARTS } from "../metrics/exact-sum.ts";
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
  SQUARES,
  SUM,
} from "./bucket-rows.ts";
import { SECONDS_PER_PAGE } from "./levels.ts";
import { PackedColumn, packColumn } from "./packed-column.ts";

/** The last column: bytes of each row's encoded values. */
const VALUE_BYTES = ROW_CELLS;
const COLUMNS = ROW_CELLS + 1;
/** In the mask, above the columns: rests follow. */
const RESTS = 1 << COLUMNS;

const column = new Float64Array(SECONDS_PER_PAGE);
const body = new ByteWriter(4096);
const blocks = new ByteWriter(4096);
const heads = new ByteWriter(256);

/**
 * Writes rows of buckets, whose sums become canonical by that.
 * @param order the rows, `n` of them, in the order of time @param starts ms since the epoch where each begins
 */
export function writeBuckets(
  out: ByteWriter,
  rows: BucketRows,
  order: Uint16Array,
  starts: Float64Array,
  n: number,
): void {
  const { cells } = rows;
  let mask = 0;
  for (let k = 0; k < n; k++) {
    const row = order[k];
    const at = row * ROW_CELLS;
    const rest = rows.rests?.get(row);
    const sum = canonicalize(cells, at + SUM, SUM_PARTS, rest?.sum ?? ZERO);
    const squares = canonicalize(cells, at + SQUARES, SQUARE_PARTS, rest?.squares ?? ZERO);
    rows.setRest(row, sum, squares);
    if (sum !== ZERO || squares !== ZERO) mask |= RESTS;
  }
  heads.reset();
  body.reset();
  for (let c = 0; c < ROW_CELLS; c++) {
    gather(cells, c, order, n);
    if (isTime(c)) for (let k = 0; k < n; k++) column[k] -= starts[k];
    else if (c === SECONDS) for (let k = 0; k < n; k++) column[k] = cells[order[k] * ROW_CELLS + COUNT] - column[k];
    if (isZero(n)) continue;
    mask |= 1 << c;
    packColumn(column, n, heads, body);
  }
  if (writeBlocks(rows, order, n)) {
    mask |= 1 << VALUE_BYTES;
    packColumn(column, n, heads, body);
  }
  out.u16(mask & 0xffff);
  out.u8(mask >>> 16);
  out.raw(heads.view());
  out.raw(body.view());
  out.raw(blocks.view());
  if ((mask & RESTS) !== 0) writeRests(out, rows, order, n);
}

const isTime = (c: number): boolean => c === FIRST_TIME || c === LAST_TIME;

/** Fills `column` with cell c of rows. A loop of its own, as `scatter` is: compiled sooner and in less time than inside the loop over columns. */
function gather(cells: Float64Array, c: number, order: Uint16Array, n: number): void {
  for (let k = 0; k < n; k++) column[k] = cells[order[k] * ROW_CELLS + c];
}

function scatter(cells: Float64Array, c: number, order: Uint16Array, n: number): void {
  for (let k = 0; k < n; k++) cells[order[k] * ROW_CELLS + c] = column[k];
}

function isZero(n: number): boolean {
  for (let k = 0; k < n; k++) if (column[k] !== 0) return false;
  return true;
}

/** Writes the rows' values to `blocks` and their lengths to `column`. @returns false when there are none */
function writeBlocks(rows: BucketRows, order: Uint16Array, n: number): boolean {
  blocks.reset();
  for (let k = 0; k < n; k++) {
    const values = rows.values[order[k]];
    const before = blocks.length;
    if (values instanceof Distribution) values.encode(blocks);
    else if (values !== null) blocks.raw(values);
    column[k] = blocks.length - before;
  }
  return blocks.length > 0;
}

function writeRests(out: ByteWriter, rows: BucketRows, order: Uint16Array, n: number): void {
  for (let k = 0; k < n; k++) {
    const rest = rows.rests?.get(order[k]);
    encodeDyadic(out, rest?.sum ?? ZERO);
    encodeDyadic(out, rest?.squares ?? ZERO);
  }
}

/** An absent column. */
const ZEROS = new PackedColumn();

/** The number of the lowest one of a mask that is not 0. */
const lowest = (mask: number): number => 31 - Math.clz32(mask & -mask);

/** Reads what `writeBuckets` wrote, where it stands: `open` first. Rows are in the order of time. */
export class BucketColumns {
  readonly #columns = Array.from({ length: COLUMNS }, () => new PackedColumn());
  #bytes: Uint8Array = new Uint8Array(0);
  #mask = 0;
  #blocks = 0;
  length = 0;

  /** @throws RangeError when the bytes are no such columns */
  open(from: ByteReader, n: number): void {
    this.#bytes = from.bytes;
    this.length = n;
    this.#mask = from.u16() | (from.u8() << 16);
    const present = this.#mask & (RESTS - 1);
    for (let left = present; left !== 0; left &= left - 1) this.#columns[lowest(left)].readHead(from);
    let at = from.position;
    for (let left = present; left !== 0; left &= left - 1) at = this.#columns[lowest(left)].place(from.bytes, at, n);
    this.#blocks = at;
  }

  #has(c: number): boolean {
    return (this.#mask & (1 << c)) !== 0;
  }

  #column(c: number): PackedColumn {
    return this.#has(c) ? this.#columns[c] : ZEROS;
  }

  get hasValues(): boolean {
    return this.#has(VALUE_BYTES);
  }

  countOf(row: number): number {
    return this.#column(COUNT).value(row);
  }

  lateOf(row: number): number {
    return this.#column(LATE).value(row);
  }

  /**
   * Adds rows [from, to), at least one, to an aggregate, but for their values.
   * @param firstStart ms where the first row's bucket begins @param lastStart ms where the last one's does
   */
  mergeInto(
    aggregate: Aggregate,
    from: number,
    to: number,
    firstStart: number,
    lastStart: number,
    withSums: boolean,
  ): void {
    const count = this.#column(COUNT).sum(from, to);
    aggregate.count += count;
    aggregate.seconds += count;
    if (this.#has(SECONDS)) aggregate.seconds -= this.#column(SECONDS).sum(from, to);
    if (this.#has(LATE)) aggregate.late += this.#column(LATE).sum(from, to);
    const min = this.#column(MIN).min(from, to);
    const max = this.#column(MAX).max(from, to);
    if (min < aggregate.min) aggregate.min = min;
    if (max > aggregate.max) aggregate.max = max;
    aggregate.ends(
      firstStart + this.#column(FIRST_TIME).value(from),
      this.#column(FIRST_VALUE).value(from),
      lastStart + this.#column(LAST_TIME).value(to - 1),
      this.#column(LAST_VALUE).value(to - 1),
    );
    if (!withSums) return;
    for (let c = SUM; c < ROW_CELLS; c++) {
      if (this.#has(c)) this.#mergeParts(aggregate, c, from, to);
    }
    if ((this.#mask & RESTS) !== 0) this.#mergeRests(aggregate, from, to);
  }

  #mergeParts(aggregate: Aggregate, c: number, from: number, to: number): void {
    const parts = this.#column(c);
    if (parts.sumsExactly(to - from)) {
      const sum = parts.sum(from, to);
      if (c < SQUARES) aggregate.addSum(sum);
      else aggregate.addSquares(sum);
      return;
    }
    parts.copy(column, from, to);
    if (c < SQUARES) aggregate.addSumColumn(column, to - from);
    else aggregate.addSquaresColumn(column, to - from);
  }

  #mergeRests(aggregate: Aggregate, from: number, to: number): void {
    const reader = this.#restReader();
    for (let row = 0; row < to; row++) {
      const sum = decodeDyadic(reader);
      const squares = decodeDyadic(reader);
      if (row >= from) aggregate.addRest(sum, squares);
    }
  }

  #restReader(): ByteReader {
    return new ByteReader(this.#bytes, this.#blockAt(this.length));
  }

  #blockAt(row: number): number {
    return this.#blocks + this.#column(VALUE_BYTES).sum(0, row);
  }

  valueBytesOf(row: number): number {
    return this.#column(VALUE_BYTES).value(row);
  }

  /** Adds the values of rows [from, to). */
  mergeValues(into: Distribution, from: number, to: number): void {
    if (!this.hasValues) return;
    const reader = new ByteReader(this.#bytes, this.#blockAt(from));
    for (let row = from; row < to; row++) if (this.valueBytesOf(row) > 0) into.mergeEncoded(reader);
  }

  /** Copies row k, but for its values, to row `order[k]` of rows that can be changed. @param starts as for `writeBuckets` */
  copyTo(rows: BucketRows, order: Uint16Array, starts: Float64Array): void {
    const n = this.length;
    const { cells } = rows;
    for (let c = 0; c < ROW_CELLS; c++) {
      this.#column(c).copy(column, 0, n);
      if (isTime(c)) for (let k = 0; k < n; k++) column[k] += starts[k];
      else if (c === SECONDS) for (let k = 0; k < n; k++) column[k] = cells[order[k] * ROW_CELLS + COUNT] - column[k];
      scatter(cells, c, order, n);
    }
    if ((this.#mask & RESTS) === 0) return;
    const reader = this.#restReader();
    for (let k = 0; k < n; k++) rows.setRest(order[k], decodeDyadic(reader), decodeDyadic(reader));
  }

  /** Copies the values of row k to row `order[k]`; they stay encoded. */
  copyValuesTo(rows: BucketRows, order: Uint16Array): void {
    if (!this.hasValues) return;
    let at = this.#blocks;
    for (let k = 0; k < this.length; k++) {
      const length = this.valueBytesOf(k);
      if (length > 0) rows.values[order[k]] = renewed(this.#bytes.slice(at, at + length));
      at += length;
    }
  }
}
