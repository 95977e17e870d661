/** Long work in slices, so that others run in between. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** How long a slice is, ms: an answer waits for a few of them. */
const SLICE_MS = 4;

/** Work that yields wherever it can pause: often enough that a slice is not much longer than it should be. */
export type Sliced<T> = Generator<void, T, void>;

/** The pace of one piece of work. */
export class Pace {
  #end = performance.now() + SLICE_MS;

  /** Whether others should run now. */
  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  /** Lets others run. */
  async rest(): Promise<void> {
    await nextTurn();
    this.#end = performance.now() + SLICE_MS;
  }
}

/** Does the work. @returns a promise only where it takes longer than a slice */
export function inSlices<T>(work: Sliced<T>): T | Promise<T> {
  const pace = new Pace();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (pace.isOver) return others(work, pace);
  }
}

async function others<T>(work: Sliced<T>, pace: Pace): Promise<T> {
  for (;;) {
    await pace.rest();
    while (!pace.isOver) {
      const { done, value } = work.next();
      if (done === true) return value;
    }
  }
}

/** Does all of the work now, while nothing else runs. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}
