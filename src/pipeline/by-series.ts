/** Splits a batch with origins into one batch for each series, in which every row has a record of its own. */
import { IDENTITY_EXPLICIT, type Origins, Readings } from "../core/readings.ts";
import { ABSENT, Records } from "../core/records.ts";

/** The rows of one series, in the order of their records. Row i of the readings comes from row i of the records. */
export interface SeriesBatch {
  readonly series: number;
  /** Their values are the bytes that are the reading alone, where there are such. */
  readonly records: Records;
  readonly readings: Readings;
  /** By row: which of its record's readings it is, from 0 on. With the record's offset it is the reading's identity by offset. */
  readonly index: Int32Array;
  /** By row: 1 when the record's value here is the reading alone, 0 when it is the whole record. */
  readonly isAlone: Uint8Array;
}

/** Splits batches; its own columns are used again and again, so a batch it yields is valid until the next. */
export class BySeries {
  readonly #records = new Records(0);
  readonly #readings = new Readings(0);
  #order = new Int32Array(0);
  /** By row of the batch that is split: which of its record's readings it is. */
  #indexOf = new Int32Array(0);
  #index = new Int32Array(0);
  #isAlone = new Uint8Array(0);

  /**
   * Yields a batch for each series, in the order in which the records first name them. O(rows).
   * @param only which of its record's readings to take; null: all
   */
  *split(records: Records, readings: Readings, origins: Origins, only: number | null = null): Generator<SeriesBatch> {
    let order = this.#inOrder(records.count, readings.count, origins);
    if (only !== null) order = order.filter((row) => this.#indexOf[row] === only);
    const bySeries = Map.groupBy(order, (row) => origins.series[row]);
    for (const [series, rows] of bySeries) yield this.#gather(series, rows, records, readings, origins);
  }

  /** Rows in the order of their records: the first rows of records, and between them the further ones. Says the index of each. */
  #inOrder(recordCount: number, rowCount: number, { record }: Origins): Int32Array {
    if (this.#order.length < rowCount) {
      this.#order = new Int32Array(2 * rowCount);
      this.#indexOf = new Int32Array(2 * rowCount);
    }
    const order = this.#order;
    const indexOf = this.#indexOf;
    let at = 0;
    let further = recordCount;
    for (let first = 0; first < recordCount; first++) {
      let index = 0;
      order[at++] = first;
      indexOf[first] = index++;
      while (further < rowCount && record[further] === first) {
        order[at++] = further;
        indexOf[further++] = index++;
      }
    }
    if (at !== rowCount)
      throw new Error(`BUG: ${rowCount - at} further readings are not in the order of their records`);
    return order.subarray(0, rowCount);
  }

  #gather(
    series: number,
    rows: readonly number[],
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
      const isAlone = start[row] !== ABSENT;
      recordTo.valueStart[i] = isAlone ? start[row] : records.valueStart[from];
      recordTo.valueEnd[i] = isAlone ? end[row] : records.valueEnd[from];
      this.#index[i] = this.#indexOf[row];
      this.#isAlone[i] = isAlone ? 1 : 0;
    }
    return { series, records: recordTo, readings: to, index: this.#index, isAlone: this.#isAlone };
  }
}
