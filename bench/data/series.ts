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

/** "integers": 0 to 100. "decimals": 0.0 to 100.0, one place. */
export type ValueKind = "integers" | "decimals";

/** A kind's values in a period, their texts one behind the other, and where each begins. All sensors share it, each from a place of its own. */
class Pool {
  readonly bytes: Uint8Array;
  readonly start: Int32Array;
  readonly values = new Uint16Array(PERIOD);

  constructor(kind: ValueKind) {
    const texts = Array.from({ length: kind === "integers" ? 101 : 1001 }, (_, i) =>
      kind === "integers" ? String(i) : (i / 10).toFixed(1),
    );
    this.start = new Int32Array(texts.length + 1);
    for (const [i, text] of texts.entries()) this.start[i + 1] = this.start[i] + text.length;
    this.bytes = new Uint8Array(Buffer.from(texts.join(""), "latin1"));
    const random = new Random(1000);
    for (let i = 0; i < PERIOD; i++) this.values[i] = random.integer(0, texts.length - 1);
  }
}

const pools = new Map<ValueKind, Pool>();

/** Sensors begin so far apart in the period (a prime). */
const SENSOR_STEP = 104_729;

/** Values of one sensor, by second. */
export class Series {
  readonly #pool: Pool;
  readonly #phase: number;
  readonly #scale: number;

  constructor(sensor: number, kind: ValueKind) {
    let pool = pools.get(kind);
    if (pool === undefined) pools.set(kind, (pool = new Pool(kind)));
    this.#pool = pool;
    this.#phase = sensor * SENSOR_STEP;
    this.#scale = kind === "integers" ? 1 : 10;
  }

  value(i: number): number {
    return this.#pool.values[(i + this.#phase) % PERIOD] / this.#scale;
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
