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

/** EDGE_NAME of an edge whose boot's name is not yet looked up, and of none. */
export const EDGE_UNRESOLVED = -2;
export const EDGE_NONE = -3;

const FIRST_CAPACITY = 1024;

/** A device's edge, newest time and latest implicit boot; numbers only. */
export class DeviceColumns {
  /** Slots that the columns have room for. */
  capacity = FIRST_CAPACITY;
  /** DEVICE_CELLS numbers a device, side by side: what classifying a reading needs. */
  cells = new Float64Array(FIRST_CAPACITY * DEVICE_CELLS);
  edge = new Uint32Array(FIRST_CAPACITY * EDGE_WORDS);
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
    this.implicitBoot[slot] = 0;
    this.lastUntimed[slot] = 0;
    this.olderBoot[slot] = 0;
  }
}

/** The column's numbers in a longer one. */
export function wider<T extends Float64Array | Uint32Array | Uint8Array>(column: T, into: T): T {
  into.set(column);
  return into;
}
