/** One bucket as bytes: a row of the pages of the levels 1 and up, and of a heavy second. */
import { type ByteReader, ByteWriter } from "../core/bytes.ts";
import { POWERS_OF_TEN } from "../metrics/decimals.ts";
import { Distribution } from "../metrics/distribution.ts";
import { type Dyadic, ZERO } from "../metrics/dyadic.ts";
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
import { out } from "./page-frame.ts";

const valueBytes = new ByteWriter(4096);

/** One bucket. Times are milliseconds after its start. */
export function writeRow(rows: BucketRows, row: number, start: number): void {
  const { cells } = rows;
  const at = row * ROW_CELLS;
  out.varint(cells[at + COUNT]);
  out.varint(cells[at + COUNT] - cells[at + SECONDS]);
  out.varint(cells[at + LATE]);
  writeNumber(cells[at + MIN]);
  writeNumber(cells[at + MAX]);
  out.varint(cells[at + FIRST_TIME] - start);
  writeNumber(cells[at + FIRST_VALUE]);
  out.varint(cells[at + LAST_TIME] - start);
  writeNumber(cells[at + LAST_VALUE]);
  const rest = rows.rests?.get(row);
  const sumRest = canonicalize(cells, at + SUM, SUM_PARTS, rest?.sum ?? ZERO);
  const squaresRest = canonicalize(cells, at + SQUARES, SQUARE_PARTS, rest?.squares ?? ZERO);
  rows.setRest(row, sumRest, squaresRest);
  writeParts(cells, at + SUM, SUM_PARTS, sumRest);
  writeParts(cells, at + SQUARES, SQUARE_PARTS, squaresRest);
  const values = rows.values[row];
  if (values instanceof Distribution) {
    valueBytes.reset();
    values.encode(valueBytes);
    out.block(valueBytes.view());
  } else if (values !== null) out.block(values);
  else out.varint(0);
}

/** Reads what `writeRow` wrote. @returns the encoded values, empty when there are none */
export function readRow(rows: BucketRows, row: number, from: ByteReader, start: number): Uint8Array {
  const { cells } = rows;
  const at = row * ROW_CELLS;
  cells[at + COUNT] = from.varint();
  cells[at + SECONDS] = cells[at + COUNT] - from.varint();
  cells[at + LATE] = from.varint();
  cells[at + MIN] = readNumber(from);
  cells[at + MAX] = readNumber(from);
  cells[at + FIRST_TIME] = start + from.varint();
  cells[at + FIRST_VALUE] = readNumber(from);
  cells[at + LAST_TIME] = start + from.varint();
  cells[at + LAST_VALUE] = readNumber(from);
  const sum = readParts(from, cells, at + SUM);
  const squares = readParts(from, cells, at + SQUARES);
  rows.setRest(row, sum, squares);
  return from.block();
}

/** Low two bits of a number's varint: an integer, a double that follows, or a short decimal. */
const INTEGER = 0;
const DOUBLE = 1;
const DECIMAL = 2;
/** Integers whose zigzag and tag stay below 2^53. */
const TAGGED_INTEGER_MAX = 2 ** 49;
/** Scaled decimals additionally carry their places. */
const TAGGED_DECIMAL_MAX = 2 ** 46;

const zigzag = (integer: number): number => (integer < 0 ? -2 * integer - 1 : 2 * integer);
const unzigzag = (code: number): number => (code % 2 === 0 ? code / 2 : -(code + 1) / 2);

function writeNumber(x: number): void {
  if (x === Math.trunc(x)) {
    if (Math.abs(x) < TAGGED_INTEGER_MAX) {
      out.varint(zigzag(x) * 4 + INTEGER);
      return;
    }
  } else {
    for (let places = 1; places < POWERS_OF_TEN.length; places++) {
      const scaled = Math.round(x * POWERS_OF_TEN[places]);
      if (Math.abs(scaled) >= TAGGED_DECIMAL_MAX) break;
      if (scaled / POWERS_OF_TEN[places] !== x) continue;
      out.varint((zigzag(scaled) * 8 + places) * 4 + DECIMAL);
      return;
    }
  }
  out.varint(DOUBLE);
  out.f64(x);
}

function readNumber(from: ByteReader): number {
  const code = from.varint();
  const tag = code % 4;
  const payload = Math.floor(code / 4);
  if (tag === INTEGER) return unzigzag(payload);
  if (tag === DOUBLE) return from.f64();
  if (tag !== DECIMAL) throw new RangeError(`unknown number tag ${tag}`);
  return unzigzag(Math.floor(payload / 8)) / POWERS_OF_TEN[payload % 8];
}

/** The number of parts in use, doubled, plus 1 when a rest follows; then the parts. */
function writeParts(parts: Float64Array, at: number, length: number, rest: Dyadic): void {
  let used = length;
  while (used > 0 && parts[at + used - 1] === 0) used--;
  out.varint(used * 2 + (rest === ZERO ? 0 : 1));
  for (let i = 0; i < used; i++) writeNumber(parts[at + i]);
  if (rest === ZERO) return;
  out.signed(rest.e);
  out.text(rest.m.toString(16));
}

function readParts(from: ByteReader, parts: Float64Array, at: number): Dyadic {
  const code = from.varint();
  for (let i = 0; i < code >> 1; i++) parts[at + i] = readNumber(from);
  if ((code & 1) === 0) return ZERO;
  const e = from.signed();
  const hex = from.text();
  return { m: hex.startsWith("-") ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`), e };
}
