/** Pages of level 0 as bytes: docs/formats/history.md draws them. Canonical: the same readings give the same bytes. */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { countBits, firstBit, hasBit, lastBit, writeBitmap } from "./bitmap.ts";
import { BucketColumns, writeBuckets } from "./bucket-columns.ts";
import { COUNT, ROW_CELLS } from "./bucket-rows.ts";
import { pageOf, SECONDS_PER_PAGE } from "./levels.ts";
import { LISTED_READINGS_MAX, type ListedSeconds } from "./listed-seconds.ts";
import { PackedColumn, packColumn } from "./packed-column.ts";
import { corrupt, out, READINGS, sealed } from "./page-frame.ts";
import { HEAVY_ROW, type SecondColumns } from "./second-columns.ts";
import { SecondsPage } from "./seconds-page.ts";
import type { SingleSeconds } from "./single-seconds.ts";

const BITMAP_BYTES = SECONDS_PER_PAGE / 8;

/** Flags: no second is empty; counts, milliseconds or late bits follow; few seconds are occupied, and listed. */
const FULL = 1;
const COUNTS = 2;
const MS = 4;
const LATE = 8;
const SPARSE = 16;
/** Up to this many occupied seconds, as distances of at most two bytes, take less than the bitmap. */
const SPARSE_SECONDS_MAX = 36;
/** In the counts, a heavy second. */
const HEAVY_COUNT = 255;

/** The readings of a page in order. */
const READINGS_MAX = SECONDS_PER_PAGE * LISTED_READINGS_MAX;
const values = new Float64Array(READINGS_MAX);
const ms = new Uint16Array(READINGS_MAX);
const late = new Uint8Array(READINGS_MAX);
const counts = new Uint8Array(SECONDS_PER_PAGE);
const column = new Float64Array(READINGS_MAX);
const body = new ByteWriter(16_384);
/** Heavy seconds' rows in the order of time, and where they begin. */
const order = new Uint16Array(SECONDS_PER_PAGE);
const starts = new Float64Array(SECONDS_PER_PAGE);

/** Canonical, but for which of several equal readings of one millisecond came late. */
export function encodeSeconds(key: number, page: SecondsPage): Uint8Array<ArrayBuffer> {
  const { singles, lists } = page;
  const n = lists !== null ? gatherLists(lists) : singles !== null ? gatherSingles(singles, page.count) : 0;
  const occupied = lists === null ? n : countOccupied();
  const place = occupied === SECONDS_PER_PAGE ? FULL : occupied <= SPARSE_SECONDS_MAX ? SPARSE : 0;
  const hasMs = (singles === null || singles.ms !== null) && isAnySet(ms, n);
  const hasLate = (singles === null || singles.late !== null) && isAnySet(late, n);
  out.reset();
  body.reset();
  out.u8(READINGS.now);
  out.u8(place | (lists !== null ? COUNTS : 0) | (hasMs ? MS : 0) | (hasLate ? LATE : 0));
  if (place === SPARSE) writeSeconds(occupied);
  else if (place === 0) writeBitmap(out, counts, SECONDS_PER_PAGE);
  if (lists !== null) for (let i = 0; i < SECONDS_PER_PAGE; i++) if (counts[i] !== 0) out.u8(counts[i]);
  packColumn(values, n, out, body);
  if (hasMs) {
    for (let i = 0; i < n; i++) column[i] = ms[i];
    packColumn(column, n, out, body);
  }
  out.raw(body.view());
  if (hasLate) writeBitmap(out, late, n);
  if (lists !== null && lists.heavy !== null) writeBuckets(out, lists.heavy, order, starts, orderHeavy(lists));
  return sealed(key);
}

function countOccupied(): number {
  let occupied = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) if (counts[i] !== 0) occupied++;
  return occupied;
}

/** How many seconds are occupied, then each as the distance from the one before. */
function writeSeconds(occupied: number): void {
  out.varint(occupied);
  let previous = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    if (counts[i] === 0) continue;
    out.varint(i - previous);
    previous = i;
  }
}

function orderHeavy(lists: ListedSeconds): number {
  let n = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    if (counts[i] !== HEAVY_COUNT) continue;
    order[n] = lists.heavyRow.get(i) ?? 0;
    starts[n++] = (lists.start + i) * 1000;
  }
  return n;
}

/** Fills the columns that the page has; `ms` and `late` only where it has some. */
function gatherSingles(singles: SingleSeconds, count: number): number {
  const { value: all, from } = singles;
  if (count === SECONDS_PER_PAGE) {
    // All seconds are taken, so they begin with the first: the columns are as they have to be.
    counts.fill(1);
    values.set(all);
    if (singles.ms !== null) ms.set(singles.ms);
    if (singles.late !== null) late.set(singles.late);
    return SECONDS_PER_PAGE;
  }
  let n = 0;
  counts.fill(0);
  for (let i = 0; i < all.length; i++) {
    const value = all[i];
    const isSet = Number.isNaN(value) ? 0 : 1;
    counts[from + i] = isSet;
    values[n] = value;
    n += isSet;
  }
  if (singles.ms !== null) gather(singles.ms, from, ms);
  if (singles.late !== null) gather(singles.late, from, late);
  return n;
}

