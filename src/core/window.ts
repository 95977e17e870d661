/** Time windows: whole seconds of UTC, half-open. */

/** The history's resolution, ms: nothing finer is asked for or stored at the lowest level. */
export const RESOLUTION_MS = 1000;

/** Whole seconds since the epoch: `start` belongs to the window, `end` does not. `start` < `end`. */
export interface Window {
  readonly start: number;
  readonly end: number;
}
