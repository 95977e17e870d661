/** Pages as bytes in the history: docs/formats/history.md draws them. Canonical: the same readings give the same bytes. */
import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { TidemarkError } from "../core/errors.ts";
import { decimalPlaces, POWERS_OF_TEN } from "../metrics/decimals.ts";
import { Distribution } from "../metrics/distribution.ts";
import { type Dyadic, ZERO } from "../metrics/dyadic.ts";
import { canonicalize, SQUARE_PARTS, SUM_PARTS } from "../metrics/exact-sum.ts";
import { BucketPage } from "./bucket-page.ts";
import { BUCKETS_PER_PAGE, levelOf, pageOf, SECONDS_PER_PAGE, STEP_SECONDS, seriesOf } from "./levels.ts";
import { SecondsPage } from "./seconds-page.ts";

/** First byte: the layout and its version. */
const SINGLE = 0x11;
const DENSE = 0x21;
const BUCKETS = 0x31;

const CRC_BYTES = 4;
const BITMAP_BYTES = SECONDS_PER_PAGE / 8;

/** Widths of a single page's values: unsigned integers above the smallest, or doubles. */
const WIDTH_DOUBLE = 8;

const out = new ByteWriter(16384);
const singles = new Float64Array(SECONDS_PER_PAGE);

function sealed(): Uint8Array<ArrayBuffer> {
  out.u32(crc32(out.view()));
  return out.finish();
}

/** Checks a page's checksum and returns a reader over what it covers. @throws TidemarkError "history-corrupt" */
function opened(key: number, bytes: Uint8Array): ByteReader {
  const body = bytes.subarray(0, bytes.length - CRC_BYTES);
  const stored = new ByteReader(bytes, bytes.length - CRC_BYTES).u32();
  if (bytes.length <= CRC_BYTES || crc32(body) !== stored) throw corrupt(key, "checksum does not match");
  return new ByteReader(body);
}

function corrupt(key: number, why: string, cause?: unknown): TidemarkError {
  const place = `series ${seriesOf(key)}, level ${levelOf(key)}, page ${pageOf(key)}`;
  return new TidemarkError("history-corrupt", `Cannot read a page of the history (${place}): ${why}`, cause);
}

export function encodeSeconds(page: SecondsPage): Uint8Array<ArrayBuffer> {
  out.reset();
  if (page.dense !== null) encodeDense(page, page.dense);
  else encodeSingle(page);
  return sealed();
}

function encodeSingle(page: SecondsPage): void {
  const values = page.value as Float64Array;
  out.u8(SINGLE);
  let n = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) if (!Number.isNaN(values[i])) singles[n++] = values[i];
  const places = decimalPlaces(singles, n);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n && places >= 0; i++) {
    const scaled = Math.round(singles[i] * POWERS_OF_TEN[places]);
    if (scaled < low) low = scaled;
    if (scaled > high) high = scaled;
  }
  const span = high - low;
  const width = places < 0 || span >= 2 ** 32 ? WIDTH_DOUBLE : span < 256 ? 1 : span < 65536 ? 2 : 4;
  const full = n === SECONDS_PER_PAGE;
  out.u8(width | (full ? 0x10 : 0) | (page.ms !== null ? 0x20 : 0) | (page.late !== null ? 0x40 : 0));
  if (!full) writeBitmap((i) => !Number.isNaN(values[i]));
  if (width !== WIDTH_DOUBLE) {
    out.u8(places);
    out.signed(low);
  }
  for (let i = 0; i < n; i++) {
    if (width === WIDTH_DOUBLE) out.f64(singles[i]);
    else {
      const offset = Math.round(singles[i] * POWERS_OF_TEN[places]) - low;
      if (width === 1) out.u8(offset);
      else if (width === 2) out.u16(offset);
      else out.u32(offset);
    }
  }
  const { ms, late } = page;
  if (ms !== null) for (let i = 0; i < SECONDS_PER_PAGE; i++) if (!Number.isNaN(values[i])) out.u16(ms[i]);
  if (late !== null) writeBitmap((i) => late[i] === 1);
}

function writeBitmap(isSet: (i: number) => boolean): void {
  for (let byte = 0; byte < BITMAP_BYTES; byte++) {
    let bits = 0;
    for (let bit = 0; bit < 8; bit++) if (isSet(byte * 8 + bit)) bits |= 1 << bit;
    out.u8(bits);
  }
}

/** Level 0 from bytes. @throws TidemarkError "history-corrupt" */
export function decodeSeconds(key: number, bytes: Uint8Array): SecondsPage {
  const page = new SecondsPage(pageOf(key) * SECONDS_PER_PAGE);
  const from = opened(key, bytes);
  try {
    const layout = from.u8();
    if (layout === SINGLE) decodeSingle(page, from);
    else if (layout === DENSE) decodeDense(page, from);
    else throw new RangeError(`unknown layout ${layout}`);
  } catch (error) {
    throw corrupt(key, String(error), error);
  }
  return page;
}

