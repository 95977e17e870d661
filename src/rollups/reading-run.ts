/**
 * Counted readings of one series on their way into the history: columns, and what is known of them. What a run is asked for on its way
 * is found out once, when it is filled. Loops are functions of their own: V8 compiles what is called often sooner than a loop inside.
 */

/** The owner's columns, of which the first `count` rows are the run's. Reused for the next batch: nothing is allocated. */
export class ReadingRun {
  count = 0;
  /** Event times, ms (integers). */
  time: Float64Array;
  value: Float64Array;
  /** 1 where a reading came late, else 0. */
  late: Uint8Array;
  /** No time is before the one above it. */
  ascending = true;
  /** Event times of the first and the newest reading, ms; infinite while it is empty. */
  earliest = Number.POSITIVE_INFINITY;
  latest = Number.NEGATIVE_INFINITY;
  /** The largest value at the newest time. */
  latestValue = 0;

  /** @param room rows of its own columns, to be filled in place */
  constructor(room = 0) {
    this.time = new Float64Array(room);
    this.value = new Float64Array(room);
    this.late = new Uint8Array(room);
  }

  /** Makes it the first `count` rows of these columns, which it keeps until the next call. O(count). */
  set(time: Float64Array, value: Float64Array, late: Uint8Array, count: number): this {
    this.time = time;
    this.value = value;
    this.late = late;
    this.count = count;
    if (count === 0) {
      this.clear();
      return this;
    }
    this.ascending = ascendingRows(time, 0, count) === count;
    if (this.ascending) this.#measureAscending();
    else this.#measureAny();
    return this;
  }

  /** Makes it one reading, in its own columns: of a run that is made with room for it. */
  setOne(time: number, value: number, late: number): this {
    this.time[0] = this.earliest = this.latest = time;
    this.value[0] = this.latestValue = value;
    this.late[0] = late;
    this.count = 1;
    return this;
  }

  /** Adds the rows of another run, for which there is room. Afterwards it counts as not ascending. */
  append(run: ReadingRun): void {
    this.time.set(run.time.subarray(0, run.count), this.count);
    this.value.set(run.value.subarray(0, run.count), this.count);
    this.late.set(run.late.subarray(0, run.count), this.count);
    this.count += run.count;
    this.ascending = false;
    if (run.earliest < this.earliest) this.earliest = run.earliest;
    if (run.latest > this.latest || (run.latest === this.latest && run.latestValue > this.latestValue)) {
      this.latest = run.latest;
      this.latestValue = run.latestValue;
    }
  }

  /** Leaves out readings before `ms`, in place. @returns how many they were */
  dropBefore(ms: number): number {
    if (this.earliest >= ms) return 0;
    const { time, value, late, count } = this;
    let kept = 0;
    for (let row = 0; row < count; row++) {
      if (time[row] < ms) continue;
      time[kept] = time[row];
      value[kept] = value[row];
      late[kept++] = late[row];
    }
    this.set(time, value, late, kept);
    return count - kept;
  }

  /** It has no rows any more. */
  clear(): void {
    this.count = 0;
    this.ascending = true;
    this.earliest = Number.POSITIVE_INFINITY;
    this.latest = Number.NEGATIVE_INFINITY;
    this.latestValue = 0;
  }

  #measureAscending(): void {
    const { time, value } = this;
    const last = this.count - 1;
    let latestValue = value[last];
    for (let row = last - 1; row >= 0 && time[row] === time[last]; row--) {
      if (value[row] > latestValue) latestValue = value[row];
    }
    this.earliest = time[0];
    this.latest = time[last];
    this.latestValue = latestValue;
  }

  #measureAny(): void {
    const { time, value, count } = this;
    let earliest = time[0];
    let latest = earliest;
    let latestValue = value[0];
    for (let row = 1; row < count; row++) {
      const t = time[row];
      if (t < earliest) earliest = t;
      else if (t > latest || (t === latest && value[row] > latestValue)) {
        latest = t;
        latestValue = value[row];
      }
    }
    this.earliest = earliest;
    this.latest = latest;
    this.latestValue = latestValue;
  }
}

/** The first row after `from` whose time is before the last one's; `count` where there is none. */
function ascendingRows(time: Float64Array, from: number, count: number): number {
  let row = from + 1;
  while (row < count && time[row] >= time[row - 1]) row++;
  return row;
}
