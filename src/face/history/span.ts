/** Arithmetic of zooming and panning: which stretch of time the x axis shows. */

/** A stretch of time, ms of UTC: `end` does not belong to it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const SECOND = 1000;

/** Ten buckets of the history's resolution: closer there is nothing more to see. */
export const SPAN_MS_MIN = 10 * SECOND;

/** A hundred years: the server's longest step. */
const SPAN_MS_MAX = 100 * 365.2425 * 86_400 * SECOND;

/** Where panning to the left ends: no reading is older than 2000, but a window may reach further. */
const START_MS_MIN = Date.UTC(1970, 0, 1);

/**
 * The span `factor` times as long, `at` staying where it is on the screen. Not rounded, so that many small steps add up.
 * @param nowMs the span may not begin after it
 */
export function zoomed(span: Span, factor: number, at: number, nowMs: number): Span {
  const length = span.end - span.start;
  const wanted = Math.min(Math.max(length * factor, SPAN_MS_MIN), SPAN_MS_MAX);
  const start = at - ((at - span.start) / length) * wanted;
  return within({ start, end: start + wanted }, nowMs);
}

/** The span moved by a share of its length: to later times where it is positive. */
export function panned(span: Span, share: number, nowMs: number): Span {
  const by = (span.end - span.start) * share;
  return within({ start: span.start + by, end: span.end + by }, nowMs);
}

/** Both ends between two points of the old span that two fingers hold, and where these fingers are now (shares of the width). */
export function pinched(held: readonly [number, number], shares: readonly [number, number], nowMs: number): Span {
  const apart = shares[1] - shares[0];
  const length = Math.min(Math.max((held[1] - held[0]) / apart, SPAN_MS_MIN), SPAN_MS_MAX);
  const middle = (held[0] + held[1]) / 2;
  const start = middle - ((shares[0] + shares[1]) / 2) * length;
  return within({ start, end: start + length }, nowMs);
}

/** Widened to whole seconds, and to the shortest span. */
export function wholeSeconds({ start, end }: Span): Span {
  const first = Math.floor(start / SECOND) * SECOND;
  return { start: first, end: Math.max(Math.ceil(end / SECOND) * SECOND, first + SECOND) };
}

/** Moved, not cut, to where there may be readings. */
function within({ start, end }: Span, nowMs: number): Span {
  const by = Math.max(START_MS_MIN - start, 0) + Math.min(nowMs - (start + end) / 2, 0);
  return { start: start + by, end: end + by };
}

/** A window that moves is drawn anew so often that it moves by a pixel or so, ms. */
const MOVE_MS_MIN = 1000;
const MOVE_MS_MAX = 10_000;
const MOVES_PER_SPAN = 3600;

/** When a window that moves with the clock is to be drawn again, ms. */
export function moveMsOf({ start, end }: Span): number {
  return Math.min(MOVE_MS_MAX, Math.max(MOVE_MS_MIN, (end - start) / MOVES_PER_SPAN));
}
