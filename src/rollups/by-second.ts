/** Sorts an out-of-order batch of readings by second, so that each page and second is folded into once. */
import { SECONDS_PER_PAGE } from "./levels.ts";
import { ReadingRun } from "./reading-run.ts";

const PAGE_MS = SECONDS_PER_PAGE * 1000;

/** Fewer rows than this are folded as they come. */
const ROWS_MIN = 64;

/** Sorting costs some 15 ns a row. It pays from one change of page, or one step back in time, in this many rows. */
const ROWS_A_TURN = 64;
const ROWS_A_STEP_BACK = 8;

/** Bits of a second that one pass sorts by: counts of all of their values stay in the processor's first cache. */
const PASS_BITS_MAX = 11;
/** Seconds from the first to the last that can be sorted: 136 years. */
const SPAN_MAX = 2 ** 32;

const places = new Uint32Array(2 ** PASS_BITS_MAX);

/** The run of one batch, reused for the next. */
export class SecondOrder {
  /** What was sorted last. */
  readonly run = new ReadingRun();
  /** Pages of level 0 that the rows sorted last belong to. */
  pages = 0;
  #key = new Uint32Array(0);
  #row = new Uint32Array(0);
  #next = new Uint32Array(0);

  /**
   * Fills `run` with the rows of another, by second, rows of one second as they came. O(count).
   * @returns false when they are nearly in order, or span too much, and should be taken as they are
   */
  sort(source: ReadingRun): boolean {
    const { time, value, late, count } = source;
    if (source.ascending || !isDisordered(time, count)) return false;
    const start = Math.floor(source.earliest / 1000);
    const span = Math.floor(source.latest / 1000) - start + 1;
    if (span > SPAN_MAX) return false;
    this.#reserve(count);
    const key = this.#key;
    for (let i = 0; i < count; i++) key[i] = Math.floor(time[i] / 1000) - start;
    const row = this.#sortRows(count, Math.max(1, 32 - Math.clz32(span - 1)));
    const { run } = this;
    let pageEnd = Number.NEGATIVE_INFINITY;
    this.pages = 0;
    for (let i = 0; i < count; i++) {
      const from = row[i];
      const t = time[from];
      if (t >= pageEnd) {
        this.pages++;
        pageEnd = (Math.floor(t / PAGE_MS) + 1) * PAGE_MS;
      }
      run.time[i] = t;
      run.value[i] = value[from];
      run.late[i] = late[from];
    }
    run.count = count;
    run.ascending = false;
    run.earliest = source.earliest;
    run.latest = source.latest;
    run.latestValue = source.latestValue;
    return true;
  }

  #reserve(count: number): void {
    const { run } = this;
    if (run.time.length >= count) return;
    run.time = new Float64Array(count);
    run.value = new Float64Array(count);
    run.late = new Uint8Array(count);
    this.#key = new Uint32Array(count);
    this.#row = new Uint32Array(count);
    this.#next = new Uint32Array(count);
  }

  /** Sorts rows by the low `bits` of their keys: a radix sort, lowest bits first. */
  #sortRows(count: number, bits: number): Uint32Array {
    const key = this.#key;
    let row = this.#row;
    let next = this.#next;
    for (let i = 0; i < count; i++) row[i] = i;
    const passes = Math.ceil(bits / PASS_BITS_MAX);
    const passBits = Math.ceil(bits / passes);
    const mask = (1 << passBits) - 1;
    for (let shift = 0; shift < bits; shift += passBits) {
      places.fill(0, 0, mask + 1);
      for (let i = 0; i < count; i++) places[(key[i] >>> shift) & mask]++;
      let place = 0;
      for (let digit = 0; digit <= mask; digit++) {
        const rows = places[digit];
        places[digit] = place;
        place += rows;
      }
      for (let i = 0; i < count; i++) {
        const from = row[i];
        next[places[(key[from] >>> shift) & mask]++] = from;
      }
      [row, next] = [next, row];
    }
    return row;
  }
}

/** Whether folding the rows unsorted would go back and forth between pages or seconds. */
function isDisordered(time: Float64Array, count: number): boolean {
  if (count < ROWS_MIN) return false;
  let turns = 0;
  let stepsBack = 0;
  let second = 0;
  let page = Number.NaN;
  for (let row = 0; row < count; row++) {
    const t = time[row];
    if (t < second) stepsBack++;
    else if (t < second + 1000) continue;
    second = Math.floor(t / 1000) * 1000;
    if (t >= page && t < page + PAGE_MS) continue;
    turns++;
    page = Math.floor(t / PAGE_MS) * PAGE_MS;
  }
  return turns * ROWS_A_TURN > count || stepsBack * ROWS_A_STEP_BACK > count;
}
