/** Splits a batch with origins into one batch for each series, in which every row has a record of its own. */
import { IDENTITY_EXPLICIT, type Origins, Readings } from "../core/readings.ts";
import { ABSENT, Records } from "../core/records.ts";
import { PASSED_OVER } from "../core/rejections.ts";

/** The rows of one series, in the order of their records. Row i of the readings comes from row i of the records. */
export interface SeriesBatch {
  readonly series: number;
  /** Their values are the bytes that are the reading alone, where there are such. */
  readonly records: Records;
  readonly readings: Readings;
  /** By row: which of its record's readings it is, from 0 on. With the record's offset it is the reading's identity by offset. */
  readonly index: Int32Array;
  /** By row: 1 when the record's value here is the reading alone, 0 when it is a record of others, too. */
  readonly isAlone: Uint8Array;
}

/** Splits batches; its own columns are used again and again, so a batch it yields is valid until the next. */
export class BySeries {
  readonly #records = new Records(0);
  readonly #readings = new Readings(0);
  #order = new Int32Array(0);
  /** By place in `#order`: the group of the row, which are those of one series. */
  #groupOf = new Int32Array(0);
  /** The rows of `#order` by their groups. */
  #sorted = new Int32Array(0);
  /** By row of the batch that is split: which of its record's readings it is. */
  #indexOf = new Int32Array(0);
  /** By record: 1 when it makes one row. */
  #isSingle = new Uint8Array(0);
  #index = new Int32Array(0);
  #isAlone = new Uint8Array(0);

  /**
   * Yields a batch for each series, in the order in which the records first name them; of rows that are passed over none. O(rows).
   * @param only which of its record's readings to take; null: all
   */
  *split(records: Records, readings: Readings, origins: Origins, only: number | null = null): Generator<SeriesBatch> {
    const { count } = readings;
    if (this.#order.length < count) {
      this.#order = new Int32Array(2 * count);
      this.#indexOf = new Int32Array(2 * count);
      this.#groupOf = new Int32Array(2 * count);
      this.#sorted = new Int32Array(2 * count);
      this.#isSingle = new Uint8Array(2 * count);
    }
    const taken = this.#inOrder(records.count, readings, origins, only);
    const groups = this.#groups(taken, origins);
    const sorted = this.#sorted;
    for (let i = 0; i < taken; i++) sorted[groups[this.#groupOf[i]].end++] = this.#order[i];
    let start = 0;
    for (const { series, end } of groups) {
      yield this.#gather(series, sorted.subarray(start, end), records, readings, origins);
      start = end;
    }
  }

  /** Rows in the order of their records: the first rows of records, and between them the further ones. Says the index of each. @returns how many are to be taken */
  #inOrder(recordCount: number, { count, rejection }: Readings, { record }: Origins, only: number | null): number {
    const order = this.#order;
    const indexOf = this.#indexOf;
    let taken = 0;
    let further = recordCount;
    for (let first = 0; first < recordCount; first++) {
      this.#isSingle[first] = further < count && record[further] === first ? 0 : 1;
      for (let row = first, index = 0; ; row = further++, index++) {
        indexOf[row] = index;
        if ((only === null || index === only) && rejection[row] !== PASSED_OVER) order[taken++] = row;
        if (further >= count || record[further] !== first) break;
      }
    }
    if (further !== count)
      throw new Error(`BUG: ${count - further} further readings are not in the order of their records`);
    return taken;
  }

  /** The series of the first rows of `#order`, each with where its rows begin in `#sorted`; the group of each row. */
  #groups(taken: number, { series }: Origins): { readonly series: number; end: number }[] {
    const groups: { readonly series: number; end: number }[] = [];
    const sizes: number[] = [];
    const numberOf = new Map<number, number>();
    for (let i = 0; i < taken; i++) {
      const of = series[this.#order[i]];
      let group = numberOf.get(of);
      if (group === undefined) {
        group = groups.push({ series: of, end: 0 }) - 1;
        numberOf.set(of, group);
        sizes.push(0);
      }
      sizes[group]++;
      this.#groupOf[i] = group;
    }
    for (let group = 1; group < groups.length; group++) groups[group].end = groups[group - 1].end + sizes[group - 1];
    return groups;
  }

  #gather(
    series: number,
    rows: Int32Array,
    records: Records,
    readings: Readings,
    { record, start, end }: Origins,
  ): SeriesBatch {
    const to = this.#readings;
    const recordTo = this.#records;
    const count = rows.length;
    to.reserve(count);
    recordTo.reserve(count);
    if (this.#index.length < count) {
      this.#index = new Int32Array(to.capacity);
      this.#isAlone = new Uint8Array(to.capacity);
    }
    to.count = count;
    recordTo.count = count;
    recordTo.data = records.data;
    recordTo.appendTime = records.appendTime;
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      const from = record[row];
      to.time[i] = readings.time[row];
      to.value[i] = readings.value[row];
      to.device[i] = readings.device[row];
      to.boot[i] = readings.boot[row];
      to.sequence[i] = readings.sequence[row];
      to.identity[i] = readings.identity[row];
      to.ownTime[i] = readings.ownTime[row];
      to.rejection[i] = readings.rejection[row];
      if (to.identity[i] === IDENTITY_EXPLICIT) to.idText[i] = readings.idText[row];
      recordTo.offset[i] = records.offset[from];
      recordTo.timestamp[i] = records.timestamp[from];
      recordTo.keyStart[i] = records.keyStart[from];
      recordTo.keyEnd[i] = records.keyEnd[from];
      const isCut = start[row] !== ABSENT;
      recordTo.valueStart[i] = isCut ? start[row] : records.valueStart[from];
      recordTo.valueEnd[i] = isCut ? end[row] : records.valueEnd[from];
      this.#index[i] = this.#indexOf[row];
      this.#isAlone[i] = isCut ? 1 : this.#isSingle[from];
    }
    return { series, records: recordTo, readings: to, index: this.#index, isAlone: this.#isAlone };
  }
}
