/** What changed lately of each sensor, so that a client that comes back, or was slow, is told every second that changed since. */
import { union, type Window } from "../core/window.ts";
import { CAUSES, type Cause, type CausedRange } from "../engine/change.ts";

/** Entries of one sensor: two of each size are thousands of frames. Past it the oldest are told as one. */
const ENTRIES_MAX = 24;

/** Changes that were told in some frames: one, or `frames` in a row once they are older. */
interface Entry {
  /** The newest frame of them. */
  readonly frame: number;
  readonly frames: number;
  readonly ranges: readonly CausedRange[];
}

/**
 * Changes *wait* until a frame tells them, and become an entry of that frame. The older entries are, the more are merged into one
 * (at most two of each size: an exponential histogram, Datar and others 2002), so nothing is forgotten: what a client is told
 * that was away for long may be too wide, never too narrow. Memory: O(sensors).
 */
export class LiveChanges {
  readonly #waiting = new Map<string, readonly CausedRange[]>();
  readonly #entries = new Map<string, Entry[]>();

  /** Adds what changed of a sensor. */
  add(sensor: string, ranges: readonly CausedRange[]): void {
    this.#waiting.set(sensor, unionByCause(this.waiting(sensor), ranges));
  }

  /** What no frame has told yet. */
  waiting(sensor: string): readonly CausedRange[] {
    return this.#waiting.get(sensor) ?? [];
  }

  /** Whether it changed since the last frame that told; perhaps its totals only. */
  waits(sensor: string): boolean {
    return this.#waiting.has(sensor);
  }

  /** A frame tells what waits of a sensor. @param frame greater than that of every call before */
  told(sensor: string, frame: number): void {
    const ranges = this.waiting(sensor);
    this.#waiting.delete(sensor);
    if (ranges.length === 0) return;
    const entries = this.#entries.get(sensor) ?? [];
    this.#entries.set(sensor, entries);
    entries.push({ frame, frames: 1, ranges });
    for (let i = entries.length - 3; i >= 0 && entries[i].frames === entries[i + 2].frames; i -= 2) mergeAt(entries, i);
    if (entries.length > ENTRIES_MAX) mergeAt(entries, 0);
  }

  /** What frames after this one have told. */
  since(sensor: string, frame: number): readonly CausedRange[] {
    let ranges: readonly CausedRange[] = [];
    for (const entry of this.#entries.get(sensor) ?? []) {
      if (entry.frame > frame) ranges = unionByCause(ranges, entry.ranges);
    }
    return ranges;
  }
}

/** Makes one entry of two neighbours. */
function mergeAt(entries: Entry[], index: number): void {
  const [older, newer] = entries.slice(index, index + 2);
  const frames = older.frames + newer.frames;
  entries.splice(index, 2, { frame: newer.frame, frames, ranges: unionByCause(older.ranges, newer.ranges) });
}

/** Ranges of two changes → those of both together. */
export function unionByCause(a: readonly CausedRange[], b: readonly CausedRange[]): readonly CausedRange[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const both: CausedRange[] = [];
  for (const cause of CAUSES) {
    const seconds = union(secondsOf(a, cause), secondsOf(b, cause));
    if (seconds !== null) both.push({ cause, seconds });
  }
  return both;
}

/** The smallest run of seconds that holds all ranges; null where there are none. */
export function secondsOfAll(ranges: readonly CausedRange[]): Window | null {
  return ranges.reduce<Window | null>((all, { seconds }) => union(all, seconds), null);
}

function secondsOf(ranges: readonly CausedRange[], cause: Cause): Window | null {
  return ranges.find((range) => range.cause === cause)?.seconds ?? null;
}
