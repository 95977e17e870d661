/** Answers as of earlier commits of a simulation, compared with the readings that the oracle had counted then; and what changed since with those since. */
import assert from "node:assert/strict";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { History } from "../oracle/generator.ts";
import type { Oracle } from "../oracle/oracle.ts";
import { type CountedReading, metricOf, quantileFault, Sample, shareOf } from "../oracle/statistics.ts";

const PERCENTILES = ["p0", "p25", "p99", "p100"];

/** The readings of each sensor that the oracle had at a commit. */
interface Remembered {
  readonly revision: number;
  readonly readings: ReadonlyMap<string, readonly CountedReading[]>;
}

/** Commits that were remembered, and windows that were asked for as of them. */
export interface PastOutcome {
  readonly revisions: number;
  readonly pastWindows: number;
}

/** Remembers commits, and asks for them later. */
export class PastComparison {
  readonly #history: History;
  readonly #oracle: Oracle;
  readonly #remembered: Remembered[] = [];
  outcome = { revisions: 0, pastWindows: 0 };

  constructor(history: History, oracle: Oracle) {
    this.#history = history;
    this.#oracle = oracle;
  }

  /** All that the oracle was told is committed. */
  remember(pipeline: Pipeline): void {
    const { revision } = pipeline.asOf(Number.MAX_SAFE_INTEGER);
    const readings = this.#history.options.sensors.map(
      (sensor) => [sensor, [...this.#oracle.readings(sensor)]] as const,
    );
    this.#remembered.push({ revision, readings: new Map(readings) });
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

  #compare(pipeline: Pipeline, { revision, readings }: Remembered, windows: number): void {
    const past = pipeline.asOf(revision);
    const { seed, sensors } = this.#history.options;
    for (const { start, end } of this.#history.randomWindows(
      windows,
      (revision + this.outcome.pastWindows) % 2 ** 31,
    )) {
      this.outcome.pastWindows++;
      for (const sensor of sensors) {
        const inside = ({ time }: CountedReading): boolean =>
          Math.floor(time / 1000) >= start && Math.floor(time / 1000) < end;
        const before = (readings.get(sensor) ?? []).filter(inside);
        const now = this.#oracle.readings(sensor).filter(inside);
        const then = new Sample(before);
        const note = `seed ${seed}, sensor ${sensor}, as of ${revision}, [${start}, ${end})`;
        const { aggregate } = past.query(sensor, { start, end }, { sums: true, quantiles: true });
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
        const { by } = past.revised(sensor, { start, end });
        // Of a second that was corrected all that came since is told as that.
        if (by.some(({ cause }) => cause === "corrected")) {
          assert.equal(
            by.reduce((sum, { readings: more }) => sum + more, before.length),
            now.length,
            note,
          );
          continue;
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
  }
}
