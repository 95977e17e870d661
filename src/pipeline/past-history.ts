/** The history as it was at a revision: the `Past` of this process. */
import { TidemarkError } from "../core/errors.ts";
import { formatMs } from "../core/time.ts";
import { EVER, type Window } from "../core/window.ts";
import type { DevicesThen, Past, Revised } from "../engine/past.ts";
import type { Needs } from "../metrics/aggregate.ts";
import type { Answer } from "../metrics/answer.ts";
import type { Revision } from "../rollups/revisions.ts";
import type { DeviceQuestions } from "./device-questions.ts";
import type { DeviceOwn } from "./device-rows.ts";
import type { Series } from "./sensors.ts";
import type { State } from "./state.ts";

/** Which series was asked for then. */
interface Place {
  readonly series: number;
  readonly sensor: number;
}

/**
 * Asks the history of this process. A device's series was its sensor's before it was forked, which is asked then; readings that wait to be
 * folded came after the last revision, so nothing has to be folded for an answer.
 */
export class PastHistory implements Past {
  readonly #state: State;
  readonly #at: Revision;
  readonly #devices: DeviceQuestions;
  readonly moment: number;
  /** Asks, and ends the pipeline where that tears it. */
  readonly #guarded: <T>(ask: () => T) => T;

  /** @throws TidemarkError "revision-gone" */
  constructor(state: State, devices: DeviceQuestions, ms: number, guarded: <T>(ask: () => T) => T) {
    this.#state = state;
    this.#at = state.history.revisions.at(ms);
    this.moment = Math.min(ms, state.history.revisions.until);
    this.#devices = devices;
    this.#guarded = guarded;
  }

  get revision(): number {
    return this.#at.ms;
  }

  #sensor(name: string): Series {
    const found = this.#state.sensors.find(name);
    if (found === undefined) throw new Error(`BUG: sensor "${name}" was never opened`);
    return found;
  }

  /** @throws TidemarkError "no-device-series" where it had none then */
  #ownOf(sensor: Series, device: string): DeviceOwn {
    const own = this.#devices.ownOf(sensor, device);
    if (own.began <= this.#at.ms) return own;
    const what = `Cannot answer for device "${device}" of "${sensor.name}" as of ${formatMs(this.revision)}`;
    throw new TidemarkError("no-device-series", `${what}: it had no series of its own then`);
  }

  #placeOf(name: string, device?: string): Place {
    const sensor = this.#sensor(name);
    if (device === undefined) return { series: sensor.id, sensor: sensor.id };
    const own = this.#ownOf(sensor, device);
    if (own.series === sensor.id || (own.forked !== null && this.#at.ms < own.forked)) {
      return { series: sensor.id, sensor: sensor.id };
    }
    this.#state.history.revisions.requireDevices(this.#at);
    return { series: own.series, sensor: sensor.id };
  }

  requireSeries(sensor: string, device: string): void {
    this.#placeOf(sensor, device);
  }

  query(name: string, window: Window, needs: Needs, device?: string): Answer {
    const { series, sensor } = this.#placeOf(name, device);
    return this.#guarded(() => this.#state.history.queryPast(series, window, needs, this.#at, sensor));
  }

  /** What `--keep` deleted since counts as there: a window without a `from` would begin with it. */
  span(name: string, device?: string) {
    const { series, sensor } = this.#placeOf(name, device);
    const { history } = this.#state;
    const expired = history.revisions.expiredSince(this.#at, sensor);
    const kept = { ...EVER, start: expired?.end ?? EVER.start };
    const needs = { sums: false, quantiles: false };
    const { count, firstTime, lastTime } = this.#guarded(() => {
      return history.queryPast(series, kept, needs, this.#at, sensor).aggregate;
    });
    if (count === 0) return { firstTime: null, lastTime: null };
    return { firstTime: expired === null ? firstTime : expired.start * 1000, lastTime };
  }

  revised(name: string, window: Window, device?: string): Revised {
    const { history, deviceSeries } = this.#state;
    const sensor = this.#sensor(name);
    const own = device === undefined ? null : this.#ownOf(sensor, device);
    if (own === null || own.series === sensor.id) {
      return this.#guarded(() => history.revised(sensor.id, window, this.#at));
    }
    const forked = own.forked ?? Number.NEGATIVE_INFINITY;
    // From the fork on what changed is noted with its own pages.
    if (Number.isFinite(own.forked ?? 0)) history.revisions.requireDevices({ ms: Math.max(this.#at.ms, forked - 1) });
    return this.#guarded(() => {
      deviceSeries.settle(own.series);
      return history.revised(own.series, window, this.#at, sensor.id, forked);
    });
  }

  devices(name: string): DevicesThen {
    const sensor = this.#sensor(name);
    const { identities, deviceSeries, history } = this.#state;
    const last = history.revisions.devicesAt(this.#at) ?? Number.POSITIVE_INFINITY;
    const withSeries = deviceSeries.all(sensor).filter(({ began }) => began <= this.#at.ms);
    const numbers = new Set(withSeries.map(({ device }) => device));
    return {
      withoutSeries: identities.devicesUpTo(sensor.id, last) - numbers.size,
      hadSeries: (device) => numbers.has(identities.device(sensor.id, device)?.id ?? 0),
    };
  }
}