function decodeSingle(page: SecondsPage, from: ByteReader): void {
  const values = page.value as Float64Array;
  const flags = from.u8();
  const width = flags & 15;
  const occupied = (flags & 0x10) === 0 ? from.raw(BITMAP_BYTES) : null;
  const places = width === WIDTH_DOUBLE ? 0 : from.u8();
  const low = width === WIDTH_DOUBLE ? 0 : from.signed();
  const scale = POWERS_OF_TEN[places];
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    if (occupied !== null && (occupied[i >> 3] & (1 << (i & 7))) === 0) continue;
    page.count++;
    if (width === WIDTH_DOUBLE) values[i] = from.f64();
    else values[i] = (low + (width === 1 ? from.u8() : width === 2 ? from.u16() : from.u32())) / scale;
  }
  if (flags & 0x20) {
    page.ms = new Uint16Array(SECONDS_PER_PAGE);
    for (let i = 0; i < SECONDS_PER_PAGE; i++) if (!Number.isNaN(values[i])) page.ms[i] = from.u16();
  }
  if (flags & 0x40) {
    page.late = new Uint8Array(SECONDS_PER_PAGE);
    const bits = from.raw(BITMAP_BYTES);
    for (let i = 0; i < SECONDS_PER_PAGE; i++) page.late[i] = (bits[i >> 3] >> (i & 7)) & 1;
  }
}

function encodeDense(page: SecondsPage, buckets: BucketPage): void {
  out.u8(DENSE);
  writeRows(buckets, page.start * 1000, 1000, (i) => page.valuesAt(i));
}

function decodeDense(page: SecondsPage, from: ByteReader): void {
  const buckets = page.becomeDense();
  readRows(buckets, from, page.start * 1000, 1000, (i, block) => {
    const values = new Distribution();
    values.mergeEncoded(new ByteReader(block));
    page.restoreValues(i, values);
  });
  for (let i = 0; i < SECONDS_PER_PAGE; i++) page.count += buckets.count[i];
}

/** Levels 1 and up. */
export function encodeBuckets(key: number, page: BucketPage): Uint8Array<ArrayBuffer> {
  out.reset();
  out.u8(BUCKETS);
  const stepMs = STEP_SECONDS[levelOf(key)] * 1000;
  writeRows(page, pageOf(key) * page.size * stepMs, stepMs, (i) => page.values[i]);
  return sealed();
}

/** Levels 1 and up from bytes; values stay encoded until they are asked for. @throws TidemarkError "history-corrupt" */
export function decodeBuckets(key: number, bytes: Uint8Array): BucketPage {
  const level = levelOf(key);
  const page = new BucketPage(BUCKETS_PER_PAGE[level]);
  const from = opened(key, bytes);
  const stepMs = STEP_SECONDS[level] * 1000;
  try {
    if (from.u8() !== BUCKETS) throw new RangeError("unknown layout");
    readRows(page, from, pageOf(key) * page.size * stepMs, stepMs, (i, block) => {
      page.values[i] = block.slice();
    });
  } catch (error) {
    throw corrupt(key, String(error), error);
  }
  return page;
}

const valueBytes = new ByteWriter(4096);

/** A row for each occupied bucket. Times are milliseconds after the bucket's start. */
function writeRows(
  page: BucketPage,
  baseMs: number,
  stepMs: number,
  valuesAt: (i: number) => Distribution | Uint8Array | null,
): void {
  let previous = -1;
  for (let i = 0; i < page.size; i++) {
    if (page.count[i] === 0) continue;
    out.varint(i - previous);
    previous = i;
    const start = baseMs + i * stepMs;
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
    else page.rests.delete(i);
    writeParts(page.sum, i * SUM_PARTS, SUM_PARTS, sumRest);
    writeParts(page.squares, i * SQUARE_PARTS, SQUARE_PARTS, squaresRest);
    const values = valuesAt(i);
    if (values instanceof Distribution) {
      valueBytes.reset();
      values.encode(valueBytes);
      out.block(valueBytes.view());
    } else if (values !== null) out.block(values);
    else out.varint(0);
  }
  out.varint(0);
}

function readRows(
  page: BucketPage,
  from: ByteReader,
  baseMs: number,
  stepMs: number,
  takeValues: (i: number, block: Uint8Array) => void,
): void {
  let i = -1;
  for (let step = from.varint(); step !== 0; step = from.varint()) {
    i += step;
    if (i >= page.size) throw new RangeError(`bucket ${i} of ${page.size}`);
    const start = baseMs + i * stepMs;
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
    const block = from.block();
    if (block.length > 0) takeValues(i, block);
  }
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
