/** A page of buckets in columns: levels 1 and up, and the heavy seconds of level 0. */

import { ByteReader } from "../core/bytes.ts";
import type { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import { type Dyadic, ZERO } from "../metrics/dyadic.ts";
import { SQUARE_PARTS, SUM_PARTS } from "../metrics/exact-sum.ts";

/** What of a bucket's sums does not fit the usual parts. */
export interface Rest {
  readonly sum: Dyadic;
  readonly squares: Dyadic;
}

const COLUMNS = [
  ...(["count", "seconds", "late", "min", "max"] as const),
  ...(["firstTime", "firstValue", "lastTime", "lastValue", "sum", "squares"] as const),
];

/** Columns of `size` buckets; a bucket with count 0 is empty and its other columns mean nothing. */
export class BucketPage {
  readonly size: number;
  readonly count: Float64Array;
  readonly seconds: Float64Array;
  readonly late: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly firstTime: Float64Array;
  readonly firstValue: Float64Array;
  readonly lastTime: Float64Array;
  readonly lastValue: Float64Array;
  /** SUM_PARTS doubles a bucket, SQUARE_PARTS for the squares. */
  readonly sum: Float64Array;
  readonly squares: Float64Array;
  readonly rests = new Map<number, Rest>();
  /** The values of each bucket: decoded, still encoded, or null (empty, or derived from the level below). */
  readonly values: (Distribution | Uint8Array | null)[];

  constructor(size: number) {
    this.size = size;
    const column = (at: number, width = 1) => new Float64Array(memory, at * size * 8, size * width);
    const memory = new ArrayBuffer(size * 8 * (9 + SUM_PARTS + SQUARE_PARTS));
    this.count = column(0);
    this.seconds = column(1);
    this.late = column(2);
    this.min = column(3);
    this.max = column(4);
    this.firstTime = column(5);
    this.firstValue = column(6);
    this.lastTime = column(7);
    this.lastValue = column(8);
    this.sum = column(9, SUM_PARTS);
    this.squares = column(9 + SUM_PARTS, SQUARE_PARTS);
    this.values = new Array(size).fill(null);
  }

  /** The same buckets with room for more. */
  widened(size: number): BucketPage {
    const wider = new BucketPage(size);
    for (const column of COLUMNS) wider[column].set(this[column]);
    for (const [i, rest] of this.rests) wider.rests.set(i, rest);
    this.values.forEach((values, i) => {
      wider.values[i] = values;
    });
    return wider;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    let total = 400 + this.size * (8 * (10 + SUM_PARTS + SQUARE_PARTS));
    for (const values of this.values) {
      if (values !== null) total += values instanceof Distribution ? values.bytes : values.length + 64;
    }
    return total;
  }

  /** Adds bucket i to an aggregate, its values only when `withValues`. */
  mergeInto(aggregate: Aggregate, i: number, withSums: boolean, withValues: boolean): void {
    const count = this.count[i];
    if (count === 0) return;
    aggregate.count += count;
    aggregate.seconds += this.seconds[i];
    aggregate.late += this.late[i];
    if (this.min[i] < aggregate.min) aggregate.min = this.min[i];
    if (this.max[i] > aggregate.max) aggregate.max = this.max[i];
    aggregate.edge(this.firstTime[i], this.firstValue[i], this.lastTime[i], this.lastValue[i]);
    if (withSums) {
      for (let p = i * SUM_PARTS, end = p + SUM_PARTS; p < end; p++) {
        const part = this.sum[p];
        if (part !== 0) aggregate.addSum(part);
      }
      for (let p = i * SQUARE_PARTS, end = p + SQUARE_PARTS; p < end; p++) {
        const part = this.squares[p];
        if (part !== 0) aggregate.addSquares(part);
      }
      if (this.rests.size > 0) {
        const rest = this.rests.get(i);
        if (rest !== undefined) aggregate.addRest(rest.sum, rest.squares);
      }
    }
    if (withValues && aggregate.distribution !== null) this.mergeValues(aggregate.distribution, i);
  }

  mergeValues(into: Distribution, i: number): void {
    const values = this.values[i];
    if (values instanceof Distribution) into.merge(values);
    else if (values !== null) into.mergeEncoded(new ByteReader(values));
  }

  /** Bucket i's values, decoded, made when there are none. */
  valuesOf(i: number): Distribution {
    const values = this.values[i];
    if (values instanceof Distribution) return values;
    const decoded = new Distribution();
    if (values !== null) decoded.mergeEncoded(new ByteReader(values));
    this.values[i] = decoded;
    return decoded;
  }

  /** Replaces everything but the values of bucket i by what the aggregate holds, sums in canonical form. */
  set(i: number, aggregate: Aggregate): void {
    this.count[i] = aggregate.count;
    this.seconds[i] = aggregate.seconds;
    this.late[i] = aggregate.late;
    this.min[i] = aggregate.min;
    this.max[i] = aggregate.max;
    this.firstTime[i] = aggregate.firstTime;
    this.firstValue[i] = aggregate.firstValue;
    this.lastTime[i] = aggregate.lastTime;
    this.lastValue[i] = aggregate.lastValue;
    const sum = aggregate.storeSum(this.sum, i * SUM_PARTS, SUM_PARTS);
    const squares = aggregate.storeSquares(this.squares, i * SQUARE_PARTS, SQUARE_PARTS);
    if (sum !== ZERO || squares !== ZERO) this.rests.set(i, { sum, squares });
    else if (this.rests.size > 0) this.rests.delete(i);
  }
}
