/** Pages of level 0 as bytes: docs/formats/history.md draws them. Canonical: the same readings give the same bytes. */
import type { ByteReader } from "../core/bytes.ts";
import { decimalPlaces, POWERS_OF_TEN } from "../metrics/decimals.ts";
import { readRow, writeRow } from "./bucket-row.ts";
import { type BucketRows, COUNT, ROW_CELLS } from "./bucket-rows.ts";
import { pageOf, SECONDS_PER_PAGE } from "./levels.ts";
import { corrupt, opened, out, sealed } from "./page-frame.ts";
import { LISTED_READINGS_MAX, SecondsPage } from "./seconds-page.ts";

/** First byte: the layout and its version. */
const READINGS = 0x12;

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
const scaled = new Float64Array(READINGS_MAX);
const ms = new Uint16Array(READINGS_MAX);
const late = new Uint8Array(READINGS_MAX);
const counts = new Uint8Array(SECONDS_PER_PAGE);

/**
 * Level 0. Canonical, but for which of several equal readings of one millisecond came late.
 * @returns bytes that are valid until another page is encoded
 */
export function encodeSeconds(page: SecondsPage): Uint8Array<ArrayBuffer> {
  out.reset();
  out.u8(READINGS);
  const n = page.head === null ? gatherSingles(page) : gatherLists(page);
  const places = decimalPlaces(values, n);
  const integers = places > 0 ? scaledBy(POWERS_OF_TEN[places], n) : values;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const integer = integers[i];
    if (integer < low) low = integer;
    if (integer > high) high = integer;
  }
  const span = high - low;
  const width = places < 0 || span >= 2 ** 32 ? WIDTH_DOUBLE : span < 256 ? 1 : span < 65536 ? 2 : 4;
  const full = page.head === null ? n === SECONDS_PER_PAGE : counts.every((count) => count !== 0);
  const hasMs = (page.head !== null || page.ms !== null) && isAnySet(ms, n);
  const hasLate = (page.head !== null || page.late !== null) && isAnySet(late, n);
  out.u8(width | (full ? FULL : 0) | (page.head !== null ? COUNTS : 0) | (hasMs ? MS : 0) | (hasLate ? LATE : 0));
  if (!full) writeBitmap(SECONDS_PER_PAGE, counts);
  if (page.head !== null) for (let i = 0; i < SECONDS_PER_PAGE; i++) if (counts[i] !== 0) out.u8(counts[i]);
  if (width === WIDTH_DOUBLE) for (let i = 0; i < n; i++) out.f64(values[i]);
  else {
    out.u8(places);
    out.signed(n === 0 ? 0 : low);
    out.unsignedColumn(integers, n, low, width);
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

function scaledBy(factor: number, n: number): Float64Array {
  for (let i = 0; i < n; i++) scaled[i] = Math.round(values[i] * factor);
  return scaled;
}

/** Fills the columns that the page has; `ms` and `late` only where it has some. */
function gatherSingles(page: SecondsPage): number {
  const singles = page.value as Float64Array;
  let n = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    const value = singles[i];
    const isSet = Number.isNaN(value) ? 0 : 1;
    counts[i] = isSet;
    values[n] = value;
    n += isSet;
  }
  if (page.ms !== null) gather(page.ms, ms);
  if (page.late !== null) gather(page.late, late);
  return n;
}

function gather(column: Uint8Array | Uint16Array, into: Uint8Array | Uint16Array): void {
  for (let i = 0, n = 0; i < SECONDS_PER_PAGE; i++) if (counts[i] !== 0) into[n++] = column[i];
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
      page.put(i, ms[row], values[row], wasLate);
    }
  }
  for (const [second, row] of page.heavyRow) {
    const heavy = page.heavy as BucketRows;
    const block = readRow(heavy, row, from, (page.start + second) * 1000);
    heavy.values[row] = block.slice();
    page.count += heavy.cells[row * ROW_CELLS + COUNT];
  }
  page.staleMinutes = 0;
}
