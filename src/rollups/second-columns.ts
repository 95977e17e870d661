/** The readings of a page of seconds as columns: what two states of a page are compared by, second by second. */
import { SECONDS_PER_PAGE } from "./levels.ts";
import { widened } from "./widened.ts";

/** `firstRow` of a heavy second: its readings are not listed. */
export const HEAVY_ROW = -1;

/** Reused for the next page: nothing is allocated for usual ones. */
export class SecondColumns {
  /** By second: how many readings, how many of them came late, and the first of its rows. */
  readonly readings = new Float64Array(SECONDS_PER_PAGE);
  readonly late = new Float64Array(SECONDS_PER_PAGE);
  readonly firstRow = new Int16Array(SECONDS_PER_PAGE);
  /** By row: value, millisecond of the second, 1 where it came late. Within a second by millisecond, then by value. */
  value = new Float64Array(SECONDS_PER_PAGE);
  ms = new Float64Array(SECONDS_PER_PAGE);
  wasLate = new Uint8Array(SECONDS_PER_PAGE);

  /** Makes room for rows. */
  reserve(rows: number): void {
    if (this.value.length >= rows) return;
    this.value = widened(this.value, new Float64Array(rows));
    this.ms = widened(this.ms, new Float64Array(rows));
    this.wasLate = widened(this.wasLate, new Uint8Array(rows));
  }

  /** Of a page that holds nothing. */
  clear(): this {
    this.readings.fill(0);
    this.late.fill(0);
    return this;
  }

  /** Whether a second holds the same readings in two columns; of heavy seconds, whether it holds as many. */
  isSame(second: number, other: SecondColumns): boolean {
    const count = this.readings[second];
    if (count !== other.readings[second] || this.late[second] !== other.late[second]) return false;
    if (count === 0) return true;
    const [mine, its] = [this.firstRow[second], other.firstRow[second]];
    if (mine === HEAVY_ROW || its === HEAVY_ROW) return mine === its;
    for (let row = 0; row < count; row++) {
      if (this.value[mine + row] !== other.value[its + row] || this.ms[mine + row] !== other.ms[its + row])
        return false;
      if (this.wasLate[mine + row] !== other.wasLate[its + row]) return false;
    }
    return true;
  }
}
