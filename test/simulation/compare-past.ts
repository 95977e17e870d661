/** Answers as of an earlier commit against the readings that the oracle had then, and what is said to have changed since. */
import assert from "node:assert/strict";
import { TidemarkError } from "../../src/core/errors.ts";
import { findMetric } from "../../src/metrics/registry.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Seeded } from "../oracle/seeded.ts";
import { type CountedReading, metricFault, Sample } from "../oracle/statistics.ts";
import { type Compared, keptOf, METRIC_NAMES, METRICS_OF_WINDOW, windowsOf } from "./compare-windows.ts";
import type { Mark } from "./events.ts";

/** The last moment that has a date. */
const LAST_MS = 8_640_000_000_000_000;

/** The newest commit that can be asked for, ms; -∞: none can. */
export function newestRevision(pipeline: Pipeline): number {
  try {
    return pipeline.asOf(LAST_MS).revision;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "revision-gone") return Number.NEGATIVE_INFINITY;
    throw error;
  }
}

/** Compares as many windows, each as of one of the commits. @returns how many commits were asked for */
export function comparePast(compared: Compared, revisions: readonly Mark[], count: number, random: Seeded): number {
  if (revisions.length === 0) return 0;
  for (const window of windowsOf(compared, count, random)) {
    const mark = random.pick(revisions);
    for (const sensor of compared.oracle.sensors)
      compare(compared, mark, sensor, keptOf(compared, sensor, window), random);
  }
  return count;
}

function compare(
  { oracle, pipeline }: Compared,
  { revision, readings }: Mark,
  sensor: string,
  { start, end }: { readonly start: number; readonly end: number },
  random: Seeded,
): void {
  if (start >= end || revision === null || pipeline.sensors.find(sensor) === undefined) return;
  const past = pipeline.asOf(revision);
  const inside = ({ time }: CountedReading): boolean =>
    Math.floor(time / 1000) >= start && Math.floor(time / 1000) < end;
  const then = new Sample((readings.get(sensor) ?? []).filter(inside));
  const { aggregate } = past.query(sensor, { start, end }, { sums: true, quantiles: true });
  const where = `"${sensor}" in [${start}, ${end}) as of ${revision}, ${then.count} readings`;
  for (const asked of random.shuffle(METRIC_NAMES).slice(0, METRICS_OF_WINDOW)) {
    const metric = findMetric(asked);
    assert.ok(metric !== undefined);
    const interval = metric.share === undefined ? null : aggregate.interval(metric.share);
    const fault = metricFault(then, asked, end - start, metric.read(aggregate, end - start), interval);
    assert.ok(fault === null, `${asked} of ${where}: ${fault}`);
  }
  const { by } = past.revised(sensor, { start, end });
  const since = by.reduce((sum, { readings: more }) => sum + more, 0);
  const now = oracle.readings(sensor).filter(inside).length;
  assert.equal(then.count + since, now, `readings of ${where}, and ${since} since`);
}
