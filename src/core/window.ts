/** Time windows: whole seconds of UTC, half-open. */

import { TIME_MS_MAX, TIME_MS_MIN } from "./limits.ts";

/** The history's resolution, ms: nothing finer is asked for or stored at the lowest level. */
export const RESOLUTION_MS = 1000;

/** Whole seconds since the epoch: `start` belongs to the window, `end` does not. empty where they are the same. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** All seconds that a reading can be of. */
export const EVER: Window = { start: TIME_MS_MIN / RESOLUTION_MS, end: (TIME_MS_MAX + 1) / RESOLUTION_MS };

/** Whether a second belongs to both. */
export function overlap(a: Window, b: Window): boolean {
  return a.start < b.end && a.end > b.start;
}

/** The smallest window that holds both; null holds nothing. */
export function union(a: Window | null, b: Window | null): Window | null {
  if (a === null || b === null) return a ?? b;
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
