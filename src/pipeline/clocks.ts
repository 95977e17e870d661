/** Judges the clocks of a batch before anything of it is counted: each row is on time, late, or of an impossible time. */
import { CLOCK_BEHIND_MS, LATE_AFTER_MS } from "../core/limits.ts";
import type { Readings } from "../core/readings.ts";
import type { Records } from "../core/records.ts";
import { ACCEPTED } from "../core/rejections.ts";

/** Verdicts. The first two are also what a run's column `late` says. */
export const ON_TIME = 0;
export const LATE = 1;
export const IMPOSSIBLE = 2;

/**
 * Judges one batch of one sensor and partition at a time. *Late* is behind the partition's front (fronts.ts), which copies of a reading
 * move as well as the first one: so it follows from the records of the partition alone, wherever batches are cut.
 */
export class Clocks {
  readonly #aheadMs: number;
  /** By row; a rejected row's means nothing. */
  verdicts = new Uint8Array(4096);
  /** So many rows from the first on are accepted, on time, and none is before the one above it. */
  orderly = 0;

  /** @param aheadMs a time this far ahead of its reference is impossible */
  constructor(aheadMs: number) {
    this.#aheadMs = aheadMs;
  }

  /**
   * Judges against the log's append times where there are such, else against the clock. O(rows)
   * @param front of the partition before the batch; @param shared rows may be of one record: they have its offset
   * @returns the front behind the batch
   */
  judge(records: Records, readings: Readings, front: number, nowMs: number, shared: boolean): number {
    const { count, appendTime } = records;
    if (this.verdicts.length < count) this.verdicts = new Uint8Array(readings.capacity);
    this.orderly = 0;
    if (shared) return this.#judgeShared(records, readings, front, nowMs);
    const rows = orderlyRows(records, readings);
    if (rows > 0) {
      const { [0]: first, [rows - 1]: last } = readings.time;
      if (first >= CLOCK_BEHIND_MS && first >= front - LATE_AFTER_MS && (appendTime || last <= nowMs + this.#aheadMs)) {
        this.orderly = rows;
        this.verdicts.fill(ON_TIME, 0, rows);
        if (last > front) front = last;
      }
    }
    if (this.orderly === count) return front;
    return judgeRows(records, readings, this.verdicts, this.orderly, count, front, nowMs, this.#aheadMs);
  }

  /** Readings of one record came at once: none is late for another of them. */
  #judgeShared(records: Records, readings: Readings, front: number, nowMs: number): number {
    const { count, offset } = records;
    const { verdicts } = this;
    for (let from = 0, to = 0; from < count; from = to) {
      while (to < count && offset[to] === offset[from]) to++;
      const onTimeFrom = front - LATE_AFTER_MS;
      front = judgeRows(records, readings, verdicts, from, to, front, nowMs, this.#aheadMs);
      for (let i = from; i < to; i++) {
        if (verdicts[i] === LATE && readings.time[i] >= onTimeFrom) verdicts[i] = ON_TIME;
      }
    }
    return front;
  }
}

/** How many rows from the first on are accepted, not before the one above, and not ahead of their record: mostly all, and soon seen. */
function orderlyRows({ count, timestamp }: Records, { time, rejection }: Readings): number {
  let row = 0;
  let before = Number.NEGATIVE_INFINITY;
  while (row < count && rejection[row] === ACCEPTED && time[row] >= before && time[row] <= timestamp[row]) {
    before = time[row++];
  }
  return row;
}

/** Judges rows [from, to), each by itself. @returns the front after them */
function judgeRows(
  { timestamp, appendTime }: Records,
  { time, rejection, ownTime }: Readings,
  verdicts: Uint8Array,
  from: number,
  to: number,
  front: number,
  nowMs: number,
  aheadMs: number,
): number {
  const latest = nowMs + aheadMs;
  let onTimeFrom = front - LATE_AFTER_MS;
  for (let i = from; i < to; i++) {
    if (rejection[i] !== ACCEPTED) continue;
    const t = time[i];
    const stamp = timestamp[i];
    if (t < CLOCK_BEHIND_MS || t > (appendTime ? stamp + aheadMs : latest)) {
      verdicts[i] = IMPOSSIBLE;
      continue;
    }
    verdicts[i] = t < onTimeFrom ? LATE : ON_TIME;
    if (t <= front) continue;
    // A device's clock that is ahead makes nobody late. Without a timestamp the row's own time tells, not the time at which it is read.
    let reached = t;
    if (stamp < t && (stamp >= CLOCK_BEHIND_MS || ownTime[i] === 0)) reached = stamp;
    if (reached <= front) continue;
    front = reached;
    onTimeFrom = front - LATE_AFTER_MS;
  }
  return front;
}
