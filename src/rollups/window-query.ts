/** Answers a window from the history's pages: the plan's buckets, merged into one aggregate. */
import type { Window } from "../core/window.ts";
import { Aggregate, type Needs } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { BUCKETS_PER_PAGE, MINUTES_PER_PAGE, pageOf, plan, SECONDS_PER_MINUTE } from "./levels.ts";
import type { CachedPage } from "./page-cache.ts";
import type { PageTable } from "./page-table.ts";

/** Everything in the window's seconds. O(levels) pages, plus the decoding of those that are not cached. */
export function queryWindow(pages: PageTable, series: number, window: Window, needs: Needs): Aggregate {
  pages.cost.pages = 0;
  pages.cost.buckets = 0;
  pages.cost.pagesFromDisk = 0;
  const aggregate = new Aggregate(needs);
  plan(window.start, window.end, (level, from, to) => addRun(pages, aggregate, series, level, from, to, needs));
  return aggregate;
}

function addRun(
  pages: PageTable,
  aggregate: Aggregate,
  series: number,
  level: number,
  from: number,
  to: number,
  needs: Needs,
): void {
  const perPage = BUCKETS_PER_PAGE[level];
  for (let at = from; at < to; ) {
    const number = Math.floor(at / perPage);
    const first = number * perPage;
    const end = Math.min(to, first + perPage);
    const page = pages.find(series, level, number);
    if (page !== undefined) {
      pages.cost.buckets += end - at;
      if (level === 0) addSeconds(aggregate, page, at - first, end - first, needs.sums);
      else addBuckets(pages, aggregate, page, at - first, end - first, needs.sums);
      if (level === 1 && aggregate.distribution !== null) {
        addMinuteValues(pages, aggregate.distribution, series, page, at, end);
      }
    }
    at = end;
  }
}

/** The seconds [from, to) of a page of level 0. */
function addSeconds(aggregate: Aggregate, page: CachedPage, from: number, to: number, withSums: boolean): void {
  const seconds = page.readSeconds();
  seconds.mergeInto(aggregate, from, to, withSums);
  if (aggregate.distribution !== null) seconds.mergeValues(aggregate.distribution, from, to);
}

/** The buckets [from, to) of a page of the levels above, but for the values of minutes. */
function addBuckets(
  pages: PageTable,
  aggregate: Aggregate,
  page: CachedPage,
  from: number,
  to: number,
  withSums: boolean,
): void {
  const isAdded = pages.hot.totalsOf(page)?.mergeInto(aggregate, from, to, withSums) ?? false;
  if (!isAdded) page.readBuckets().mergeInto(aggregate, from, to, withSums);
  if (page.level > 1 && aggregate.distribution !== null) {
    page.readBuckets().mergeValues(aggregate.distribution, from, to);
  }
}

/** Values of the minutes [from, to) of one page: those that it keeps, and of the others their seconds'. */
function addMinuteValues(
  pages: PageTable,
  into: Distribution,
  series: number,
  page: CachedPage,
  from: number,
  to: number,
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
      const seconds = pages.find(series, 0, start / MINUTES_PER_PAGE)?.readSeconds();
      seconds?.mergeValues(into, (at - start) * SECONDS_PER_MINUTE, (end - start) * SECONDS_PER_MINUTE);
    }
    at = end;
  }
}
