/**
 * Every metric, recomputed from the raw readings of one window. Sums are exact and rounded once, quantiles come from the sorted values.
 * Part of test/oracle, which imports nothing from src/.
 */
import type { Origin } from "./deletions.ts";
import { ExactMoments, roundRational, takeApart } from "./exact.ts";

/** Up to so many distinct values quantiles are exact; past it values that share their top bits are one, the most bits that leave no more. */
const DISTINCT_MAX = 2048;
/** Fewer low bits than this are not dropped, unless none are. */
const DROPPED_MIN = 12;

/** Where an answer says that the exact percentile lies, both ends included. */
export type Interval = readonly [low: number, high: number];

export interface CountedReading {
  /** Event time, ms. */
  readonly time: number;
  readonly value: number;
  /** The bytes of its device's name as latin1; "": none. Absent of readings made by hand. */
  readonly device?: string;
  /** Absent of readings made by hand. */
  readonly came?: Came;
  /** Absent of readings made by hand. */
  readonly origin?: Origin;
}

/** When a counted reading came. */
export interface Came {
  readonly isLate: boolean;
  /** What it and its duplicates are: where both, another order of the partitions may count a copy that is the other. */
  readonly copies: CopiesCame;
}

/** Whether a copy of a reading came so. */
export interface CopiesCame {
  isLate: boolean;
  isOnTime: boolean;
  isImpossible: boolean;
  /** Copies came in several partitions: which counts depends on the order in which these are read. */
  isSpread: boolean;
}

/** The counted readings of one window, in any order. */
export class Sample {
  readonly readings: readonly CountedReading[];
  readonly moments = new ExactMoments();
  /** Ascending. */
  readonly sorted: Float64Array;
  readonly distinct: number;
  /** Null: not found yet. */
  #dropped: number | null = null;

  constructor(readings: readonly CountedReading[]) {
    this.readings = readings;
    for (const reading of readings) this.moments.add(reading.value);
    this.sorted = Float64Array.from(readings, (reading) => reading.value).sort();
    this.distinct = new Set(this.sorted).size;
  }

  get count(): number {
    return this.readings.length;
  }

  /** How many came late: as they were received, and the fewest and most in any order of the partitions. */
  get late(): { given: number; fewest: number; most: number } {
    const came = this.readings.flatMap((reading) => reading.came ?? []);
    return {
      given: came.filter(({ isLate }) => isLate).length,
      fewest: came.filter(({ isLate, copies }) => isLate && !(copies.isSpread && copies.isOnTime)).length,
      most: came.filter(({ isLate, copies }) => isLate || (copies.isSpread && copies.isLate)).length,
    };
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

  /** The percentile of type 7 (Hyndman & Fan 1996), exact and rounded once, and the two order statistics around it. */
  quantile({ top, bottom }: Share): { value: number; below: number; above: number } | null {
    const n = this.count;
    if (n === 0) return null;
    const rank = BigInt(n - 1) * top;
    const index = Number(rank / bottom);
    const part = rank % bottom;
    const below = this.sorted[index];
    const above = part === 0n ? below : this.sorted[index + 1];
    const [a, b] = [takeApart(below), takeApart(above)];
    const exponent = Math.min(a.exponent, b.exponent);
    const whole = ({ mantissa, exponent: own }: typeof a): bigint => mantissa << BigInt(own - exponent);
    const value = roundRational(whole(a) * (bottom - part) + whole(b) * part, bottom, exponent);
    return { value, below, above };
  }

  /** Low bits that are dropped: the fewest that leave no more than `DISTINCT_MAX` values, by trying one after the other. */
  dropped(): number {
    this.#dropped ??= this.#findDropped();
    return this.#dropped;
  }

  #findDropped(): number {
    if (this.distinct <= DISTINCT_MAX) return 0;
    const bits = [...new Set(this.sorted)].map(bitsOf);
    let dropped = DROPPED_MIN;
    while (new Set(bits.map((each) => each >> BigInt(dropped))).size > DISTINCT_MAX) dropped++;
    return dropped;
  }
}

/** A share of the readings: top / bottom. */
export interface Share {
  readonly top: bigint;
  readonly bottom: bigint;
}

/** The share of a quantile metric: `median` is 50/100, `p99.9` is 999/1000; null for every other metric. */
export function shareOf(metric: string): Share | null {
  const match = /^p(\d+)(?:\.(\d+))?$/.exec(metric === "median" ? "p50" : metric);
  if (match === null) return null;
  const places = match[2] ?? "";
  const share = { top: BigInt(match[1] + places), bottom: 100n * 10n ** BigInt(places.length) };
  return share.top <= share.bottom ? share : null;
}

const view = new DataView(new ArrayBuffer(8));

function bitsOf(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

/** The values that share all but the dropped bits with a value lie from one end to the other. */
function binOf(value: number, dropped: number): Interval {
  if (value === 0 || dropped === 0) return [value, value];
  const edge = (bitsOf(value) >> BigInt(dropped)) << BigInt(dropped);
  const ends = [edge, edge + (1n << BigInt(dropped))].map((bits) => {
    view.setBigUint64(0, bits);
    return view.getFloat64(0);
  });
  return [Math.min(...ends), Math.max(...ends)];
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

/**
 * What is wrong with `got` as a quantile of the sample, and with the interval that is said to hold the exact one; null when nothing is.
 * Past `DISTINCT_MAX` values the interval may be as wide as the bins are.
 */
export function quantileFault(
  sample: Sample,
  share: Share,
  got: number | null,
  interval: Interval | null,
): string | null {
  const wanted = sample.quantile(share);
  if (wanted === null) return got === null && interval === null ? null : `wanted null, got ${got} in ${interval}`;
  if (got === null || interval === null) return `wanted ${wanted.value}, got ${got} in ${interval}`;
  const [low, high] = interval;
  const dropped = sample.dropped();
  if (dropped === 0) {
    const isExact = [got, low, high].every((each) => Object.is(each, wanted.value));
    return isExact ? null : `wanted ${wanted.value}, got ${got} in ${interval}`;
  }
  if (!(low <= wanted.value && wanted.value <= high)) return `wanted ${wanted.value}, said to be in ${interval}`;
  if (!(low <= got && got <= high)) return `got ${got}, outside of ${interval}`;
  const least = Math.max(sample.sorted[0], binOf(wanted.below, dropped)[0]);
  const most = Math.min(sample.sorted[sample.count - 1], binOf(wanted.above, dropped)[1]);
  return least <= low && high <= most ? null : `wanted an interval within [${least}, ${most}], was ${interval}`;
}

/** What is wrong with `got` as a metric of these readings; null when nothing is: the same bits are wanted, except of quantiles that may be off. */
export function metricFault(
  sample: Sample,
  metric: string,
  windowSeconds: number,
  got: number | null,
  interval: Interval | null,
): string | null {
  const share = shareOf(metric);
  if (share !== null) return quantileFault(sample, share, got, interval);
  const wanted = metricOf(sample, metric, windowSeconds);
  return Object.is(wanted, got) ? null : `wanted ${wanted}, got ${Object.is(got, -0) ? "-0" : got}`;
}
