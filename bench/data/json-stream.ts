/** A stream of JSON readings as the world sends them: so many devices at 1 Hz, a tenth sent twice, a twentieth late, in order or shuffled. */
import { Random } from "../../src/core/random.ts";

export interface JsonStreamOptions {
  readonly records: number;
  readonly devices: number;
  readonly shuffled: boolean;
  readonly startMs: number;
  readonly seed: number;
}

const DUPLICATES = 0.1;
const LATE = 0.05;
/** How many records later a duplicate or a late reading comes, at most. */
const DELAY_RECORDS = 20_000;
/** Room for a reading's number beside its place in the order: together they stay within 53 bits. */
const READING_BITS = 2 ** 25;

/** Reading r is of device r % devices, its sequence floor(r / devices), a second later for each. Deterministic. */
export class JsonStream {
  readonly records: number;
  /** Different readings: what is left when duplicates are taken out. */
  readonly unique: number;
  readonly devices: number;
  readonly endMs: number;
  readonly #startMs: number;
  /** The reading that is sent as record i. */
  readonly #order: Uint32Array;
  readonly #values: Uint16Array;

  constructor({ records, devices, shuffled, startMs, seed }: JsonStreamOptions) {
    if (records >= READING_BITS) throw new Error(`BUG: records must be < ${READING_BITS}, were ${records}`);
    const random = new Random(seed);
    this.records = records;
    this.unique = Math.round(records * (1 - DUPLICATES));
    this.devices = devices;
    this.#startMs = startMs;
    this.endMs = startMs + (Math.ceil(this.unique / devices) + 1) * 1000;
    const keys = new Float64Array(records);
    for (let i = 0; i < records; i++) {
      const again = i >= this.unique;
      const reading = again ? random.integer(0, this.unique - 1) : i;
      const delay = again || random.chance(LATE) ? random.integer(1, DELAY_RECORDS) : 0;
      const place = shuffled ? random.integer(0, records - 1) : reading + delay;
      keys[i] = place * READING_BITS + reading;
    }
    keys.sort();
    this.#order = Uint32Array.from(keys, (key) => key % READING_BITS);
    this.#values = Uint16Array.from({ length: this.unique }, () => random.integer(0, 1000));
  }

  /** The text of record i. */
  text(i: number): string {
    const reading = this.#order[i];
    const sequence = Math.floor(reading / this.devices);
    const device = reading % this.devices;
    const time = this.#startMs + sequence * 1000 + (device % 1000);
    return `{"device":"device-${device}","boot":"b7f3a2","sequence":${sequence},"value":${this.#values[reading] / 10},"time":${time}}`;
  }

  bytes(i: number): Buffer {
    return Buffer.from(this.text(i), "latin1");
  }
}
