/** A page of level 0: 600 seconds of one series, the only place that readings are folded into by hand (levels above are merged). */
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { MINUTES_PER_PAGE, minuteOf, SECONDS_PER_PAGE } from "./levels.ts";
import { ListedSeconds } from "./listed-seconds.ts";
import { ReadingRun } from "./reading-run.ts";
import { SingleSeconds } from "./single-seconds.ts";

/** A bit for each minute of a page. */
export const ALL_MINUTES = (1 << MINUTES_PER_PAGE) - 1;

/**
 * The seconds of one page, in the form that their readings need.
 *
 * States: *single* (`singles`: no second holds two readings) → *listed* (`lists`), on the second reading of a second; never back.
 * `without` makes a new page, in the state that its remaining readings call for: state and bytes depend on the set of readings only.
 * `release` ends it.
 */
export class SecondsPage {
  /** Second since the epoch of the first bucket. */
  readonly start: number;
  /** Readings in it. */
  count = 0;
  /** Exactly one of these is there. */
  singles: SingleSeconds | null;
  lists: ListedSeconds | null = null;
  /** Bit m: minute m of the ten has changed since it was merged into level 1. */
  staleMinutes = 0;

  constructor(start: number) {
    this.start = start;
    this.singles = new SingleSeconds(start);
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return this.singles?.bytes ?? this.lists?.bytes ?? 0;
  }

  /** Some second is a bucket row. */
  get isHeavy(): boolean {
    return this.lists !== null && this.lists.heavy !== null;
  }

  /**
   * Folds rows of a run, beginning with `from`, while they belong to this page.
   * @returns the first row that does not
   */
  foldRows(run: ReadingRun, from: number, to: number): number {
    let row = from;
    const { singles } = this;
    if (singles !== null) {
      row = singles.fold(run, row, to);
      this.#touch(singles);
      // A row of this page that was not taken is its second's second.
      if (row < to && this.#holds(run.time[row])) this.becomeListed();
    }
    if (this.lists !== null) {
      row = this.lists.fold(run, row, to);
      this.#touch(this.lists);
    }
    this.count += row - from;
    return row;
  }

  #holds(time: number): boolean {
    const second = Math.floor(time / 1000) - this.start;
    return second >= 0 && second < SECONDS_PER_PAGE;
  }

  #touch(seconds: SingleSeconds | ListedSeconds): void {
    this.staleMinutes |= seconds.touched;
    seconds.touched = 0;
  }

  /**
   * A page with everything of this one but the seconds [from, to), in the state that it would be in without them; their minutes are
   * stale. This one is not used any more.
   */
  without(from: number, to: number): SecondsPage {
    const page = new SecondsPage(this.start);
    page.staleMinutes = this.staleMinutes;
    for (let m = minuteOf(from); m <= minuteOf(to - 1); m++) page.staleMinutes |= 1 << m;
    const { singles, lists } = this;
    if (lists?.isNeededWithout(from, to)) {
      page.count = page.becomeListed().takeOver(lists, from, to);
      return page;
    }
    const put = (index: number, ms: number, value: number, late: number): void => {
      if (index < from || index >= to) page.put(index, ms, value, late);
    };
    singles?.each(put);
    for (let i = 0; i < SECONDS_PER_PAGE; i++) lists?.eachOf(i, (ms, value, late) => put(i, ms, value, late));
    this.release();
    return page;
  }

  /** Adds all that another page of the same seconds holds, as if it had been folded here; that page is not used any more. All minutes are stale then. */
  merge(other: SecondsPage): void {
    const run = new ReadingRun(other.count);
    const { time, value, late } = run;
    let rows = 0;
    const list = (index: number, ms: number, v: number, wasLate: number): void => {
      time[rows] = (this.start + index) * 1000 + ms;
      value[rows] = v;
      late[rows++] = wasLate;
    };
    other.singles?.each(list);
    const { lists } = other;
    for (let i = 0; lists !== null && i < SECONDS_PER_PAGE; i++) lists.eachOf(i, (ms, v, l) => list(i, ms, v, l));
    this.foldRows(run.set(time, value, late, rows), 0, rows);
    if (lists !== null && lists.heavyRow.size > 0) this.count += this.becomeListed().mergeHeavy(lists);
    this.staleMinutes = ALL_MINUTES;
    other.release();
  }

  /** Puts one reading into second `index` (0–599), as a decoder does: in the single state into one that holds none. */
  put(index: number, ms: number, value: number, late: number): void {
    this.count++;
    if (this.lists === null) this.singles?.put(index, ms, value, late);
    else this.lists.put(index, ms, value, late);
  }

  /** Leaves the single state. */
  becomeListed(): ListedSeconds {
    if (this.lists !== null) return this.lists;
    const lists = new ListedSeconds(this.start);
    this.singles?.each((index, ms, value, late) => lists.put(index, ms, value, late));
    this.release();
    this.singles = null;
    this.lists = lists;
    return lists;
  }

  /** The page is not used any more: its columns serve others. */
  release(): void {
    this.singles?.release();
  }

  /** Adds the seconds [from, to) to an aggregate, but for their values. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    if (this.lists === null) this.singles?.mergeInto(aggregate, from, to, withSums);
    else this.lists.mergeInto(aggregate, from, to, withSums);
  }

  /** Adds the values of the seconds [from, to). */
  mergeValues(into: Distribution, from: number, to: number): void {
    if (this.lists === null) this.singles?.mergeValues(into, from, to);
    else this.lists.mergeValues(into, from, to);
  }
}
