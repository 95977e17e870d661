/** Answers a window from the history's pages: the plan's buckets, merged into one aggregate. */
import type { Window } from "../core/window.ts";
import { Aggregate, type Needs } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import type { BucketPage } from "./bucket-page.ts";
import { BUCKETS_PER_PAGE, MINUTES_PER_PAGE, plan, SECONDS_PER_MINUTE } from "./levels.ts";
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
    const page = pages.page(series, level, number);
    if (page !== undefined) {
      pages.cost.buckets += end - at;
      if (page.seconds !== null) {
        page.seconds.mergeInto(aggregate, at - first, end - first, needs.sums, needs.quantiles);
      } else if (page.buckets !== null) {
        addBuckets(pages, aggregate, series, page.buckets, level, first, at, end, needs);
      }
    }
    at = end;
  }
}

function addBuckets(
  pages: PageTable,
  aggregate: Aggregate,
  series: number,
  buckets: BucketPage,
  level: number,
  first: number,
  from: number,
  to: number,
  needs: Needs,
): void {
  buckets.mergeInto(aggregate, from - first, to - first, needs.sums);
  if (aggregate.distribution === null) return;
  if (level > 1) {
    buckets.mergeValues(aggregate.distribution, from - first, to - first);
    return;
  }
  for (let bucket = from; bucket < to; bucket++) {
    const row = buckets.rowOf(bucket - first);
    if (row < 0) continue;
    if (buckets.rows.values[row] === null) addMinuteValues(pages, aggregate.distribution, series, bucket);
    else buckets.rows.mergeValues(aggregate.distribution, row);
  }
}

/** A minute that keeps no values has them in its seconds. */
function addMinuteValues(pages: PageTable, into: Distribution, series: number, minute: number): void {
  const number = Math.floor(minute / MINUTES_PER_PAGE);
  const seconds = pages.page(series, 0, number)?.seconds;
  if (seconds === undefined || seconds === null) return;
  const from = (minute - number * MINUTES_PER_PAGE) * SECONDS_PER_MINUTE;
  seconds.mergeValues(into, from, from + SECONDS_PER_MINUTE);
}
