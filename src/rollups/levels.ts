/** The levels of the history, how pages are numbered, and the plan: the fewest buckets that cover a window. */

/** Seconds a bucket of each level covers: 1 s, 1 min, 1 h, 1 day, 32 days, 1,024 days. */
export const STEP_SECONDS = [1, 60, 3600, 86_400, 2_764_800, 88_473_600] as const;
export const TOP_LEVEL = STEP_SECONDS.length - 1;
/** Hours keep the values of their readings, as all longer buckets do. */
export const HOUR_LEVEL = 2;

/** Buckets of the level below in one of each level. */
const RATIO = STEP_SECONDS.map((step, level) => (level === 0 ? 1 : step / STEP_SECONDS[level - 1]));

/** Seconds in a page of level 0. */
export const SECONDS_PER_PAGE = 600;
export const SECONDS_PER_MINUTE = 60;
/** The minute of a page that one of its seconds (0–599) belongs to: second / 60. */
export const minuteOf = (second: number): number => (second * 1093) >>> 16;
export const MINUTES_PER_PAGE = SECONDS_PER_PAGE / SECONDS_PER_MINUTE;

/**
 * Buckets in a page of each level. From level 1 on a page holds exactly the children of one bucket of the next level,
 * so its number is that bucket's; the top one holds 359 years.
 */
export const BUCKETS_PER_PAGE = [SECONDS_PER_PAGE, 60, 24, 32, 32, 128] as const;

/**
 * A series has levels up to the lowest one of which it has no more pages than this, its *top*. A question reads all of these in place of
 * two of each level above: at most as many pages and 4 + 2 · 4 in all, as of a series with all levels; only values of minutes are of up
 * to 24 pages of seconds instead of 12.
 */
export const TOP_PAGES_MAX = 4;

const PAGE_BITS = 2 ** 30;
/** Page numbers start here: the year 1 is far before the epoch. */
const PAGE_ZERO = 2 ** 27;
const LEVEL_BITS = 8;
/** Numbers of series: sensors have the low ones, their devices the high ones, from the highest down … */
export const SERIES_NUMBERS = 2 ** 20;
/** … and what deletions hold those between. */
export const REMOVED_SERIES_START = 250_000;
export const REMOVED_SERIES_END = 500_000;
/** Lowest and highest number of a page. */
export const FIRST_PAGE = -PAGE_ZERO;
export const LAST_PAGE = PAGE_BITS - PAGE_ZERO - 1;

/** One 53-bit key for (series < 2^20, level, page): a row of the history. */
export function pageKey(series: number, level: number, page: number): number {
  return (series * LEVEL_BITS + level) * PAGE_BITS + page + PAGE_ZERO;
}

/** The key of the same page of another series. */
export function keyOfSeries(key: number, series: number): number {
  return series * LEVEL_BITS * PAGE_BITS + (key % (LEVEL_BITS * PAGE_BITS));
}

/** The series of a page's key. */
export function seriesOf(key: number): number {
  return Math.floor(key / (PAGE_BITS * LEVEL_BITS));
}

/** The level of a page's key. */
export function levelOf(key: number): number {
  return Math.floor(key / PAGE_BITS) % LEVEL_BITS;
}

/** The number of the page. */
export function pageOf(key: number): number {
  return (key % PAGE_BITS) - PAGE_ZERO;
}

/**
 * Visits the fewest buckets that cover the seconds [start, end): runs [from, to) of one level, at most two a level.
 * O(levels).
 * @param top the highest level that there is
 * @example
 * ```ts
 * const buckets: string[] = [];
 * plan(59, 3601, (level, from, to) => buckets.push(`${to - from} of ${STEP_SECONDS[level]} s from ${from * STEP_SECONDS[level]}`));
 * assert.deepEqual(buckets.sort(), ["1 of 1 s from 3600", "1 of 1 s from 59", "59 of 60 s from 60"]);
 * ```
 */
export function plan(
  start: number,
  end: number,
  visit: (level: number, from: number, to: number) => void,
  top: number = TOP_LEVEL,
): void {
  let from = start;
  let to = end;
  for (let level = 0; level < top; level++) {
    const ratio = RATIO[level + 1];
    const up = Math.ceil(from / ratio);
    const upEnd = Math.floor(to / ratio);
    if (up >= upEnd) {
      if (from < to) visit(level, from, to);
      return;
    }
    if (from < up * ratio) visit(level, from, up * ratio);
    if (upEnd * ratio < to) visit(level, upEnd * ratio, to);
    from = up;
    to = upEnd;
  }
  if (from < to) visit(top, from, to);
}
