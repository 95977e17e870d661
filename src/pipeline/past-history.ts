/** The history as it was at a revision: the `Past` of this process. */
import { TidemarkError } from "../core/errors.ts";
import { formatMs } from "../core/time.ts";
import { EVER, type Window } from "../core/window.ts";
import type { Past, Revised } from "../engine/past.ts";
import type { Needs } from "../metrics/aggregate.ts";
import type { Answer } from "../metrics/answer.ts";
import type { History } from "../rollups/history.ts";
import type { Revision } from "../rollups/revisions.ts";
import type { Sensors } from "./sensors.ts";
import type { State } from "./state.ts";

/** Asks the history of this process. */
export class PastHistory implements Past {
  readonly #history: History;
  readonly #at: Revision;
  readonly #sensors: Sensors;
  /** Asks, and ends the pipeline where that tears it. */
  readonly #guarded: <T>(ask: () => T) => T;

  /** @throws TidemarkError "revision-gone" */
  constructor({ history, sensors }: State, ms: number, guarded: <T>(ask: () => T) => T) {
    this.#history = history;
    this.#at = history.revisions.at(ms);
    this.#sensors = sensors;
    this.#guarded = guarded;
  }

  #idOf(sensor: string, device?: string): number {
    if (device !== undefined) {
      const what = `Cannot answer for device "${device}" of "${sensor}" as of ${formatMs(this.revision)}`;
      throw new TidemarkError("request-invalid", `${what}: expected the sensor as a whole, or no asOf`);
    }
    const found = this.#sensors.find(sensor);
    if (found === undefined) throw new Error(`BUG: sensor "${sensor}" was never opened`);
    return found.id;
  }

  get revision(): number {
    return this.#at.ms;
  }

  query(sensor: string, window: Window, needs: Needs, device?: string): Answer {
    const id = this.#idOf(sensor, device);
    return this.#guarded(() => this.#history.queryPast(id, window, needs, this.#at));
  }

  /** What `--keep` deleted since counts as there: a window without a `from` would begin with it. */
  span(sensor: string, device?: string) {
    const id = this.#idOf(sensor, device);
    const expired = this.#history.revisions.expiredSince(this.#at, id);
    const kept = { ...EVER, start: expired?.end ?? EVER.start };
    const needs = { sums: false, quantiles: false };
    const { count, firstTime, lastTime } = this.#guarded(() => {
      return this.#history.queryPast(id, kept, needs, this.#at).aggregate;
    });
    if (count === 0) return { firstTime: null, lastTime: null };
    return { firstTime: expired === null ? firstTime : expired.start * 1000, lastTime };
  }

  revised(sensor: string, window: Window): Revised {
    const id = this.#idOf(sensor);
    return this.#guarded(() => this.#history.revised(id, window, this.#at));
  }
}
