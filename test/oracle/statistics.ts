/**
 * Every metric, recomputed from the raw readings of one window. Sums are exact and rounded once, quantiles come from the sorted values.
 * Part of test/oracle, which imports nothing from src/.
 */
import { ExactMoments } from "./exact.ts";

/** Up to so many distinct values quantiles are exact; past it they may be off by `QUANTILE_ERROR`. */
const DISTINCT_MAX = 1024;
const QUANTILE_ERROR = 0.01;
/** What an implementation's own rounding may add to the bound, relative. */
const ROUNDING_SLACK = 1e-9;

export interface CountedReading {
  /** Event time, ms. */
  readonly time: number;
  readonly value: number;
}

/** The counted readings of one window, in any order. */
export class Sample {
  readonly readings: readonly CountedReading[];
  readonly moments = new ExactMoments();
  /** Ascending. */
  readonly sorted: Float64Array;
  readonly distinct: number;

  constructor(readings: readonly CountedReading[]) {
    this.readings = readings;
    for (const reading of readings) this.moments.add(reading.value);
    this.sorted = Float64Array.from(readings, (reading) => reading.value).sort();
    this.distinct = new Set(this.sorted).size;
  }

  get count(): number {
    return this.readings.length;
  }

  /** Seconds that hold a reading. */
  get seconds(): number {
    return new Set(this.readings.map((reading) => Math.floor(reading.time / 1000))).size;
  }

  /** The value at the smallest event time, among equal times the smallest value. */
  first(): number | null {
    let best: CountedReading | null = null;
    for (const reading of this.readings) {
      if (best === null || reading.time < best.time || (reading.time === best.time && reading.value < best.value)) {
        best = reading;
      }
    }
    return best === null ? null : best.value;
  }

  /** The value at the largest event time, among equal times the largest value. */
  last(): number | null {
    let best: CountedReading | null = null;
    for (const reading of this.readings) {
      if (best === null || reading.time > best.time || (reading.time === best.time && reading.value > best.value)) {
        best = reading;
      }
    }
    return best === null ? null : best.value;
  }

  /** The quantile of type 7 (Hyndman & Fan 1996) in doubles, and the two order statistics around it. 0 <= p <= 1. */
  quantile(p: number): { value: number; below: number; above: number } | null {
    const n = this.count;
    if (n === 0) return null;
    const h = (n - 1) * p;
    const low = Math.floor(h);
    const below = this.sorted[low];
    const above = this.sorted[Math.ceil(h)];
    const value = h === low || above === below ? below : below + (h - low) * (above - below);
    return { value, below, above };
  }
}

/** The share of a quantile metric: `median` is 0.5, `p99.9` is 99.9 / 100; null for every other metric. */
export function shareOf(metric: string): number | null {
  if (metric === "median") return 0.5;
  const match = /^p(\d+(?:\.\d+)?)$/.exec(metric);
  if (match === null) return null;
  const percent = Number(match[1]);
  return percent <= 100 ? percent / 100 : null;
}

/** A metric of a sample; quantiles as if always exact. @throws RangeError for a name that is no metric */
export function metricOf(sample: Sample, metric: string, windowSeconds: number): number | null {
  const share = shareOf(metric);
  if (share !== null) return sample.quantile(share)?.value ?? null;
  const n = sample.count;
  switch (metric) {
    case "count":
      return n;
    case "seconds":
      return sample.seconds;
    case "rate":
      return n / windowSeconds;
    case "sum":
      return sample.moments.sum();
    case "average":
    case "mean":
      return sample.moments.mean();
    case "min":
      return n === 0 ? null : sample.sorted[0];
    case "max":
      return n === 0 ? null : sample.sorted[n - 1];
    case "range":
      return n === 0 ? null : sample.sorted[n - 1] - sample.sorted[0];
    case "variance":
      return sample.moments.variance(1);
    case "stddev":
      return squareRoot(sample.moments.variance(1));
    case "populationVariance":
      return sample.moments.variance(0);
    case "populationStddev":
      return squareRoot(sample.moments.variance(0));
    case "first":
      return sample.first();
    case "last":
      return sample.last();
    default:
      throw new RangeError(`Unknown metric "${metric}"`);
  }
}

function squareRoot(variance: number | null): number | null {
  return variance === null ? null : Math.sqrt(variance);
}

/** What is wrong with `got` as the quantile `p` (0..1) of the sample; null when nothing is. */
export function quantileFault(sample: Sample, p: number, got: number | null): string | null {
  const wanted = sample.quantile(p);
  if (wanted === null) return got === null ? null : `wanted null, got ${got}`;
  if (got === null) return `wanted ${wanted.value}, got null`;
  if (sample.distinct <= DISTINCT_MAX)
    return Object.is(got, wanted.value) ? null : `wanted ${wanted.value}, got ${got}`;
  const { below, above } = wanted;
  const error = QUANTILE_ERROR + ROUNDING_SLACK;
  // The nearest value of [below, above] is the one with the least relative error on either side.
  const low = below - error * Math.abs(below);
  const high = above + error * Math.abs(above);
  if (!(got >= low && got <= high)) return `wanted ${below}..${above} within 1%, got ${got}`;
  const min = sample.sorted[0];
  const max = sample.sorted[sample.count - 1];
  return got >= min && got <= max ? null : `wanted a value in [${min}, ${max}], got ${got}`;
}
