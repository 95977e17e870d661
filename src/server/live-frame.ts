/** What the live stream shows of each sensor (docs/formats/live.md), read from the engine. */
import type { Clock } from "../core/clock.ts";
import { ACTIVE_DEVICE_MS } from "../core/limits.ts";
import { overlap, RESOLUTION_MS, type Window } from "../core/window.ts";
import type { CausedRange } from "../engine/change.ts";
import type { Engine, SensorStatus } from "../engine/engine.ts";
import type { Aggregate, Needs } from "../metrics/aggregate.ts";
import { LIVE_TICK_MS } from "./limits.ts";

/** Seconds of the sparkline and of the last minute. */
const MINUTE = 60;

/** So long after its last arrival a sensor stands still: `completeUntil` hears devices for a minute. A tick is in it. */
const SETTLED_MS = ACTIVE_DEVICE_MS + 2 * LIVE_TICK_MS;

const SUMS: Needs = { sums: true, quantiles: false };

interface Moments {
  readonly count: number;
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

const NOTHING: Moments = { count: 0, mean: null, min: null, max: null };

/** What a row was made from: what has not changed since is not asked for again. */
interface Figures {
  readonly all: Moments;
  readonly minute: Moments;
  /** Means of the seconds of the last minute. */
  readonly means: readonly (number | null)[];
}

/** A sensor's part of a frame. */
export interface LiveRow {
  /** Of JSON; what depends on the event that it is sent in, and the closing brace, come behind it (`finish`). */
  readonly text: string;
  readonly lastTime: number | null;
  /** The running second that it was made in. */
  readonly second: number;
  /** Whether it changes by itself, as time passes. */
  readonly moving: boolean;
}

/** Makes and keeps the texts of the sensors, for all clients together. */
export class LiveRows {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #rows = new Map<string, LiveRow & Figures>();

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

  /** Forgets all rows: nobody watches. */
  forget(): void {
    this.#rows.clear();
  }

  /**
   * Makes a sensor's row. Some tens of microseconds; a few hundred when it is made for the first time.
   * @param changed the seconds whose readings changed since its last row was made; null: none
   */
  make(sensor: string, changed: Window | null): LiveRow {
    const nowMs = this.#clock.now();
    const second = Math.floor(nowMs / RESOLUTION_MS);
    const status = this.#engine.status(sensor);
    const { totals, lastTime } = status;
    const before = this.#rows.get(sensor);
    const window = { start: second + 1 - MINUTE, end: second + 1 };
    const all = before !== undefined && changed === null ? before.all : this.#ever(sensor, status);
    const isSame = before?.second === second && (changed === null || !overlap(changed, window));
    const minute = isSame ? before.minute : this.#moments(sensor, window);
    const means = isSame ? before.means : this.#means(sensor, window, before, changed);
    const text = JSON.stringify({
      sensor,
      ...all,
      last: status.lastValue,
      lastTime,
      rate: minute.count / MINUTE,
      minute,
      spark: means,
      completeUntil: status.completeUntil,
      ...totals,
      lag: status.lag,
      devices: status.devices,
      stuckDevices: status.stuckDevices,
    }).slice(0, -1);
    const isHeard = status.lastArrival !== null && nowMs - status.lastArrival < SETTLED_MS;
    const moving = minute.count > 0 || status.lag > 0 || isHeard;
    const row = { text, lastTime, second, moving, all, minute, means };
    this.#rows.set(sensor, row);
    return row;
  }

  /** A row as the events of this time have it. @param ranges what of the sensor changed, for whoever is told */
  finish({ text, lastTime }: LiveRow, time: number, ranges: readonly CausedRange[]): string {
    const changes = ranges.map(({ cause, seconds: { start, end } }) => {
      return { cause, from: start * RESOLUTION_MS, toExclusive: end * RESOLUTION_MS };
    });
    return `${text},"ageMs":${lastTime === null ? null : time - lastTime},"changes":${JSON.stringify(changes)}}`;
  }

  /** All that the history holds. */
  #ever(sensor: string, { firstTime, lastTime }: SensorStatus): Moments {
    if (firstTime === null || lastTime === null) return NOTHING;
    const start = Math.floor(firstTime / RESOLUTION_MS);
    return this.#moments(sensor, { start, end: Math.floor(lastTime / RESOLUTION_MS) + 1 });
  }

  #moments(sensor: string, window: Window): Moments {
    return momentsOf(this.#engine.query(sensor, window, SUMS).aggregate);
  }

  /** Means of the window's seconds: those that the last row had and that nothing changed are taken from it. */
  #means(
    sensor: string,
    { start, end }: Window,
    before: (LiveRow & Figures) | undefined,
    changed: Window | null,
  ): readonly (number | null)[] {
    const means: (number | null)[] = [];
    const shift = before === undefined ? MINUTE : end - 1 - before.second;
    for (let second = start; second < end; second++) {
      const kept = before?.means[second - start + shift];
      const hasChanged = changed !== null && second >= changed.start && second < changed.end;
      means.push(kept === undefined || hasChanged ? this.#mean(sensor, second) : kept);
    }
    return means;
  }

  #mean(sensor: string, second: number): number | null {
    return this.#engine.query(sensor, { start: second, end: second + 1 }, SUMS).aggregate.mean();
  }
}

function momentsOf(aggregate: Aggregate): Moments {
  const { count, min, max } = aggregate;
  return count === 0 ? NOTHING : { count, mean: aggregate.mean(), min, max };
}
