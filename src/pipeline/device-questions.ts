/** What a question about devices is answered from. */
import { TidemarkError } from "../core/errors.ts";
import { inSlices } from "../core/slices.ts";
import type { DeviceStatus, SensorSpan } from "../engine/engine.ts";
import type { KnownDevice, RankQuery } from "../identity/identities.ts";
import type { DeviceOwn } from "./device-rows.ts";
import type { Series } from "./sensors.ts";
import type { State } from "./state.ts";

/** Reads the state; changes nothing. */
export class DeviceQuestions {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** @returns null: nothing was heard of it */
  find(sensor: Series, device: string): DeviceStatus | null {
    const known = this.#state.identities.device(sensor.id, device);
    return known === null ? null : this.#statusOf(sensor, known);
  }

  /** By the bytes of their names. */
  list(sensor: Series, { after, limit }: { after?: string; limit: number }): DeviceStatus[] {
    const known = this.#state.identities.listDevices(sensor.id, after ?? null, limit);
    return known.map((device) => this.#statusOf(sensor, device));
  }

  /** In the order of a number. O(devices); lets others run in between. */
  async rank(sensor: Series, query: RankQuery): Promise<DeviceStatus[]> {
    const known = await inSlices(this.#state.identities.rankDevices(sensor.id, query));
    return known.map((device) => this.#statusOf(sensor, device));
  }

  #statusOf(sensor: Series, { id, name, ...known }: KnownDevice): DeviceStatus {
    const own = this.#state.deviceSeries.ofDevice(sensor, id);
    return { device: name, ...known, hasSeries: own !== null, since: own?.since ?? null };
  }

  /** Its series. @throws TidemarkError "no-device-series" */
  ownOf(sensor: Series, device: string): DeviceOwn {
    return this.#own(sensor, device).own;
  }

  /** What its series spans. @throws TidemarkError "no-device-series" */
  span(sensor: Series, device: string): SensorSpan {
    const { firstTime, lastTime, lastValue } = this.#own(sensor, device).known;
    return {
      // Of what older versions counted the first is not known; of a device whose readings were all deleted there is none.
      firstTime: lastTime === null ? null : (firstTime ?? sensor.totals.span.firstTime),
      lastTime,
      lastValue,
      keptSince: sensor.totals.span.keptSince,
    };
  }

  #own(sensor: Series, device: string): { readonly own: DeviceOwn; readonly known: KnownDevice } {
    const known = this.#state.identities.device(sensor.id, device);
    const own = known === null ? null : this.#state.deviceSeries.ofDevice(sensor, known.id);
    if (known !== null && own !== null) return { own, known };
    const { deviceSeries } = this.#state.bounds;
    let why = "it was never heard from";
    if (known !== null) {
      why =
        deviceSeries === 0
          ? "devices have none (device-series is 0)"
          : `${deviceSeries} devices of a sensor have one at most, and it came later`;
      if (known.readings === 0) why = "none of its readings was counted yet";
      else if (known.name === "") why = "readings without a device have none";
    }
    throw new TidemarkError(
      "no-device-series",
      `Cannot answer for device "${device}" of "${sensor.name}": it has no series of its own, as ${why}`,
    );
  }
}
