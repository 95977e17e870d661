/** Values of minutes. Those with many readings keep their own; the others' are read from their seconds. */
import type { Cost } from "../metrics/answer.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { BUCKETS_PER_PAGE, MINUTES_PER_PAGE, pageOf, SECONDS_PER_MINUTE } from "./levels.ts";
import type { CachedPage } from "./page-cache.ts";
import type { PageTable } from "./page-table.ts";

/** Minutes with more readings than this keep their values; others derive them from their seconds, at 240 steps. */
export const DERIVED_MINUTE_READINGS_MAX = 240;

/**
 * Adds the values of the minutes [from, to), numbers since the epoch, of one page of minutes.
 * @param cost counts the pages that are read for a question; null for merging, which makes no page one that was asked for
 */
export function addMinuteValues(
  pages: PageTable,
  into: Distribution,
  series: number,
  page: CachedPage,
  from: number,
  to: number,
  cost: Cost | null,
): void {
  const minutes = page.readBuckets();
  const first = pageOf(page.key) * BUCKETS_PER_PAGE[1];
  for (let at = from; at < to; ) {
    const isDerived = minutes.isDerived(at - first);
    const pageEnd = (Math.floor(at / MINUTES_PER_PAGE) + 1) * MINUTES_PER_PAGE;
    const limit = isDerived ? Math.min(to, pageEnd) : to;
    let end = at + 1;
    while (end < limit && minutes.isDerived(end - first) === isDerived) end++;
    if (!isDerived) minutes.mergeValues(into, at - first, end - first);
    else {
      const start = pageEnd - MINUTES_PER_PAGE;
      const seconds = pages.find(series, 0, start / MINUTES_PER_PAGE, cost)?.readSeconds();
      seconds?.mergeValues(into, (at - start) * SECONDS_PER_MINUTE, (end - start) * SECONDS_PER_MINUTE);
    }
    at = end;
  }
}
