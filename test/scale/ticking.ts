/** A sensor of one reading a second as a column source: bare integers from 0 to 100 under the records' own timestamps. */
import { ABSENT, type Records } from "../../src/core/records.ts";
import { BATCH_ROWS, type ColumnSource } from "./column-log.ts";

export class Ticking implements ColumnSource {
  readonly topic: string;
  readonly records: number;
  readonly #startMs: number;
  readonly #bytes = new Uint8Array(BATCH_ROWS * 3);
  #state: number;
  /** Of all values so far. */
  sum = 0;

  /** @param startMs of the first reading, a whole second */
  constructor(topic: string, records: number, startMs: number, seed: number) {
    this.topic = topic;
    this.records = records;
    this.#startMs = startMs;
    this.#state = seed;
  }

  fill(into: Records, from: number, rows: number): void {
    const bytes = this.#bytes;
    let at = 0;
    for (let i = 0; i < rows; i++) {
      // A linear congruence (Numerical Recipes, Press et al.): its upper bits are random enough for a temperature.
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
      const value = Math.floor((this.#state / 4294967296) * 101);
      this.sum += value;
      into.valueStart[i] = at;
      if (value === 100) bytes[at++] = 49;
      if (value >= 10) bytes[at++] = 48 + (Math.floor(value / 10) % 10);
      bytes[at++] = 48 + (value % 10);
      into.valueEnd[i] = at;
      into.keyStart[i] = ABSENT;
      into.keyEnd[i] = ABSENT;
      into.timestamp[i] = this.#startMs + (from + i) * 1000;
    }
    into.data = bytes;
    into.appendTime = false;
  }
}
