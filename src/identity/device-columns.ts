/** What is known of devices, in columns by slot (the slot of their name): the layout that everything in this room reads and writes. */

/** Sequences in an edge: disorder and resends of half of it cost no look-up, at 256 bytes a device. */
export const EDGE_SEQUENCES = 2048;
export const EDGE_WORDS = EDGE_SEQUENCES / 32;

/** Cells of a device. */
export const DEVICE_CELLS = 8;
/** Number of the device's row; 0: the slot is not loaded. */
export const ID = 0;
/** The boot that the edge belongs to, and its name's slot (or an EDGE_ constant). */
export const EDGE_BOOT = 1;
export const EDGE_NAME = 2;
/** First sequence of the edge, a multiple of 32. */
export const EDGE_BASE = 3;
/** First edge word changed since the last commit; EDGE_WORDS: none. */
export const CHANGED_WORD = 4;
/** Newest counted event time of any boot, ms; -Infinity before the first. */
export const NEWEST = 5;
/** When it was last heard from, ms (ingestion time); not stored. */
export const HEARD_AT = 6;
/** Duplicates in a row. */
export const DUPLICATE_RUN = 7;

/** Counts of a device, as totals are of a sensor (pipeline/totals.ts): what `Engine.devices` lists. */
export const DEVICE_COUNTS = 10;
export const READINGS = 0;
export const DUPLICATES = 1;
export const CONFLICTS = 2;
export const LATE_READINGS = 3;
/** Held back now, or discarded. */
export const HELD_BACK = 4;
/** Event time of its first counted reading, ms: Infinity before it, -Infinity when older versions counted some that they did not count here. */
export const FIRST_TIME = 5;
/** Of the newest one, released ones too, ms; and the largest value at that time. */
export const LAST_TIME = 6;
export const LAST_VALUE = 7;
/** HEARD_AT as it was stored, ms. */
export const LAST_HEARD = 8;
/** The number of its series, `SERIES_NONE`, or 0: not looked up; not stored with the device. */
export const SERIES = 9;

/** It has none: it came too late, or has no name. */
export const SERIES_NONE = -1;
/** Not looked up either, and nothing was counted of it before. */
export const SERIES_FRESH = -2;

/** EDGE_NAME of an edge whose boot's name is not yet looked up, and of none. */
export const EDGE_UNRESOLVED = -2;
export const EDGE_NONE = -3;

/** Enough for the sensors of a house; it doubles. */
const FIRST_CAPACITY = 64;

/** A device's edge, newest time and latest implicit boot; numbers only. */
export class DeviceColumns {
  /** Slots that the columns have room for. */
  capacity = FIRST_CAPACITY;
  /** DEVICE_CELLS numbers a device, side by side: what classifying a reading needs. */
  cells = new Float64Array(FIRST_CAPACITY * DEVICE_CELLS);
  edge = new Uint32Array(FIRST_CAPACITY * EDGE_WORDS);
  /** DEVICE_COUNTS numbers a device. */
  counts = new Float64Array(FIRST_CAPACITY * DEVICE_COUNTS);
  /** The latest implicit boot, numbered from 1 (0: none), and the last sequence that came without boot and time. */
  implicitBoot = new Float64Array(FIRST_CAPACITY);
  lastUntimed = new Float64Array(FIRST_CAPACITY);
  /** The latest implicit boot from before version 3 (0: none), and the times of its first and last counted reading, ms. */
  olderBoot = new Float64Array(FIRST_CAPACITY);
  olderFirst = new Float64Array(FIRST_CAPACITY);
  olderLast = new Float64Array(FIRST_CAPACITY);

  /** Whether the slot's device is resident. */
  isLoaded(slot: number): boolean {
    return slot < this.capacity && this.cells[slot * DEVICE_CELLS + ID] !== 0;
  }

  /** Makes room for `length` slots at least. */
  grow(length: number): void {
    const capacity = Math.max(this.capacity * 2, length);
    this.capacity = capacity;
    this.cells = wider(this.cells, new Float64Array(capacity * DEVICE_CELLS));
    this.edge = wider(this.edge, new Uint32Array(capacity * EDGE_WORDS));
    this.counts = wider(this.counts, new Float64Array(capacity * DEVICE_COUNTS));
    this.implicitBoot = wider(this.implicitBoot, new Float64Array(capacity));
    this.lastUntimed = wider(this.lastUntimed, new Float64Array(capacity));
    this.olderBoot = wider(this.olderBoot, new Float64Array(capacity));
    this.olderFirst = wider(this.olderFirst, new Float64Array(capacity));
    this.olderLast = wider(this.olderLast, new Float64Array(capacity));
  }

  /** Resets the slot to a device of which nothing is known. */
  clear(slot: number): void {
    const { cells } = this;
    const at = slot * DEVICE_CELLS;
    cells[at + EDGE_BOOT] = 0;
    cells[at + EDGE_NAME] = EDGE_NONE;
    cells[at + EDGE_BASE] = 0;
    cells[at + CHANGED_WORD] = EDGE_WORDS;
    cells[at + NEWEST] = Number.NEGATIVE_INFINITY;
    cells[at + HEARD_AT] = Number.NEGATIVE_INFINITY;
    cells[at + DUPLICATE_RUN] = 0;
    this.edge.fill(0, slot * EDGE_WORDS, (slot + 1) * EDGE_WORDS);
    const counts = slot * DEVICE_COUNTS;
    this.counts.fill(0, counts, counts + DEVICE_COUNTS);
    this.counts[counts + FIRST_TIME] = Number.POSITIVE_INFINITY;
    this.counts[counts + LAST_TIME] = Number.NEGATIVE_INFINITY;
    this.counts[counts + LAST_HEARD] = Number.NEGATIVE_INFINITY;
    this.implicitBoot[slot] = 0;
    this.lastUntimed[slot] = 0;
    this.olderBoot[slot] = 0;
  }

  /** Counts a reading of a slot. */
  count(slot: number, time: number, value: number, isLate: boolean): void {
    const { counts } = this;
    const at = slot * DEVICE_COUNTS;
    counts[at + READINGS]++;
    if (isLate) counts[at + LATE_READINGS]++;
    if (time < counts[at + FIRST_TIME]) {
      if (counts[at + FIRST_TIME] === Number.POSITIVE_INFINITY && counts[at + SERIES] === 0) {
        counts[at + SERIES] = SERIES_FRESH;
      }
      counts[at + FIRST_TIME] = time;
    }
    this.newest(slot, time, value);
  }

  /** Counts a reading that a deletion holds: neither its first nor its newest. @param late 1 or 0 */
  countDeleted(slot: number, late: number): void {
    const { counts } = this;
    const at = slot * DEVICE_COUNTS;
    counts[at + READINGS]++;
    counts[at + LATE_READINGS] += late;
    if (counts[at + FIRST_TIME] === Number.POSITIVE_INFINITY && counts[at + SERIES] === 0) {
      counts[at + SERIES] = SERIES_FRESH;
    }
  }

  /** Notes a reading that may be a slot's newest. */
  newest(slot: number, time: number, value: number): void {
    const { counts } = this;
    const at = slot * DEVICE_COUNTS;
    if (time < counts[at + LAST_TIME] || (time === counts[at + LAST_TIME] && value <= counts[at + LAST_VALUE])) return;
    counts[at + LAST_TIME] = time;
    counts[at + LAST_VALUE] = value;
  }
}

/** The column's numbers in a longer one. */
export function wider<T extends Float64Array | Uint32Array | Uint8Array>(column: T, into: T): T {
  into.set(column);
  return into;
}