function gather(column: Uint8Array | Uint16Array, from: number, into: Uint8Array | Uint16Array): void {
  for (let i = 0, n = 0; i < column.length; i++) if (counts[from + i] !== 0) into[n++] = column[i];
}

function gatherLists(lists: ListedSeconds): number {
  let n = 0;
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    const length = lists.readList(i, values, ms, late, n);
    counts[i] = length < 0 ? HEAVY_COUNT : length;
    n += Math.max(0, length);
  }
  return n;
}

function isAnySet(column: Uint8Array | Uint16Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (column[i] !== 0) return true;
  return false;
}

/** Reads the seconds of one page where they stand: `open` first. */
export class EncodedSeconds {
  readonly #values = new PackedColumn();
  readonly #ms = new PackedColumn();
  readonly #heavy = new BucketColumns();
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #flags = 0;
  #bitmap: Uint8Array = new Uint8Array(0);
  /** The bitmap of a page that lists its seconds. */
  readonly #listed = new Uint8Array(BITMAP_BYTES);
  #counts: Uint8Array = new Uint8Array(0);
  #lateAt = 0;
  /** What `#find` found: rows of listed readings, their first and last second, and the same of heavy seconds. */
  #row = 0;
  #rowEnd = 0;
  #listedSeconds = 0;
  #first = 0;
  #last = 0;
  #heavyRow = 0;
  #heavyEnd = 0;
  #firstHeavy = 0;
  #lastHeavy = 0;

  /** @param bytes of a page whose checksum is right @throws TidemarkError "history-corrupt" */
  open(key: number, bytes: Uint8Array): this {
    this.#bytes = bytes;
    this.#start = pageOf(key) * SECONDS_PER_PAGE;
    try {
      this.#open(new ByteReader(bytes));
    } catch (error) {
      throw corrupt(key, String(error), error);
    }
    return this;
  }

