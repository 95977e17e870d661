/** Which seconds of a series changed since its listeners were last called, and why. */
import { RESOLUTION_MS } from "../core/window.ts";
import { CAUSES, type Cause, type CausedRange } from "../engine/change.ts";
import type { ReadingRun } from "../rollups/reading-run.ts";
import { SecondRange } from "../rollups/second-range.ts";

/** A range for each cause: a reading of last week does not make the range of today's a week long. */
export class News {
  readonly #ranges = {
    reading: new SecondRange(),
    late: new SecondRange(),
    released: new SecondRange(),
    expired: new SecondRange(),
    corrected: new SecondRange(),
  } satisfies Record<Cause, SecondRange>;

  /** Adds the seconds [start, end). */
  add(cause: Cause, start: number, end: number): void {
    this.#ranges[cause].add(start, end);
  }

  /** Adds the seconds of a run that is not empty. @param cause of all of its readings; null: each is as late as its column says. O(rows) then */
  addRun({ count, time, late, earliest, latest }: ReadingRun, cause: Cause | null): void {
    if (cause !== null) {
      this.#addMs(cause, earliest, latest);
      return;
    }
    // In locals: this is done for each reading of a batch that holds a late one.
    let [onTimeFrom, onTimeTo] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    let [lateFrom, lateTo] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let row = 0; row < count; row++) {
      const ms = time[row];
      if (late[row] === 0) {
        if (ms < onTimeFrom) onTimeFrom = ms;
        if (ms > onTimeTo) onTimeTo = ms;
      } else {
        if (ms < lateFrom) lateFrom = ms;
        if (ms > lateTo) lateTo = ms;
      }
    }
    if (onTimeFrom <= onTimeTo) this.#addMs("reading", onTimeFrom, onTimeTo);
    if (lateFrom <= lateTo) this.#addMs("late", lateFrom, lateTo);
  }

  has(cause: Cause): boolean {
    return !this.#ranges[cause].isEmpty;
  }

  /** All that was added, one range a cause. Afterwards nothing is in it. */
  take(): CausedRange[] {
    const taken: CausedRange[] = [];
    for (const cause of CAUSES) {
      const seconds = this.#ranges[cause].take();
      if (seconds !== null) taken.push({ cause, seconds });
    }
    return taken;
  }

  #addMs(cause: Cause, from: number, to: number): void {
    this.#ranges[cause].add(Math.floor(from / RESOLUTION_MS), Math.floor(to / RESOLUTION_MS) + 1);
  }
}
