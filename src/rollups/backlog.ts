/**
 * Deferred readings. A batch may have a few for each of very many pages; opening all of these for every batch would take hundreds of
 * megabytes, or a commit a batch. Readings of one series at a time wait here until there are many, or a query or a commit needs them.
 */
import { SecondOrder } from "./by-second.ts";
import { ReadingRun } from "./reading-run.ts";

/** Most rows that wait: each of 2,000 pages (two weeks of seconds) then gets some 60 at once. */
const ROWS_MAX = 131_072;
/** Of a usual batch. */
const BATCH_ROWS = 16_384;

/** Rows folded at once: some milliseconds where each is of another page. */
const SLICE_ROWS = 2048;

/** A reading's time, value and lateness, and the same again with what sorting needs. */
const ROW_BYTES = 46;

/** Takes rows [from, to) of a run. */
type Fold = (run: ReadingRun, from: number, to: number) => void;

/** Deferred readings of one series, in columns. */
export class Backlog {
  /** What waits, as it came. */
  #waiting = new ReadingRun();
  /** The same in the order in which it is folded, once that has begun; and how many rows are folded. */
  #sorted: ReadingRun | null = null;
  #folded = 0;
  #order: SecondOrder | null = null;

  /** Bytes of memory, once it is used and until `release`. */
  get bytes(): number {
    return this.#waiting.time.length * ROW_BYTES;
  }

  /** Another batch may not fit. */
  get isFull(): boolean {
    return !this.hasRoomFor(BATCH_ROWS);
  }

  /** Whether `count` more rows fit: none do once folding has begun. */
  hasRoomFor(count: number): boolean {
    return this.#sorted === null && this.#waiting.count + count <= ROWS_MAX;
  }

  /** Appends a run. */
  add(run: ReadingRun): void {
    if (this.#waiting.time.length === 0) this.#waiting = new ReadingRun(ROWS_MAX);
    this.#waiting.append(run);
  }

  /** Hands a slice of the rows over, by second where they are out of order. @returns false when there is none left */
  foldSlice(fold: Fold): boolean {
    if (this.#waiting.count === 0) return false;
    const run = (this.#sorted ??= this.#sort());
    const from = this.#folded;
    const to = Math.min(run.count, from + SLICE_ROWS);
    this.#folded = to;
    if (to === run.count) {
      this.#waiting.clear();
      this.#folded = 0;
      this.#sorted = null;
    }
    fold(run, from, to);
    return true;
  }

  #sort(): ReadingRun {
    this.#order ??= new SecondOrder();
    return this.#order.sort(this.#waiting) ? this.#order.run : this.#waiting;
  }

  /** Frees its memory; only while it is empty. */
  release(): void {
    this.#waiting = new ReadingRun();
    this.#order = null;
  }
}
