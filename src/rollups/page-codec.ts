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
import { LISTED_READINGS_MAX, SecondsPage } from "./seconds-page.ts";

/** First byte: the layout and its version. */
const READINGS = 0x12;
const BUCKETS = 0x31;

const CRC_BYTES = 4;
const BITMAP_BYTES = SECONDS_PER_PAGE / 8;

/** Low bits of a readings page's flags: bytes a value, unsigned above the smallest; 8: doubles. */
const WIDTH_MASK = 15;
const WIDTH_DOUBLE = 8;
/** The other flags: no second is empty; counts, milliseconds, late bits or heavy seconds follow. */
const FULL = 0x10;
const COUNTS = 0x20;
const MS = 0x40;
const LATE = 0x80;
/** In the counts, a heavy second. */
const HEAVY_COUNT = 255;

/** The readings of a page in order, for encoding. */
const READINGS_MAX = SECONDS_PER_PAGE * LISTED_READINGS_MAX;
const values = new Float64Array(READINGS_MAX);
const ms = new Uint16Array(READINGS_MAX);
const late = new Uint8Array(READINGS_MAX);
const counts = new Uint8Array(SECONDS_PER_PAGE);

const out = new ByteWriter(16384);

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

/** Level 0. Canonical, but for which of several equal readings of one millisecond came late. */
export function encodeSeconds(page: SecondsPage): Uint8Array<ArrayBuffer> {
  out.reset();
  out.u8(READINGS);
  const n = page.head === null ? gatherSingles(page) : gatherLists(page);
  const places = decimalPlaces(values, n);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const scale = places < 0 ? 1 : POWERS_OF_TEN[places];
  for (let i = 0; i < n && places >= 0; i++) {
    const scaled = Math.round(values[i] * scale);
    if (scaled < low) low = scaled;
    if (scaled > high) high = scaled;
  }
  const span = high - low;
  const width = places < 0 || span >= 2 ** 32 ? WIDTH_DOUBLE : span < 256 ? 1 : span < 65536 ? 2 : 4;
  const full = counts.every((count) => count !== 0);
  const hasMs = isAnySet(ms, n);
  const hasLate = isAnySet(late, n);
  out.u8(width | (full ? FULL : 0) | (page.head !== null ? COUNTS : 0) | (hasMs ? MS : 0) | (hasLate ? LATE : 0));
  if (!full) writeBitmap(SECONDS_PER_PAGE, counts);
  if (page.head !== null) for (let i = 0; i < SECONDS_PER_PAGE; i++) if (counts[i] !== 0) out.u8(counts[i]);
  if (width === WIDTH_DOUBLE) for (let i = 0; i < n; i++) out.f64(values[i]);
  else {
    out.u8(places);
    out.signed(n === 0 ? 0 : low);
    for (let i = 0; i < n; i++) out.unsigned(Math.round(values[i] * scale) - low, width);
  }
  if (hasMs) for (let i = 0; i < n; i++) out.u16(ms[i]);
  if (hasLate) writeBitmap(n, late);
  if (page.heavy !== null) {
    const seconds = [...page.heavyRow.keys()].sort((a, b) => a - b);
    const rows = page.heavyRow;
    for (const second of seconds) writeRow(page.heavy, rows.get(second) ?? 0, (page.start + second) * 1000);
  }
  return sealed();
}

function gatherSingles(page: SecondsPage): number {
  const singles = page.value as Float64Array;
  let n = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    counts[i] = Number.isNaN(singles[i]) ? 0 : 1;
    if (counts[i] === 0) continue;
    values[n] = singles[i];
    ms[n] = page.ms === null ? 0 : page.ms[i];
    late[n++] = page.late === null ? 0 : page.late[i];
  }
  return n;
}

function gatherLists(page: SecondsPage): number {
  let n = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    const length = page.readList(i, values, ms, late, n);
    counts[i] = length < 0 ? HEAVY_COUNT : length;
    n += Math.max(0, length);
  }
  return n;
}

function isAnySet(column: Uint8Array | Uint16Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (column[i] !== 0) return true;
  return false;
}