  #open(from: ByteReader): void {
    const layout = from.u8();
    if (layout !== READINGS.now && layout !== READINGS.keyless) throw new RangeError("unknown layout");
    this.#flags = from.u8();
    const occupied = this.#readOccupied(from);
    let n = occupied;
    let heavy = 0;
    if ((this.#flags & COUNTS) !== 0) {
      this.#counts = from.raw(occupied);
      n = 0;
      for (let i = 0; i < occupied; i++) {
        if (this.#counts[i] === HEAVY_COUNT) heavy++;
        else n += this.#counts[i];
      }
    }
    this.#values.readHead(from);
    if ((this.#flags & MS) !== 0) this.#ms.readHead(from);
    else this.#ms.zero();
    from.position = this.#ms.place(this.#bytes, this.#values.place(this.#bytes, from.position, n), n);
    this.#lateAt = from.position;
    if ((this.#flags & LATE) !== 0) from.raw((n + 7) >> 3);
    if (heavy > 0) this.#heavy.open(from, heavy);
  }

  /** @returns how many seconds are occupied */
  #readOccupied(from: ByteReader): number {
    if ((this.#flags & FULL) !== 0) return SECONDS_PER_PAGE;
    if ((this.#flags & SPARSE) === 0) {
      this.#bitmap = from.raw(BITMAP_BYTES);
      return countBits(this.#bitmap, 0, SECONDS_PER_PAGE);
    }
    const occupied = from.varint();
    this.#bitmap = this.#listed.fill(0);
    let second = 0;
    for (let i = 0; i < occupied; i++) {
      second += from.varint();
      this.#listed[second >> 3] |= 1 << (second & 7);
    }
    return occupied;
  }

  #isOccupied(second: number): boolean {
    return (this.#flags & FULL) !== 0 || hasBit(this.#bitmap, second);
  }

  /** Finds the rows of the seconds [from, to). */
  #find(from: number, to: number): void {
    this.#heavyRow = 0;
    this.#heavyEnd = 0;
    if ((this.#flags & COUNTS) !== 0) {
      this.#findCounted(from, to);
      return;
    }
    if ((this.#flags & FULL) !== 0) {
      this.#row = this.#first = from;
      this.#rowEnd = to;
      this.#last = to - 1;
    } else {
      this.#row = countBits(this.#bitmap, 0, from);
      this.#rowEnd = this.#row + countBits(this.#bitmap, from, to);
      this.#first = firstBit(this.#bitmap, from, to);
      this.#last = lastBit(this.#bitmap, from, to);
    }
    this.#listedSeconds = this.#rowEnd - this.#row;
  }

  #findCounted(from: number, to: number): void {
    const counted = this.#counts;
    const before = (this.#flags & FULL) !== 0 ? from : countBits(this.#bitmap, 0, from);
    let row = 0;
    let heavy = 0;
    for (let k = 0; k < before; k++) {
      if (counted[k] === HEAVY_COUNT) heavy++;
      else row += counted[k];
    }
    this.#row = row;
    this.#heavyRow = heavy;
    this.#listedSeconds = 0;
    for (let i = from, k = before; i < to; i++) {
      if (!this.#isOccupied(i)) continue;
      const count = counted[k++];
      if (count === HEAVY_COUNT) {
        if (heavy++ === this.#heavyRow) this.#firstHeavy = i;
        this.#lastHeavy = i;
        continue;
      }
      if (this.#listedSeconds++ === 0) this.#first = i;
      this.#last = i;
      row += count;
    }
    this.#rowEnd = row;
    this.#heavyEnd = heavy;
  }

  /** As `SecondsPage.mergeInto`. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    this.#find(from, to);
    const row = this.#row;
    const end = this.#rowEnd;
    if (end > row) {
      this.#values.copy(values, row, end);
      aggregate.addValues(values, end - row, withSums);
      aggregate.seconds += this.#listedSeconds;
      if ((this.#flags & LATE) !== 0) {
        const bits = this.#bytes.subarray(this.#lateAt);
        aggregate.late += countBits(bits, row, end);
      }
      const first = (this.#start + this.#first) * 1000 + this.#ms.value(row);
      const last = (this.#start + this.#last) * 1000 + this.#ms.value(end - 1);
      aggregate.ends(first, values[0], last, values[end - row - 1]);
    }
    if (this.#heavyEnd === this.#heavyRow) return;
    const firstStart = (this.#start + this.#firstHeavy) * 1000;
    const lastStart = (this.#start + this.#lastHeavy) * 1000;
    this.#heavy.mergeInto(aggregate, this.#heavyRow, this.#heavyEnd, firstStart, lastStart, withSums);
  }

  /** As `SecondsPage.mergeValues`. */
  mergeValues(into: Distribution, from: number, to: number): void {
    this.#find(from, to);
    this.#values.copy(values, this.#row, this.#rowEnd);
    into.addColumn(values, 0, this.#rowEnd - this.#row);
    this.#heavy.mergeValues(into, this.#heavyRow, this.#heavyEnd);
  }

  /** Fills columns with all seconds. O(600 + readings). */
  columns(into: SecondColumns): void {
    this.#find(0, SECONDS_PER_PAGE);
    const rows = this.#rowEnd;
    into.reserve(rows);
    this.#values.copy(into.value, 0, rows);
    this.#ms.copy(into.ms, 0, rows);
    const lateBits = (this.#flags & LATE) === 0 ? null : this.#bytes.subarray(this.#lateAt);
    for (let row = 0; row < rows; row++) into.wasLate[row] = lateBits !== null && hasBit(lateBits, row) ? 1 : 0;
    const isCounted = (this.#flags & COUNTS) !== 0;
    let row = 0;
    let heavy = 0;
    for (let i = 0, k = 0; i < SECONDS_PER_PAGE; i++) {
      const count = !this.#isOccupied(i) ? 0 : isCounted ? this.#counts[k++] : 1;
      if (count === HEAVY_COUNT) {
        into.firstRow[i] = HEAVY_ROW;
        into.readings[i] = this.#heavy.countOf(heavy);
        into.late[i] = this.#heavy.lateOf(heavy++);
        continue;
      }
      into.firstRow[i] = row;
      into.readings[i] = count;
      into.late[i] = 0;
      for (const end = row + count; row < end; row++) into.late[i] += into.wasLate[row];
    }
  }

  /** The page in a form that can be changed. */
  decode(): SecondsPage {
    const page = new SecondsPage(this.#start);
    this.#find(0, SECONDS_PER_PAGE);
    this.#values.copy(values, 0, this.#rowEnd);
    this.#ms.copy(column, 0, this.#rowEnd);
    const isCounted = (this.#flags & COUNTS) !== 0;
    const lateBits = (this.#flags & LATE) === 0 ? null : this.#bytes.subarray(this.#lateAt);
    const lists = isCounted ? page.becomeListed() : null;
    if (lists === null) {
      page.singles?.cover(this.#first, this.#rowEnd);
      page.singles?.cover(this.#last, 0);
    }
    let row = 0;
    let heavy = 0;
    for (let i = 0, k = 0; i < SECONDS_PER_PAGE; i++) {
      if (!this.#isOccupied(i)) continue;
      const count = isCounted ? this.#counts[k++] : 1;
      if (lists !== null && count === HEAVY_COUNT) {
        order[heavy] = lists.addHeavy(i);
        starts[heavy++] = (this.#start + i) * 1000;
        continue;
      }
      for (const end = row + count; row < end; row++) {
        page.put(i, column[row], values[row], lateBits !== null && hasBit(lateBits, row) ? 1 : 0);
      }
    }
    const rows = lists?.heavy ?? null;
    if (rows === null) return page;
    this.#heavy.copyTo(rows, order, starts);
    this.#heavy.copyValuesTo(rows, order);
    for (let k = 0; k < heavy; k++) page.count += rows.cells[k * ROW_CELLS + COUNT];
    return page;
  }
}

/** The page that these bytes hold. @throws TidemarkError "history-corrupt" */
export function decodeSeconds(key: number, bytes: Uint8Array): SecondsPage {
  return new EncodedSeconds().open(key, bytes).decode();
}
