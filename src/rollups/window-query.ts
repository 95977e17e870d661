/** Answers a window from the history's pages: the plan's buckets, merged into one aggregate, with what that cost. */
import type { Window } from "../core/window.ts";
import type { Aggregate, Needs } from "../metrics/aggregate.ts";
import { type Answer, emptyAnswer } from "../metrics/answer.ts";
import { BUCKETS_PER_PAGE, plan } from "./levels.ts";
import { addMinuteValues } from "./minute-values.ts";
import type { CachedPage } from "./page-cache.ts";
import type { PageTable } from "./page-table.ts";

/** Everything in the window's seconds. O(levels) pages, plus the decoding of those that are not cached. */
export function queryWindow(pages: PageTable, series: number, window: Window, needs: Needs): Answer {
  const answer = emptyAnswer(needs);
  addWindow(pages, answer, series, window);
  return answer;
}

/** Adds everything in the window's seconds to an answer. */
export function addWindow(pages: PageTable, answer: Answer, series: number, window: Window): void {
  const top = pages.topOf(series);
  const runs: (readonly [number, number, number])[] = [];
  plan(window.start, window.end, (level, from, to) => runs.push([level, from, to]), top.level);
  for (const [level, from, to] of runs.reverse()) {
    // As long as the window may be: of the top all pages are known.
    if (level === top.level) for (const number of top.numbers) addPage(pages, answer, series, level, number, from, to);
    else {
      const perPage = BUCKETS_PER_PAGE[level];
      const last = Math.floor((to - 1) / perPage);
      for (let n = Math.floor(from / perPage); n <= last; n++) addPage(pages, answer, series, level, n, from, to);
    }
  }
}

/** What a page has of the buckets [from, to) of its level, numbers since the epoch. */
function addPage(
  pages: PageTable,
  { aggregate, cost }: Answer,
  series: number,
  level: number,
  number: number,
  from: number,
  to: number,
): void {
  const first = number * BUCKETS_PER_PAGE[level];
  const at = Math.max(from, first);
  const end = Math.min(to, first + BUCKETS_PER_PAGE[level]);
  const page = at < end ? pages.find(series, level, number, cost) : undefined;
  if (page === undefined) return;
  cost.buckets += end - at;
  const { sums } = aggregate.needs;
  if (level === 0) addSeconds(aggregate, page, at - first, end - first, sums);
  else addBuckets(pages, aggregate, page, at - first, end - first, sums);
  if (level === 1 && aggregate.distribution !== null) {
    addMinuteValues(pages, aggregate.distribution, series, page, at, end, cost);
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
    const buckets = page.readBuckets();
    const groups = pages.hot.groupsOf(page);
    if (groups === null) buckets.mergeValues(aggregate.distribution, from, to);
    else groups.mergeInto(aggregate.distribution, buckets, from, to);
  }
}
