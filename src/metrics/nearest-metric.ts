/** The metric that a name means which is none, for "did you mean". */
import { nearest } from "../core/nearest.ts";
import { findMetric, METRICS, type MetricName } from "./registry.ts";

/** What other programs call them, in lower case without marks between words. */
const OTHER_NAMES: ReadonlyMap<string, MetricName | "p25" | "p75"> = new Map([
  ["avg", "average"],
  ["std", "stddev"],
  ["stdev", "stddev"],
  ["sd", "stddev"],
  ["sigma", "stddev"],
  ["stdpop", "populationStddev"],
  ["stddevpop", "populationStddev"],
  ["pstdev", "populationStddev"],
  ["varpop", "populationVariance"],
  ["pvariance", "populationVariance"],
  ["var", "variance"],
  ["cnt", "count"],
  ["n", "count"],
  ["total", "sum"],
  ["minimum", "min"],
  ["lowest", "min"],
  ["maximum", "max"],
  ["highest", "max"],
  ["med", "median"],
  ["q1", "p25"],
  ["q2", "median"],
  ["q3", "p75"],
  ["spread", "range"],
  ["earliest", "first"],
  ["latest", "last"],
  ["newest", "last"],
]);

/** Longer texts mean none: a body may be one long name. */
const LETTERS_MAX = 24;

const NAMES: readonly string[] = METRICS.map(({ name }) => name);

/** P95, 95th, q95, percentile_95, perc(99.9). */
const PERCENTILE = /^(?:p|q|pct|perc|percentile|quantile)?(\d{1,3}(?:\.\d{1,12})?)(?:p|th|%)?$/;

/**
 * @returns the name of the metric that is meant; undefined when none is near
 * @example
 * ```ts
 * assert.equal(nearestMetric("avg"), "average");
 * assert.equal(nearestMetric("P95"), "p95");
 * assert.equal(nearestMetric("wrongMetric"), undefined);
 * ```
 */
export function nearestMetric(name: string): string | undefined {
  if (name.length > LETTERS_MAX) return undefined;
  const plain = name.toLowerCase().replace(/[\s_()-]/g, "");
  const other = NAMES.find((each) => each.toLowerCase() === plain) ?? OTHER_NAMES.get(plain);
  if (other !== undefined) return other;
  const percent = PERCENTILE.exec(plain)?.[1];
  if (percent !== undefined) return findMetric(`p${percent}`)?.name;
  return nearest(name, NAMES);
}
