/** Mergeable state of a set of readings, of a bucket or a window. Metrics (registry.ts) are read from it and never stored. */

import { Distribution } from "./distribution.ts";
import { add, type Dyadic, divide, fromDouble, sumOf, toNearest, ZERO } from "./dyadic.ts";
import { addColumn, addPart, canonicalize, squareError } from "./exact-sum.ts";
import type { Share } from "./share.ts";

/** Which costly parts of an aggregate a question needs; count, extremes, first and last reading, seconds and late always come. */
export interface Needs {
  readonly sums: boolean;
  readonly quantiles: boolean;
}

/** All parts. */
export const ALL_NEEDS: Needs = { sums: true, quantiles: true };

/** Parts of a running total: more than a stored sum has, so that merging rarely needs the slow path. */
const TOTAL_PARTS = 6;

/** The sums of an aggregate that needs none: nothing is written to them. */
const NO_PARTS = new Float64Array(0);

/** 2^15 such integers and their squares add up exactly in plain doubles. */
const SMALL_INTEGER_MAX = 2 ** 19;

/** Values that are no small integers, their squares, and the rounding errors of these: rows of one chunk. */
const CHUNK = 256;
const fractions = new Float64Array(CHUNK);
const squared = new Float64Array(CHUNK);
const errors = new Float64Array(CHUNK);

/**
 * Merging is associative and commutative to the bit: any grouping of the same readings gives the same aggregate.
 * @example
 * ```ts
 * const [even, odd] = [new Aggregate(ALL_NEEDS), new Aggregate(ALL_NEEDS)];
 * even.addValues(Float64Array.of(2, 4), 2, true);
 * odd.addValues(Float64Array.of(0.1, 0.2), 2, true);
 * even.merge(odd);
 * assert.equal(even.sum(), 6.3);
 * ```
 */
export class Aggregate {
  count = 0;
  /** Seconds that hold a reading. */
  seconds = 0;
  /** Readings that were late on arrival. */
  late = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  /** Event times, ms; ties: the smallest value is first, the largest last. */
  firstTime = Number.POSITIVE_INFINITY;
  firstValue = 0;
  lastTime = Number.NEGATIVE_INFINITY;
  lastValue = 0;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  #sumRest: Dyadic = ZERO;
  #squaresRest: Dyadic = ZERO;
  /** Null unless quantiles were asked for. */
  readonly distribution: Distribution | null;

