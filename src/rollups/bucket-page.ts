/** A page of buckets that can be changed: levels 1 and up. Only buckets in use have a row. */
import type { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import { BucketRows, COUNT, ROW_CELLS } from "./bucket-rows.ts";

export class BucketPage {
  readonly size: number;
  readonly rows = new BucketRows();
  /** Each bucket's row + 1; 0: none. */
  readonly #rowOf: Uint8Array;

  constructor(size: number) {
    this.size = size;
    this.#rowOf = new Uint8Array(size);
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return this.rows.bytes + this.size + 200;
  }

  /** The row of bucket i; -1: it has none. */
  rowOf(i: number): number {
    return this.#rowOf[i] - 1;
  }

  /** The row of bucket i, made when it has none. */
  rowFor(i: number): number {
    if (this.#rowOf[i] === 0) this.#rowOf[i] = this.rows.addRow() + 1;
    return this.#rowOf[i] - 1;
  }

  countOf(i: number): number {
    const row = this.rowOf(i);
    return row < 0 ? 0 : this.rows.cells[row * ROW_CELLS + COUNT];
  }

  /** Adds the buckets [from, to) to an aggregate, but for their values. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    for (let i = from; i < to; i++) {
      const row = this.#rowOf[i] - 1;
      if (row >= 0) this.rows.mergeInto(aggregate, row, withSums);
    }
  }

  /** The values of all buckets. Where one bucket only has some, as new sensors do at most levels, they stay encoded. */
  mergedValues(): Distribution | Uint8Array {
    const kept = this.rows.values.filter((values) => values !== null);
    if (kept.length === 1) return kept[0] instanceof Distribution ? kept[0].encoded() : kept[0];
    const merged = new Distribution();
    this.mergeValues(merged, 0, this.size);
    return merged;
  }

  /** Adds the values of the buckets [from, to). */
  mergeValues(into: Distribution, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const row = this.#rowOf[i] - 1;
      if (row >= 0) this.rows.mergeValues(into, row);
    }
  }

  /** True when bucket i has readings and does not keep their values. */
  isDerived(i: number): boolean {
    const row = this.#rowOf[i] - 1;
    return row >= 0 && this.rows.values[row] === null;
  }

  /** Bucket i's values, decoded, made when there are none. */
  valuesOf(i: number): Distribution {
    return this.rows.valuesOf(this.rowFor(i));
  }

  setValues(i: number, values: Distribution | Uint8Array): void {
    this.rows.values[this.rowFor(i)] = values;
  }

  /** Replaces everything but the values of bucket i by what the aggregate holds. */
  set(i: number, aggregate: Aggregate): void {
    this.rows.set(this.rowFor(i), aggregate);
  }
}
