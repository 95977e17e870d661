/** The named metrics, read from aggregates: names, validation and documentation of the API derive from this list. */
import type { Aggregate, Needs } from "./aggregate.ts";
import { MEDIAN, type Share, shareOf } from "./share.ts";

/** A number that is read from an aggregate, and never stored. */
export interface Metric {
  readonly name: string;
  readonly text: string;
  readonly needs: Needs;
  /** Of a percentile. */
  readonly share?: Share;
  /** It counts over the seconds of the window that have passed; of others `windowSeconds` is not read. */
  readonly overTime?: true;
  /** @param windowSeconds of the effective window, those that have passed; null without data, except where 0 is the answer */
  read(aggregate: Aggregate, windowSeconds: number): number | null;
}

const PLAIN: Needs = { sums: false, quantiles: false };
const SUMS: Needs = { sums: true, quantiles: false };
const QUANTILES: Needs = { sums: false, quantiles: true };

const unlessEmpty =
  (read: (a: Aggregate) => number) =>
  (a: Aggregate): number | null =>
    a.count === 0 ? null : read(a);

const rootOf = (variance: number | null): number | null => (variance === null ? null : Math.sqrt(variance));

/**
 * Every metric but the percentiles.
 * @example
 * ```ts
 * assert.ok(METRICS.some(({ name }) => name === "stddev"));
 * ```
 */
export const METRICS = [
  { name: "count", text: "readings", needs: PLAIN, read: (a) => a.count },
  { name: "average", text: "arithmetic mean (the older name)", needs: SUMS, read: (a) => a.mean() },
  { name: "mean", text: "arithmetic mean", needs: SUMS, read: (a) => a.mean() },
  { name: "min", text: "smallest value", needs: PLAIN, read: unlessEmpty((a) => a.min) },
  { name: "max", text: "largest value", needs: PLAIN, read: unlessEmpty((a) => a.max) },
  { name: "sum", text: "sum of the values", needs: SUMS, read: (a) => a.sum() },
  { name: "range", text: "max - min", needs: PLAIN, read: unlessEmpty((a) => a.max - a.min) },
  { name: "variance", text: "sample variance", needs: SUMS, read: (a) => a.variance(1) },
  { name: "stddev", text: "sample standard deviation", needs: SUMS, read: (a) => rootOf(a.variance(1)) },
  { name: "populationVariance", text: "population variance", needs: SUMS, read: (a) => a.variance(0) },
  {
    name: "populationStddev",
    text: "population standard deviation",
    needs: SUMS,
    read: (a) => rootOf(a.variance(0)),
  },
  { name: "median", text: "the 50th percentile", needs: QUANTILES, share: MEDIAN, read: (a) => a.quantile(MEDIAN) },
  {
    name: "first",
    text: "value at the earliest event time (of equal times the smallest)",
    needs: PLAIN,
    read: unlessEmpty((a) => a.firstValue),
  },
  {
    name: "last",
    text: "value at the newest event time (of equal times the largest)",
    needs: PLAIN,
    read: unlessEmpty((a) => a.lastValue),
  },
  {
    name: "rate",
    text: "readings per second of the window, as far as it has passed",
    needs: PLAIN,
    overTime: true,
    read: (a, seconds) => a.count / Math.max(1, seconds),
  },
  { name: "seconds", text: "seconds that hold a reading", needs: PLAIN, read: (a) => a.seconds },
] as const satisfies readonly Metric[];

/** The names of METRICS. */
export type MetricName = (typeof METRICS)[number]["name"];

/** `p` and a percentage, decimals allowed: p90, p99.9; p0 is the minimum, p100 the maximum. */
export const PERCENTILE_PATTERN = /^p(100|[0-9]{1,2}(?:\.[0-9]{1,12})?)$/;

const byName = new Map<string, Metric>(METRICS.map((metric) => [metric.name, metric]));

/**
 * The metric of that name, percentiles included; undefined when there is none.
 * @example
 * ```ts
 * const aggregate = new Aggregate(ALL_NEEDS);
 * aggregate.addValues(Float64Array.of(1, 2, 3, 4, 5), 5, true);
 * assert.equal(findMetric("sum")?.read(aggregate, 60), 15);
 * assert.equal(findMetric("wrong"), undefined);
 * ```
 */
export function findMetric(name: string): Metric | undefined {
  const known = byName.get(name);
  if (known !== undefined) return known;
  const match = PERCENTILE_PATTERN.exec(name);
  if (match === null) return undefined;
  const share = shareOf(match[1]);
  return { name, text: `the ${match[1]}th percentile`, needs: QUANTILES, share, read: (a) => a.quantile(share) };
}
