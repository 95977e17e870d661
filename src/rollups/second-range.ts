/** The smallest range of seconds that holds all that was added. */
import type { Window } from "../core/window.ts";

/** Begins empty, and grows. */
export class SecondRange {
  #start = Number.POSITIVE_INFINITY;
  #end = Number.NEGATIVE_INFINITY;

  /** Adds the seconds [start, end). */
  add(start: number, end: number): void {
    if (start < this.#start) this.#start = start;
    if (end > this.#end) this.#end = end;
  }

  get isEmpty(): boolean {
    return this.#start >= this.#end;
  }

  /** All that was added, as a window; null when nothing was. Afterwards nothing is in it. */
  take(): Window | null {
    if (this.isEmpty) return null;
    const window = { start: this.#start, end: this.#end };
    this.clear();
    return window;
  }

  overlaps({ start, end }: Window): boolean {
    return start < this.#end && end > this.#start;
  }

  clear(): void {
    this.#start = Number.POSITIVE_INFINITY;
    this.#end = Number.NEGATIVE_INFINITY;
  }
}
