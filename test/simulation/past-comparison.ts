/** Answers as of earlier commits of a simulation, compared with the readings that the oracle had counted then; and what changed since with those since. */
import assert from "node:assert/strict";
import type { Window } from "../../src/core/window.ts";
import type { Past } from "../../src/engine/past.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { History } from "../oracle/generator.ts";
import type { Oracle } from "../oracle/oracle.ts";
import { type CountedReading, metricOf, quantileFault, Sample, shareOf } from "../oracle/statistics.ts";

const utf8 = (latin1: string): string => Buffer.from(latin1, "latin1").toString("utf8");

const PERCENTILES = ["p0", "p25", "p99", "p100"];

/** What the oracle had of a sensor at a commit. */
interface Then {
  readonly readings: readonly CountedReading[];
  /** Names of the devices that had a series, as bytes; and how many had none. */
  readonly withSeries: readonly string[];
  readonly withoutSeries: number;
}

/** What the oracle had at a commit, by sensor. */
interface Remembered {
  readonly revision: number;
  readonly sensors: ReadonlyMap<string, Then>;
}

/** Commits that were remembered, and windows that were asked for as of them, of devices too. */
export interface PastOutcome {
  readonly revisions: number;
  readonly pastWindows: number;
  readonly pastDevices: number;
}

/** Remembers commits, and asks for them later. */
export class PastComparison {
  readonly #history: History;
  readonly #oracle: Oracle;
  readonly #deviceSeries: number;
  readonly #remembered: Remembered[] = [];
  outcome = { revisions: 0, pastWindows: 0, pastDevices: 0 };

  /** @param deviceSeries devices of a sensor that have a series, at most */
  constructor(history: History, oracle: Oracle, deviceSeries: number) {
    this.#history = history;
    this.#oracle = oracle;
    this.#deviceSeries = deviceSeries;
  }

  /** All that the oracle was told is committed. */
  remember(pipeline: Pipeline): void {
    const { revision } = pipeline.asOf(Number.MAX_SAFE_INTEGER);
    const sensors = this.#history.options.sensors.map((sensor): [string, Then] => {
      const devices = this.#oracle.devices(sensor);
      const withSeries = devices.withSeries(this.#deviceSeries);
      const withoutSeries = devices.all.length - withSeries.length;
      return [sensor, { readings: [...this.#oracle.readings(sensor)], withSeries, withoutSeries }];
    });
    this.#remembered.push({ revision, sensors: new Map(sensors) });
    this.outcome.revisions++;
  }

  compareAll(pipeline: Pipeline, windows: number): void {
    assert.ok(this.#remembered.length > 0, "commits are remembered");
    for (const then of this.#remembered) this.#compare(pipeline, then, windows);
  }

  /** A window of one of them. */
  compareOne(pipeline: Pipeline, which: number): void {
    if (this.#remembered.length > 0) this.#compare(pipeline, this.#remembered[which % this.#remembered.length], 1);
  }

  #compare(pipeline: Pipeline, { revision, sensors }: Remembered, windows: number): void {
    const past = pipeline.asOf(revision);
    const { seed } = this.#history.options;
    for (const [sensor, { withSeries, withoutSeries }] of sensors) {
      const note = `seed ${seed}, sensor ${sensor}, as of ${revision}`;
      const devices = past.devices(sensor);
      assert.equal(devices.withoutSeries, withoutSeries, note);
      for (const name of this.#oracle.devices(sensor).withSeries(this.#deviceSeries)) {
        const [device, had] = [utf8(name), withSeries.includes(name)];
        assert.equal(devices.hadSeries(device), had, `${device}, ${note}`);
        if (!had) assert.throws(() => past.requireSeries(sensor, device), { code: "no-device-series" }, note);
      }
    }
    for (const window of this.#history.randomWindows(windows, (revision + this.outcome.pastWindows) % 2 ** 31)) {
      this.outcome.pastWindows++;
      for (const [sensor, then] of sensors) {
        this.#compareWindow(past, sensor, window, then.readings, null);
        for (const name of then.withSeries) this.#compareWindow(past, sensor, window, then.readings, name);
        this.outcome.pastDevices += then.withSeries.length;
      }
    }
  }

  /** @param name bytes of the device's name; null: of the whole sensor */
  #compareWindow(
    past: Past,
    sensor: string,
    { start, end }: Window,
    readings: readonly CountedReading[],
    name: string | null,
  ): void {
    const isInside = ({ time, device }: CountedReading): boolean =>
      Math.floor(time / 1000) >= start && Math.floor(time / 1000) < end && (name === null || device === name);
    const before = readings.filter(isInside);
    const now = this.#oracle.readings(sensor).filter(isInside);
    const then = new Sample(before);
    const device = name === null ? undefined : utf8(name);
    const place = `as of ${past.revision}, [${start}, ${end})`;
    const note = `seed ${this.#history.options.seed}, sensor ${sensor}, device ${device}, ${place}`;
    const { aggregate } = past.query(sensor, { start, end }, { sums: true, quantiles: true }, device);
    for (const name of [...METRICS.map((metric) => metric.name), ...PERCENTILES]) {
      const metric = findMetric(name);
      assert.ok(metric !== undefined);
      const got = metric.read(aggregate, end - start);
      const share = shareOf(name);
      if (share === null) assert.equal(got, metricOf(then, name, end - start), `${name}, ${note}`);
      else {
        const interval = metric.share === undefined ? null : aggregate.interval(metric.share);
        assert.equal(quantileFault(then, share, got, interval), null, `${name}, ${note}`);
      }
    }
    assert.equal(aggregate.late, then.late.given, `late, ${note}`);
    const { by } = past.revised(sensor, { start, end }, device);
    // Of a second that was corrected all that came since is told as that.
    if (by.some(({ cause }) => cause === "corrected")) {
      const more = by.reduce((sum, { readings }) => sum + readings, before.length);
      assert.equal(more, now.length, note);
      return;
    }
    const known = new Set(before);
    const since = now.filter((reading) => !known.has(reading));
    assert.deepEqual(
      by.map(({ cause, readings, seconds }) => ({ cause, readings, seconds })),
      [false, true].flatMap((isLate) => {
        const its = since.filter(({ came }) => (came?.isLate === true) === isLate);
        const seconds = new Set(its.map(({ time }) => Math.floor(time / 1000))).size;
        return its.length === 0 ? [] : [{ cause: isLate ? "late" : "reading", readings: its.length, seconds }];
      }),
      note,
    );
  }
}
