/** Seeded readings at one a second, without a log: the same values for tidemark and for every database it is compared with. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { Random } from "../../src/core/random.ts";
import { ABSENT, type Records } from "../../src/core/records.ts";

/** 2020-01-13 00:00 UTC, seconds: where all series begin. */
export const START_SECOND = Date.UTC(2020, 0, 13) / 1000;
export const DAY_SECONDS = 86_400;
/** Values repeat after so many readings: long past what any cache would notice, and a year then needs no memory. */
const PERIOD = 1 << 20;

/** A sensor's values: codes of so many decimal places, each drawn (`next`) when the one before is known. */
interface Values {
  readonly places: number;
  readonly first: number;
  readonly next: (random: Random, before: number) => number;
}

/** A walk that is drawn back to its centre, in codes of its places. */
function walk(places: number, centre: number, step: number, back: number): Values {
  const scale = 10 ** places;
  const next = (random: Random, before: number): number => {
    const gauss = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    return before + (gauss * step - back * (before / scale - centre)) * scale;
  };
  return { places, first: centre * scale, next };
}

const uniform = (places: number, largest: number): Values => ({
  places,
  first: 0,
  next: (random) => random.integer(0, largest),
});

/** What sensors may measure, from few values to more than a distribution has bins. */
export const VALUE_KINDS = {
  /** 0 to 100. */
  integers: uniform(0, 100),
  /** 0.0 to 100.0. */
  decimals: uniform(1, 1000),
  /** Mains frequency. */
  hertz: walk(4, 50, 0.004, 0.02),
  /** Air pressure. */
  pascal: walk(1, 101_325, 4, 0.0005),
  /** Room temperature. */
  kelvin: walk(3, 293.15, 0.05, 0.001),
  /** 0.00 to 599.99, evenly. */
  "60,000 decimals": uniform(2, 59_999),
} satisfies Record<string, Values>;

/** Of `VALUE_KINDS`. */
export type ValueKind = keyof typeof VALUE_KINDS;

/** A kind's values in a period, their texts one behind the other, and where each begins. All sensors share it, each from a place of its own. */
class Pool {
  readonly bytes: Uint8Array;
  readonly start: Int32Array;
  /** Codes above the smallest. */
  readonly values = new Uint16Array(PERIOD);
  readonly low: number;
  readonly scale: number;

  constructor(kind: ValueKind) {
    const { places, first, next }: Values = VALUE_KINDS[kind];
    const random = new Random(1000);
    const codes = new Int32Array(PERIOD);
    let at = first;
    for (let i = 0; i < PERIOD; i++) codes[i] = Math.round((at = next(random, at)));
    this.scale = 10 ** places;
    this.low = codes.reduce((low, code) => Math.min(low, code));
    const high = codes.reduce((most, code) => Math.max(most, code));
    for (let i = 0; i < PERIOD; i++) this.values[i] = codes[i] - this.low;
    const texts = Array.from({ length: high - this.low + 1 }, (_, i) => ((this.low + i) / this.scale).toFixed(places));
    this.start = new Int32Array(texts.length + 1);
    for (const [i, text] of texts.entries()) this.start[i + 1] = this.start[i] + text.length;
    this.bytes = new Uint8Array(Buffer.from(texts.join(""), "latin1"));
  }
}

const pools = new Map<ValueKind, Pool>();

/** Sensors begin so far apart in the period (a prime). */
const SENSOR_STEP = 104_729;

/** Values of one sensor, by second. */
export class Series {
  readonly #pool: Pool;
  readonly #phase: number;

  constructor(sensor: number, kind: ValueKind) {
    let pool = pools.get(kind);
    if (pool === undefined) pools.set(kind, (pool = new Pool(kind)));
    this.#pool = pool;
    this.#phase = sensor * SENSOR_STEP;
  }

  value(i: number): number {
    const { values, low, scale } = this.#pool;
    return (low + values[(i + this.#phase) % PERIOD]) / scale;
  }

  /** Fills `records` with bare numbers of readings [from, to), a second apart (or `stepMs`), as a log would bring them. @returns their payload's bytes */
  fill(records: Records, from: number, to: number, stepMs = 1000): number {
    const { bytes, start, values } = this.#pool;
    const startMs = START_SECOND * 1000;
    let payload = 0;
    records.reserve(to - from);
    records.count = to - from;
    records.data = bytes;
    records.appendTime = false;
    for (let i = from; i < to; i++) {
      const row = i - from;
      const value = values[(i + this.#phase) % PERIOD];
      records.offset[row] = i;
      records.timestamp[row] = startMs + i * stepMs;
      records.keyStart[row] = ABSENT;
      records.keyEnd[row] = ABSENT;
      records.valueStart[row] = start[value];
      records.valueEnd[row] = start[value + 1];
      payload += start[value + 1] - start[value];
    }
    records.nextOffset = to;
    return payload;
  }
}

/** Writes `sensor,second,value` lines of all sensors, sorted, for the databases to load. */
export async function writeCsv(path: string, sensors: number, seconds: number): Promise<void> {
  const file = createWriteStream(path);
  for (let sensor = 0; sensor < sensors; sensor++) {
    const series = new Series(sensor, "integers");
    for (let i = 0; i < seconds; ) {
      let chunk = "";
      for (const end = Math.min(seconds, i + 50_000); i < end; i++) {
        chunk += `${sensor},${START_SECOND + i},${series.value(i)}\n`;
      }
      if (!file.write(chunk)) await once(file, "drain");
    }
  }
  file.end();
  await once(file, "close");
}
