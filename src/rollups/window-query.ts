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
  const runs: (readonly [number, number, number])[] = [];
  plan(window.start, window.end, (level, from, to) => runs.push([level, from, to]));
  for (const [level, from, to] of runs.reverse()) {
    addRun(pages, answer, series, level, from, to, answer.aggregate.needs);
  }
}

function addRun(
  pages: PageTable,
  { aggregate, cost }: Answer,
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
    const page = pages.find(series, level, number, cost);
    if (page !== undefined) {
      cost.buckets += end - at;
      if (level === 0) addSeconds(aggregate, page, at - first, end - first, needs.sums);
      else addBuckets(pages, aggregate, page, at - first, end - first, needs.sums);
      if (level === 1 && aggregate.distribution !== null) {
        addMinuteValues(pages, aggregate.distribution, series, page, at, end, cost);
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
    const buckets = page.readBuckets();
    const groups = pages.hot.groupsOf(page);
    if (groups === null) buckets.mergeValues(aggregate.distribution, from, to);
    else groups.mergeInto(aggregate.distribution, buckets, from, to);
  }
}
