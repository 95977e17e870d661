/** Answers as of earlier commits of a simulation, compared with the readings that the oracle had counted then; and what changed since with those since. */
import assert from "node:assert/strict";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { History } from "../oracle/generator.ts";
import type { Oracle } from "../oracle/oracle.ts";
import { type CountedReading, metricOf, quantileFault, Sample, shareOf } from "../oracle/statistics.ts";

const PERCENTILES = ["p0", "p25", "p99", "p100"];

/** How many readings of each sensor the oracle had counted at a commit: those are the first of its list for ever. */
interface Remembered {
  readonly revision: number;
  readonly counted: ReadonlyMap<string, number>;
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
    const counted = this.#history.options.sensors.map(
      (sensor) => [sensor, this.#oracle.readings(sensor).length] as const,
    );
    this.#remembered.push({ revision, counted: new Map(counted) });
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

  #compare(pipeline: Pipeline, { revision, counted }: Remembered, windows: number): void {
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
        const all = this.#oracle.readings(sensor);
        const then = new Sample(all.slice(0, counted.get(sensor)).filter(inside));
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
        const since = all.slice(counted.get(sensor)).filter(inside);
        assert.deepEqual(
          past.revised(sensor, { start, end }).by.map(({ cause, readings, seconds }) => ({ cause, readings, seconds })),
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
