/** Answers of a pipeline against the oracle's. */
import assert from "node:assert/strict";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { Seeded } from "../oracle/seeded.ts";
import { createWindows } from "../oracle/windows.ts";

const METRIC_NAMES = [...METRICS.map((metric) => metric.name), "p0", "p25", "p90", "p99.9", "p100"];
/** Of each window some, in turn: the oracle's arithmetic is what takes longest. */
const METRICS_OF_WINDOW = 6;

export interface Compared {
  readonly oracle: Oracle;
  readonly pipeline: Pipeline;
  /** The host's clock. */
  readonly nowMs: number;
  /** By sensor: readings of before were deleted, ms. */
  readonly deletedBefore: ReadonlyMap<string, number>;
}

/** Compares metrics of as many random windows, of every sensor. */
export function compareWindows(compared: Compared, count: number, random: Seeded): void {
  const { oracle, pipeline, nowMs, deletedBefore } = compared;
  const readings = oracle.sensors.flatMap((sensor) => oracle.readings(sensor));
  const seconds = new Set(readings.map(({ time }) => Math.floor(time / 1000)));
  const landscape = { seconds: Float64Array.from(seconds).sort(), ties: [] };
  for (const window of createWindows(landscape, Math.floor(nowMs / 1000), count, random)) {
    for (const sensor of oracle.sensors) {
      const start = Math.max(window.start, (deletedBefore.get(sensor) ?? Number.NEGATIVE_INFINITY) / 1000);
      const { end } = window;
      if (start >= end) continue;
      const { aggregate } = pipeline.query(sensor, { start, end }, { sums: true, quantiles: true });
      for (const name of random.shuffle(METRIC_NAMES).slice(0, METRICS_OF_WINDOW)) {
        const metric = findMetric(name);
        assert.ok(metric !== undefined);
        const got = metric.read(aggregate, end - start);
        const interval = metric.share === undefined ? null : aggregate.interval(metric.share);
        const fault = oracle.fault(sensor, start, end, name, got, interval);
        assert.ok(fault === null, `a window "${window.kind}": ${fault}`);
      }
    }
  }
}
