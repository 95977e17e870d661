/** Answers of a pipeline against the oracle's. */
import assert from "node:assert/strict";
import type { Window } from "../../src/core/window.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import { BOUNDS } from "../../src/pipeline/bounds.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { Seeded } from "../oracle/seeded.ts";
import { createWindows } from "../oracle/windows.ts";

export const METRIC_NAMES = [...METRICS.map((metric) => metric.name), "p0", "p25", "p90", "p99.9", "p100"];
/** Of each window some, in turn: the oracle's arithmetic is what takes longest. */
export const METRICS_OF_WINDOW = 6;
/** How often a device is asked for in place of its sensor. */
const DEVICE_ASKED = 0.3;

export interface Compared {
  readonly oracle: Oracle;
  readonly pipeline: Pipeline;
  /** The host's clock. */
  readonly nowMs: number;
  /** By sensor: readings of before were deleted, ms. */
  readonly deletedBefore: ReadonlyMap<string, number>;
}

/** Random windows of where the readings of all sensors are. */
export function windowsOf({ oracle, nowMs }: Compared, count: number, random: Seeded) {
  const readings = oracle.sensors.flatMap((sensor) => oracle.counted(sensor));
  const seconds = new Set(readings.map(({ time }) => Math.floor(time / 1000)));
  const landscape = { seconds: Float64Array.from(seconds).sort(), ties: [] };
  return createWindows(landscape, Math.floor(nowMs / 1000), count, random);
}

/** The part of a window that a sensor is still kept of; it may be empty. */
export function keptOf({ deletedBefore }: Compared, sensor: string, { start, end }: Window): Window {
  return { start: Math.max(start, (deletedBefore.get(sensor) ?? Number.NEGATIVE_INFINITY) / 1000), end };
}

/** Compares metrics of as many random windows, of every sensor. */
export function compareWindows(compared: Compared, count: number, random: Seeded): void {
  const { oracle, pipeline } = compared;
  for (const window of windowsOf(compared, count, random)) {
    for (const sensor of oracle.sensors) {
      const { start, end } = keptOf(compared, sensor, window);
      if (start >= end) continue;
      // Now and then one device alone: its history is another one.
      const devices = random.chance(DEVICE_ASKED) ? oracle.devices(sensor).withSeries(BOUNDS.deviceSeries) : [];
      const name = devices.length === 0 ? undefined : random.pick(devices);
      const device = name === undefined ? undefined : Buffer.from(name, "latin1").toString("utf8");
      const { aggregate } = pipeline.query(sensor, { start, end }, { sums: true, quantiles: true }, device);
      for (const asked of random.shuffle(METRIC_NAMES).slice(0, METRICS_OF_WINDOW)) {
        const metric = findMetric(asked);
        assert.ok(metric !== undefined);
        const got = metric.read(aggregate, end - start);
        const interval = metric.share === undefined ? null : aggregate.interval(metric.share);
        const fault = oracle.fault(sensor, start, end, asked, got, interval, name);
        assert.ok(fault === null, `a window "${window.kind}": ${fault}`);
      }
    }
  }
}
