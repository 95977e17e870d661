/**
 * Readings that are put off: where a batch has a few for each of very many pages, opening all of these for every batch would take
 * hundreds of megabytes or a commit a batch. They wait here, of one series at a time, until there are many, or somebody looks or commits.
 */
import { SecondOrder } from "./by-second.ts";

/** Rows that wait at most: with 2,000 pages, two weeks of seconds, each gets some 60 at a time. */
const ROWS_MAX = 131_072;
/** Of a usual batch. */
const BATCH_ROWS = 16_384;

/** Rows folded at once: some milliseconds where each is of another page. */
const SLICE_ROWS = 2048;

/** A reading's time, value and lateness, and the same again with what sorting needs. */
const ROW_BYTES = 46;

/** Takes rows [from, to) of columns. */
type Fold = (time: Float64Array, value: Float64Array, late: Uint8Array, from: number, to: number) => void;

export class Backlog {
  #count = 0;
  /** How many of them are folded already; once there are, the columns below say in which order. */
  #folded = 0;
  #sorted: Pick<SecondOrder, "time" | "value" | "late"> | null = null;
  #time = new Float64Array(0);
  #value = new Float64Array(0);
  #late = new Uint8Array(0);
  #order: SecondOrder | null = null;

  /** Bytes of memory, once it is used and until `release`. */
  get bytes(): number {
    return this.#time.length * ROW_BYTES;
  }

  /** Another batch may not fit. */
  get isFull(): boolean {
    return !this.hasRoomFor(BATCH_ROWS);
  }

  /** Whether so many rows can be added: not when folding has begun. */
  hasRoomFor(count: number): boolean {
    return this.#sorted === null && this.#count + count <= ROWS_MAX;
  }

  /** Appends the first `count` rows of the columns. */
  add(time: Float64Array, value: Float64Array, late: Uint8Array, count: number): void {
    if (this.#time.length === 0) {
      this.#time = new Float64Array(ROWS_MAX);
      this.#value = new Float64Array(ROWS_MAX);
      this.#late = new Uint8Array(ROWS_MAX);
    }
    this.#time.set(time.subarray(0, count), this.#count);
    this.#value.set(value.subarray(0, count), this.#count);
    this.#late.set(late.subarray(0, count), this.#count);
    this.#count += count;
  }

  /** Hands a slice of the rows over, by second where they are out of order. @returns false when there is none left */
  foldSlice(fold: Fold): boolean {
    if (this.#count === 0) return false;
    this.#sorted ??= this.#sort();
    const { time, value, late } = this.#sorted;
    const from = this.#folded;
    const to = Math.min(this.#count, from + SLICE_ROWS);
    this.#folded = to;
    if (to === this.#count) {
      this.#count = 0;
      this.#folded = 0;
      this.#sorted = null;
    }
    fold(time, value, late, from, to);
    return true;
  }

  #sort(): Pick<SecondOrder, "time" | "value" | "late"> {
    this.#order ??= new SecondOrder();
    const isSorted = this.#order.sort(this.#time, this.#value, this.#late, this.#count);
    return isSorted ? this.#order : { time: this.#time, value: this.#value, late: this.#late };
  }

  /** Lets go of its memory; only while it is empty. */
  release(): void {
    this.#time = new Float64Array(0);
    this.#value = new Float64Array(0);
    this.#late = new Uint8Array(0);
    this.#order = null;
  }
}
