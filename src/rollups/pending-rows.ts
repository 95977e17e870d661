/**
 * Readings of many series that wait to be folded, a few of each in every batch: columns in the order in which they came, and the rows of
 * a series in a chain from the last one back. Series are named by a dense index from 0 on.
 */
import { ReadingRun } from "./reading-run.ts";

const FIRST_ROWS = 4096;
const FIRST_INDEXES = 1024;
const NONE = -1;

/** Of a row: time, value, lateness, the row before it. */
const ROW_BYTES = 21;

/**
 * Rows of a series are *waiting* → *taken* (they are folded in memory), or → *hidden* → taken (`settle`) | waiting (`restore`): written by
 * a transaction that may be rolled back.
 */
export class PendingRows {
  #time = new Float64Array(0);
  #value = new Float64Array(0);
  #late = new Uint8Array(0);
  #previous = new Int32Array(0);
  /** Rows in the columns, and those of them that wait. */
  #used = 0;
  #waiting = 0;
  /** By index: the last row, and how many wait. */
  #last = new Int32Array(0);
  #rows = new Int32Array(0);
  /** Indexes that had rows; some twice. */
  #indexes: number[] = [];
  #hidden: { readonly index: number; readonly last: number; readonly rows: number }[] = [];
  readonly #run = new ReadingRun();

  /** Bytes of memory. */
  get bytes(): number {
    return this.#time.length * ROW_BYTES;
  }

  /** Rows in the columns, taken ones too until `compact`. */
  get used(): number {
    return this.#used;
  }

  /** Indexes that may have rows that wait. Each at least once. */
  get indexes(): readonly number[] {
    return this.#indexes;
  }

  /** Rows of a series that wait. */
  rowsOf(index: number): number {
    return index < this.#rows.length ? this.#rows[index] : 0;
  }

  /** Appends a row. @param time event time, ms; @param late 1 when it came late, else 0 */
  add(index: number, time: number, value: number, late: number): void {
    if (this.#used === this.#time.length) this.#widen();
    if (index >= this.#rows.length) this.#widenIndexes(index + 1);
    const row = this.#used++;
    this.#time[row] = time;
    this.#value[row] = value;
    this.#late[row] = late;
    this.#waiting++;
    if (this.#rows[index]++ === 0) {
      this.#indexes.push(index);
      this.#previous[row] = NONE;
    } else this.#previous[row] = this.#last[index];
    this.#last[index] = row;
  }

  /** The rows of a series in the order in which they came, which do not wait any more; valid until the next call. */
  take(index: number): ReadingRun {
    const run = this.#runOf(index);
    this.#waiting -= run.count;
    this.#rows[index] = 0;
    return run;
  }

  /** As `take`; until `settle` they can be restored. */
  hide(index: number): ReadingRun {
    this.#hidden.push({ index, last: this.#last[index], rows: this.#rows[index] });
    return this.take(index);
  }

  /** What was hidden is committed. */
  settle(): void {
    this.#hidden = [];
    this.compact();
  }

  /** What was hidden waits again. @returns its indexes */
  restore(): number[] {
    const hidden = this.#hidden;
    this.#hidden = [];
    for (const { index, last, rows } of hidden) {
      this.#last[index] = last;
      this.#rows[index] = rows;
      this.#waiting += rows;
      this.#indexes.push(index);
    }
    return hidden.map(({ index }) => index);
  }

  /** Frees the room of rows that were taken, while none are hidden. O(rows that wait). */
  compact(): void {
    if (this.#hidden.length > 0 || this.#waiting === this.#used) return;
    const waiting = this.#waiting;
    const { bytes } = this;
    const before = this.#indexes;
    const runs = waiting === 0 ? [] : before.map((index) => ({ index, run: copyOf(this.take(index)) }));
    this.#used = 0;
    this.#indexes = [];
    if (bytes > 2 * ROW_BYTES * Math.max(FIRST_ROWS, waiting)) {
      this.#time = new Float64Array(0);
      this.#value = new Float64Array(0);
      this.#late = new Uint8Array(0);
      this.#previous = new Int32Array(0);
    }
    for (const { index, run } of runs) {
      for (let row = 0; row < run.count; row++) this.add(index, run.time[row], run.value[row], run.late[row]);
    }
  }

  #runOf(index: number): ReadingRun {
    const count = this.#rows[index];
    const run = this.#run;
    if (run.time.length < count) {
      run.time = new Float64Array(2 * count);
      run.value = new Float64Array(2 * count);
      run.late = new Uint8Array(2 * count);
    }
    for (let at = count - 1, row = this.#last[index]; at >= 0; row = this.#previous[row], at--) {
      run.time[at] = this.#time[row];
      run.value[at] = this.#value[row];
      run.late[at] = this.#late[row];
    }
    return run.set(run.time, run.value, run.late, count);
  }

  #widen(): void {
    const length = Math.max(FIRST_ROWS, 2 * this.#used);
    this.#time = wider(this.#time, new Float64Array(length));
    this.#value = wider(this.#value, new Float64Array(length));
    this.#late = wider(this.#late, new Uint8Array(length));
    this.#previous = wider(this.#previous, new Int32Array(length));
  }

  #widenIndexes(length: number): void {
    const room = Math.max(FIRST_INDEXES, 2 * length);
    this.#last = wider(this.#last, new Int32Array(room));
    this.#rows = wider(this.#rows, new Int32Array(room));
  }
}

function wider<T extends Float64Array | Int32Array | Uint8Array>(column: T, into: T): T {
  into.set(column);
  return into;
}

function copyOf(run: ReadingRun): ReadingRun {
  const { time, value, late, count } = run;
  return new ReadingRun().set(time.slice(0, count), value.slice(0, count), late.slice(0, count), count);
}