/** A bit a row, lowest first. */
function writeBitmap(length: number, column: Uint8Array): void {
  for (let from = 0; from < length; from += 8) {
    let bits = 0;
    const end = Math.min(8, length - from);
    for (let bit = 0; bit < end; bit++) if (column[from + bit] !== 0) bits |= 1 << bit;
    out.u8(bits);
  }
}

/** Level 0 from bytes. @throws TidemarkError "history-corrupt" */
export function decodeSeconds(key: number, bytes: Uint8Array): SecondsPage {
  const page = new SecondsPage(pageOf(key) * SECONDS_PER_PAGE);
  const from = opened(key, bytes);
  try {
    if (from.u8() !== READINGS) throw new RangeError("unknown layout");
    decodeReadings(page, from);
  } catch (error) {
    throw corrupt(key, String(error), error);
  }
  return page;
}

function decodeReadings(page: SecondsPage, from: ByteReader): void {
  const flags = from.u8();
  const occupied = (flags & FULL) === 0 ? from.raw(BITMAP_BYTES) : null;
  let n = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    const empty = occupied !== null && (occupied[i >> 3] & (1 << (i & 7))) === 0;
    counts[i] = empty ? 0 : (flags & COUNTS) !== 0 ? from.u8() : 1;
    if (counts[i] > LISTED_READINGS_MAX && counts[i] !== HEAVY_COUNT)
      throw new RangeError(`${counts[i]} readings in a list`);
    if (counts[i] !== HEAVY_COUNT) n += counts[i];
  }
  const width = flags & WIDTH_MASK;
  if (width === WIDTH_DOUBLE) for (let i = 0; i < n; i++) values[i] = from.f64();
  else {
    const scale = POWERS_OF_TEN[from.u8()];
    const low = from.signed();
    for (let i = 0; i < n; i++) values[i] = (low + from.unsigned(width)) / scale;
  }
  if ((flags & MS) !== 0) for (let i = 0; i < n; i++) ms[i] = from.u16();
  else ms.fill(0, 0, n);
  const lateBits = (flags & LATE) === 0 ? null : from.raw((n + 7) >> 3);
  if ((flags & COUNTS) !== 0) page.becomeListed();
  for (let i = 0, row = 0; i < SECONDS_PER_PAGE; i++) {
    if (counts[i] === HEAVY_COUNT) {
      page.addHeavy(i);
      continue;
    }
    for (let end = row + counts[i]; row < end; row++) {
      const wasLate = lateBits === null ? 0 : (lateBits[row >> 3] >> (row & 7)) & 1;
      page.fold(i, ms[row], values[row], wasLate);
    }
  }
  for (const [second, row] of page.heavyRow) {
    const heavy = page.heavy as BucketPage;
    const block = readRow(heavy, row, from, (page.start + second) * 1000);
    heavy.values[row] = block.slice();
    page.count += heavy.count[row];
  }
  page.staleMinutes = 0;
}

/** Levels 1 and up. */
export function encodeBuckets(key: number, page: BucketPage): Uint8Array<ArrayBuffer> {
  out.reset();
  out.u8(BUCKETS);
  const stepMs = STEP_SECONDS[levelOf(key)] * 1000;
  const baseMs = pageOf(key) * page.size * stepMs;
  let previous = -1;
  for (let i = 0; i < page.size; i++) {
    if (page.count[i] === 0) continue;
    out.varint(i - previous);
    previous = i;
    writeRow(page, i, baseMs + i * stepMs);
  }
  out.varint(0);
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
    const baseMs = pageOf(key) * page.size * stepMs;
    let i = -1;
    for (let step = from.varint(); step !== 0; step = from.varint()) {
      i += step;
      if (i >= page.size) throw new RangeError(`bucket ${i} of ${page.size}`);
      const block = readRow(page, i, from, baseMs + i * stepMs);
      if (block.length > 0) page.values[i] = block.slice();
    }
  } catch (error) {
    throw corrupt(key, String(error), error);
  }
  return page;
}

const valueBytes = new ByteWriter(4096);

/** One bucket. Times are milliseconds after its start. */
function writeRow(page: BucketPage, i: number, start: number): void {
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
function readRow(page: BucketPage, i: number, from: ByteReader, start: number): Uint8Array {
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
