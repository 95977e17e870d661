/** Seconds whose readings changed after they were judged, by sensor. */
import type { Window } from "../core/window.ts";

/** Ranges of one sensor; more become one that holds them all: what lies between is judged again, too, and comes out as before. */
const RANGES_MAX = 16;

/** What is to be judged again. */
export class Dirty {
  readonly #ranges = new Map<string, Window[]>();

  get size(): number {
    return this.#ranges.size;
  }

  /** Adds the seconds [start, end). */
  add(sensor: string, start: number, end: number): void {
    const ranges = this.#ranges.get(sensor) ?? [];
    let own = { start, end };
    const kept = ranges.filter((range) => {
      if (range.start > own.end || range.end < own.start) return true;
      own = { start: Math.min(range.start, own.start), end: Math.max(range.end, own.end) };
      return false;
    });
    kept.push(own);
    kept.sort((a, b) => a.start - b.start);
    const isMany = kept.length > RANGES_MAX;
    const hull = { start: kept[0].start, end: Math.max(...kept.map((range) => range.end)) };
    this.#ranges.set(sensor, isMany ? [hull] : kept);
  }

  /** The sensor that has waited longest, its ranges in order; afterwards it is not in here. Null: there is none. */
  take(): { readonly sensor: string; readonly ranges: readonly Window[] } | null {
    for (const [sensor, ranges] of this.#ranges) {
      this.#ranges.delete(sensor);
      return { sensor, ranges };
    }
    return null;
  }

  *list(): Generator<{ readonly sensor: string } & Window> {
    for (const [sensor, ranges] of this.#ranges) for (const range of ranges) yield { sensor, ...range };
  }
}
