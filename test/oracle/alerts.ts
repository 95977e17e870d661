/** Alerts, judged slowly over the readings as they are in the end: each instant of a rule, then runs of instants. Part of test/oracle, which imports nothing from src/. */
import { metricOf, Sample } from "./statistics.ts";

/** Durations and times in seconds. */
export interface OracleRule {
  readonly metric: string;
  readonly window: number;
  readonly against?: "before" | "day-before";
  readonly per?: number;
  readonly above?: number;
  readonly below?: number;
  readonly until?: number;
  readonly for: number;
  readonly every: number;
  /** No instant before. */
  readonly from: number;
}

export interface OracleAlert {
  readonly from: number;
  readonly raised: number;
  readonly ended: number | null;
  readonly value: number;
}

/** @param readings of one sensor, ms; in any order @param last no instant after */
export function alertsOf(
  rule: OracleRule,
  readings: readonly { readonly time: number; readonly value: number }[],
  last: number,
): OracleAlert[] {
  const sorted = readings.toSorted((a, b) => a.time - b.time);
  const instants: number[] = [];
  for (let at = Math.ceil(rule.from / rule.every) * rule.every; at <= last; at += rule.every) instants.push(at);
  return alertsOfValues(
    rule,
    instants,
    instants.map((at) => valueAt(rule, sorted, at)),
  );
}

/** The same of values at these instants. */
export function alertsOfValues(
  rule: Pick<OracleRule, "above" | "below" | "until" | "for">,
  instants: readonly number[],
  values: readonly (number | null)[],
): OracleAlert[] {
  const isBad = (i: number): boolean => {
    const value = values[i];
    return value !== null && (rule.above === undefined ? value < (rule.below ?? 0) : value > rule.above);
  };
  const isGood = (value: number | null): boolean => {
    if (value === null) return false;
    return rule.above === undefined ? value >= (rule.until ?? rule.below ?? 0) : value <= (rule.until ?? rule.above);
  };
  const alerts: OracleAlert[] = [];
  let start = 0;
  while (start < instants.length) {
    if (!isBad(start)) {
      start++;
      continue;
    }
    let stop = start;
    while (stop < instants.length && isBad(stop)) stop++;
    const raised = instants.findIndex((at, i) => i >= start && at - instants[start] >= rule.for);
    if (raised < 0 || raised >= stop) {
      start = stop;
      continue;
    }
    const end = values.findIndex((value, i) => i > raised && isGood(value));
    const span = { from: instants[start], raised: instants[raised], value: values[raised] ?? Number.NaN };
    alerts.push({ ...span, ended: end < 0 ? null : instants[end] });
    if (end < 0) break;
    start = end + 1;
  }
  return alerts;
}

type Sorted = readonly { readonly time: number; readonly value: number }[];

function valueAt(rule: OracleRule, sorted: Sorted, at: number): number | null {
  if (sorted.length === 0 || at * 1000 <= sorted[0].time) return null;
  const of = (end: number): number | null => {
    const from = firstAt(sorted, (end - rule.window) * 1000);
    const sample = new Sample(sorted.slice(from, firstAt(sorted, end * 1000)));
    return metricOf(sample, rule.metric, rule.window);
  };
  const own = of(at);
  if (rule.against === undefined) return own;
  const other = of(at - (rule.against === "before" ? rule.window : 86_400));
  if (own === null || other === null) return null;
  return rule.per === undefined ? own - other : ((own - other) / rule.window) * rule.per;
}

function firstAt(sorted: Sorted, ms: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle].time < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
