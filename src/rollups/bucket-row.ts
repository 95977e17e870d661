/** One bucket as bytes: a row of the pages of the levels 1 and up, and of a heavy second. */
import { type ByteReader, ByteWriter } from "../core/bytes.ts";
import { POWERS_OF_TEN } from "../metrics/decimals.ts";
import { Distribution } from "../metrics/distribution.ts";
import { type Dyadic, ZERO } from "../metrics/dyadic.ts";
import { canonicalize, SQUARE_PARTS, SUM_PARTS } from "../metrics/exact-sum.ts";
import type { BucketPage } from "./bucket-page.ts";
import { out } from "./page-frame.ts";

const valueBytes = new ByteWriter(4096);

/** One bucket. Times are milliseconds after its start. */
export function writeRow(page: BucketPage, i: number, start: number): void {
  out.varint(page.count[i]);
  out.varint(page.count[i] - page.seconds[i]);
  out.varint(page.late[i]);
  writeNumber(page.min[i]);
  writeNumber(page.max[i]);
  out.varint(page.firstTime[i] - start);
  writeNumber(page.firstValue[i]);
  out.varint(page.lastTime[i] - start);
  writeNumber(page.lastValue[i]);
  const rest = page.rests.get(i);
  const sumRest = canonicalize(page.sum, i * SUM_PARTS, SUM_PARTS, rest?.sum ?? ZERO);
  const squaresRest = canonicalize(page.squares, i * SQUARE_PARTS, SQUARE_PARTS, rest?.squares ?? ZERO);
  if (sumRest !== ZERO || squaresRest !== ZERO) page.rests.set(i, { sum: sumRest, squares: squaresRest });
  else if (rest !== undefined) page.rests.delete(i);
  writeParts(page.sum, i * SUM_PARTS, SUM_PARTS, sumRest);
  writeParts(page.squares, i * SQUARE_PARTS, SQUARE_PARTS, squaresRest);
  const values = page.values[i];
  if (values instanceof Distribution) {
    valueBytes.reset();
    values.encode(valueBytes);
    out.block(valueBytes.view());
  } else if (values !== null) out.block(values);
  else out.varint(0);
}

/** Reads what `writeRow` wrote. @returns the encoded values, empty when there are none */
export function readRow(page: BucketPage, i: number, from: ByteReader, start: number): Uint8Array {
  page.count[i] = from.varint();
  page.seconds[i] = page.count[i] - from.varint();
  page.late[i] = from.varint();
  page.min[i] = readNumber(from);
  page.max[i] = readNumber(from);
  page.firstTime[i] = start + from.varint();
  page.firstValue[i] = readNumber(from);
  page.lastTime[i] = start + from.varint();
  page.lastValue[i] = readNumber(from);
  const sum = readParts(from, page.sum, i * SUM_PARTS);
  const squares = readParts(from, page.squares, i * SQUARE_PARTS);
  if (sum !== ZERO || squares !== ZERO) page.rests.set(i, { sum, squares });
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
