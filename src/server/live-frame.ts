/** What the live stream shows of each sensor (docs/formats/live.md), read from the engine. */
import type { Clock } from "../core/clock.ts";
import { RESOLUTION_MS, type Window } from "../core/window.ts";
import type { Engine } from "../engine/engine.ts";
import type { Aggregate, Needs } from "../metrics/aggregate.ts";

/** Seconds of the sparkline and of the last minute. */
const MINUTE = 60;

const SUMS: Needs = { sums: true, quantiles: false };

interface Moments {
  readonly count: number;
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

const NOTHING: Moments = { count: 0, mean: null, min: null, max: null };

/** A sensor's means of the last minute: read anew once a second, within it only its newest seconds are. */
interface Spark {
  readonly means: (number | null)[];
  /** The second after the last of `means`. */
  end: number;
}

/** A sensor's part of a frame. */
export interface LiveRow {
  readonly text: string;
  /** The running second that it was made in. */
  readonly second: number;
  /** Whether its last minute holds a reading, so that it changes by itself. */
  readonly moving: boolean;
}

/** Makes and keeps the texts of the sensors, for all clients together. */
export class LiveRows {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #sparks = new Map<string, Spark>();
  readonly #rows = new Map<string, LiveRow>();

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** The last row that was made of a sensor. */
  kept(sensor: string): LiveRow | undefined {
    return this.#rows.get(sensor);
  }

  /** The running second. */
  get second(): number {
    return Math.floor(this.#clock.now() / RESOLUTION_MS);
  }

  /** Makes a sensor's row from what is counted now. Some tens of microseconds; a few hundred when a second has begun. */
  make(sensor: string): LiveRow {
    const nowMs = this.#clock.now();
    const second = Math.floor(nowMs / RESOLUTION_MS);
    const status = this.#engine.status(sensor);
    const { totals, firstTime, lastTime } = status;
    const all =
      firstTime === null || lastTime === null
        ? NOTHING
        : this.#moments(sensor, {
            start: Math.floor(firstTime / RESOLUTION_MS),
            end: Math.floor(lastTime / RESOLUTION_MS) + 1,
          });
    const minute = this.#moments(sensor, { start: second + 1 - MINUTE, end: second + 1 });
    const text = JSON.stringify({
      sensor,
      ...all,
      last: status.lastValue,
      lastTime,
      ageMs: lastTime === null ? null : nowMs - lastTime,
      rate: minute.count / MINUTE,
      minute,
      spark: this.#spark(sensor, second + 1),
      completeUntil: status.completeUntil,
      ...totals,
      lag: status.lag,
      devices: status.devices,
      stuckDevices: status.stuckDevices,
    });
    const row = { text, second, moving: minute.count > 0 };
    this.#rows.set(sensor, row);
    return row;
  }

  /** `data` of an event that holds these rows. */
  data(rows: readonly string[]): string {
    const head = JSON.stringify({
      time: this.#clock.now(),
      trouble: this.#engine.trouble,
      sensorsTotal: this.#engine.sensors.list().reduce((total, { followed }) => total + Number(followed), 0),
    });
    return `${head.slice(0, -1)},"sensors":[${rows.join(",")}]}`;
  }

  #moments(sensor: string, window: Window): Moments {
    return momentsOf(this.#engine.query(sensor, window, SUMS));
  }

  #spark(sensor: string, end: number): readonly (number | null)[] {
    const spark = this.#sparks.get(sensor);
    if (spark === undefined || spark.end !== end) {
      const means = Array.from({ length: MINUTE }, (_, i) => this.#mean(sensor, end - MINUTE + i));
      this.#sparks.set(sensor, { means, end });
      return means;
    }
    // Readings nearly always come for the running second or the one before.
    for (let i = MINUTE - 2; i < MINUTE; i++) spark.means[i] = this.#mean(sensor, end - MINUTE + i);
    return spark.means;
  }

  #mean(sensor: string, second: number): number | null {
    return this.#engine.query(sensor, { start: second, end: second + 1 }, SUMS).mean();
  }
}

function momentsOf(aggregate: Aggregate): Moments {
  const { count, min, max } = aggregate;
  return count === 0 ? NOTHING : { count, mean: aggregate.mean(), min, max };
}