  /** The costly parts that it holds. */
  readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
    this.#sum = needs.sums ? new Float64Array(TOTAL_PARTS) : NO_PARTS;
    this.#squares = needs.sums ? new Float64Array(TOTAL_PARTS) : NO_PARTS;
    this.distribution = needs.quantiles ? new Distribution(true) : null;
  }

  addSum(part: number): void {
    const carry = addPart(this.#sum, 0, TOTAL_PARTS, part);
    if (carry !== 0) this.#sumRest = add(this.#sumRest, fromDouble(carry));
  }

  addSquares(part: number): void {
    const carry = addPart(this.#squares, 0, TOTAL_PARTS, part);
    if (carry !== 0) this.#squaresRest = add(this.#squaresRest, fromDouble(carry));
  }

  /** Adds the first `n` numbers to the sum. */
  addSumColumn(column: Float64Array, n: number): void {
    const rest = addColumn(this.#sum, TOTAL_PARTS, column, n);
    if (rest !== ZERO) this.#sumRest = add(this.#sumRest, rest);
  }

  /** Adds the first `n` numbers to the sum of squares. */
  addSquaresColumn(column: Float64Array, n: number): void {
    const rest = addColumn(this.#squares, TOTAL_PARTS, column, n);
    if (rest !== ZERO) this.#squaresRest = add(this.#squaresRest, rest);
  }

  /** Adds the first `n` of `fractions` to the sums, exactly. */
  #addFractions(n: number): void {
    for (let i = 0; i < n; i++) {
      squared[i] = fractions[i] * fractions[i];
      errors[i] = squareError(fractions[i], squared[i]);
    }
    this.addSumColumn(fractions, n);
    this.addSquaresColumn(squared, n);
    this.addSquaresColumn(errors, n);
  }

  /** Adds the first `n` values, at most 2^15; not times, seconds and late. */
  addValues(values: Float64Array, n: number, withSums: boolean): void {
    let { min, max } = this;
    let sum = 0;
    let squares = 0;
    let waiting = 0;
    for (let i = 0; i < n; i++) {
      const value = values[i];
      if (value < min) min = value;
      if (value > max) max = value;
      if (!withSums) continue;
      if (value === (value | 0) && value <= SMALL_INTEGER_MAX && value >= -SMALL_INTEGER_MAX) {
        sum += value;
        squares += value * value;
        continue;
      }
      fractions[waiting++] = value;
      if (waiting < CHUNK) continue;
      this.#addFractions(waiting);
      waiting = 0;
    }
    if (waiting > 0) this.#addFractions(waiting);
    this.count += n;
    this.min = min;
    this.max = max;
    if (sum !== 0) this.addSum(sum);
    if (squares !== 0) this.addSquares(squares);
  }

  addRest(sum: Dyadic, squares: Dyadic): void {
    this.#sumRest = add(this.#sumRest, sum);
    this.#squaresRest = add(this.#squaresRest, squares);
  }

  /** Replaces its sums: as doubles, which are quick to add to and to read. */
  setSums(sum: Dyadic, squares: Dyadic): void {
    this.#sum.fill(0);
    this.#squares.fill(0);
    this.#sumRest = canonicalize(this.#sum, 0, TOTAL_PARTS, sum);
    this.#squaresRest = canonicalize(this.#squares, 0, TOTAL_PARTS, squares);
  }

  /** Empties it for reuse; only one without a distribution. */
  reset(): void {
    this.count = 0;
    this.seconds = 0;
    this.late = 0;
    this.min = Number.POSITIVE_INFINITY;
    this.max = Number.NEGATIVE_INFINITY;
    this.firstTime = Number.POSITIVE_INFINITY;
    this.lastTime = Number.NEGATIVE_INFINITY;
    this.#sum.fill(0);
    this.#squares.fill(0);
    this.#sumRest = ZERO;
    this.#squaresRest = ZERO;
  }

  /** Writes the sum's canonical expansion to parts[at, at + length). @returns the rest that does not fit, nearly always `ZERO` itself */
  storeSum(parts: Float64Array, at: number, length: number): Dyadic {
    this.#sumRest = canonicalize(this.#sum, 0, TOTAL_PARTS, this.#sumRest);
    return store(this.#sum, this.#sumRest, parts, at, length);
  }

  /** The same for the sum of squares. */
  storeSquares(parts: Float64Array, at: number, length: number): Dyadic {
    this.#squaresRest = canonicalize(this.#squares, 0, TOTAL_PARTS, this.#squaresRest);
    return store(this.#squares, this.#squaresRest, parts, at, length);
  }

  ends(firstTime: number, firstValue: number, lastTime: number, lastValue: number): void {
    if (firstTime < this.firstTime || (firstTime === this.firstTime && firstValue < this.firstValue)) {
      this.firstTime = firstTime;
      this.firstValue = firstValue;
    }
    if (lastTime > this.lastTime || (lastTime === this.lastTime && lastValue > this.lastValue)) {
      this.lastTime = lastTime;
      this.lastValue = lastValue;
    }
  }

  /** Merges another aggregate, of any node, which holds all that this one needs: the result is that of all their readings. */
  merge(other: Aggregate): void {
    if (other.count === 0) return;
    if ((this.needs.sums && !other.needs.sums) || (this.needs.quantiles && !other.needs.quantiles)) {
      throw new Error(
        `BUG: an aggregate of ${JSON.stringify(other.needs)} cannot go into one of ${JSON.stringify(this.needs)}`,
      );
    }
    this.count += other.count;
    this.seconds += other.seconds;
    this.late += other.late;
    if (other.min < this.min) this.min = other.min;
    if (other.max > this.max) this.max = other.max;
    this.ends(other.firstTime, other.firstValue, other.lastTime, other.lastValue);
    for (let i = 0; i < this.#sum.length; i++) {
      if (other.#sum[i] !== 0) this.addSum(other.#sum[i]);
      if (other.#squares[i] !== 0) this.addSquares(other.#squares[i]);
    }
    if (this.needs.sums) this.addRest(other.#sumRest, other.#squaresRest);
    if (this.distribution !== null && other.distribution !== null) this.distribution.merge(other.distribution);
  }

  #single(parts: Float64Array, rest: Dyadic): boolean {
    return rest.m === 0n && parts[1] === 0 && parts[2] === 0 && parts[3] === 0 && parts[4] === 0 && parts[5] === 0;
  }

  /** Σx and Σx², exactly. */
  exactSums(): readonly [sum: Dyadic, squares: Dyadic] {
    return [this.#exactSum(), this.#exactSquares()];
  }

  #exactSquares(): Dyadic {
    return add(sumOf(this.#squares, 0, TOTAL_PARTS), this.#squaresRest);
  }

  #exactSum(): Dyadic {
    return add(sumOf(this.#sum, 0, TOTAL_PARTS), this.#sumRest);
  }

  /** The exact sum, rounded once. */
  sum(): number {
    return this.#single(this.#sum, this.#sumRest) ? this.#sum[0] : toNearest(this.#exactSum());
  }

  /** The exact mean, rounded once; null when empty. */
  mean(): number | null {
    if (this.count === 0) return null;
    if (this.#single(this.#sum, this.#sumRest)) return this.#sum[0] / this.count;
    return divide(this.#exactSum(), BigInt(this.count));
  }

  /**
   * (n·Σx² − (Σx)²) / (n·(n − freedom)), exact and rounded once; null where it is not defined.
   * @param freedom 1 for the sample's variance, 0 for the population's
   */
  variance(freedom: 0 | 1): number | null {
    const n = this.count;
    if (n <= freedom) return null;
    if (this.#single(this.#sum, this.#sumRest) && this.#single(this.#squares, this.#squaresRest)) {
      const s = this.#sum[0];
      const nq = n * this.#squares[0];
      if (Number.isSafeInteger(s) && Number.isSafeInteger(nq) && s * s <= Number.MAX_SAFE_INTEGER) {
        const divisor = n * (n - freedom);
        if (Number.isSafeInteger(this.#squares[0]) && divisor <= Number.MAX_SAFE_INTEGER) return (nq - s * s) / divisor;
      }
    }
    const s = this.#exactSum();
    const q = this.#exactSquares();
    const top = add({ m: BigInt(n) * q.m, e: q.e }, { m: -(s.m * s.m), e: 2 * s.e });
    return divide(top, BigInt(n) * BigInt(n - freedom));
  }

  /** The percentile of a share, never outside [min, max]; null when empty. Needs `quantiles`. */
  quantile(share: Share): number | null {
    return this.distribution === null ? null : this.distribution.quantile(share, this.min, this.max);
  }

  /** Two doubles that bracket the exact percentile; null when empty. Needs `quantiles`. */
  interval(share: Share): readonly [low: number, high: number] | null {
    return this.distribution === null ? null : this.distribution.interval(share, this.min, this.max);
  }
}

function store(total: Float64Array, rest: Dyadic, parts: Float64Array, at: number, length: number): Dyadic {
  for (let i = 0; i < length; i++) parts[at + i] = total[i];
  for (let i = length; i < TOTAL_PARTS; i++) if (total[i] !== 0) return add(sumOf(total, length, TOTAL_PARTS), rest);
  return rest;
}
