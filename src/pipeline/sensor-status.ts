/** What a pipeline knows of a sensor, gathered from its parts: `Engine.status`. */
import type { SensorStatus } from "../engine/engine.ts";
import type { Hints } from "./hints.ts";
import type { Series } from "./sensors.ts";
import type { Standstills } from "./standstills.ts";
import type { State } from "./state.ts";
import type { Unread } from "./unread.ts";

/** Who knows. */
interface Parts {
  readonly state: State;
  readonly unread: Unread;
  readonly standstills: Standstills;
  readonly hints: Hints;
  readonly nowMs: number;
}

/** O(partitions that feed it). */
export function statusOf(sensor: Series, { state, unread, standstills, hints, nowMs }: Parts): SensorStatus {
  const { totals } = sensor;
  const { identities, sources, deviceSeries } = state;
  const feeding = sources.feeding(sensor);
  const heard = identities.completeUntil(sensor.id, nowMs);
  const mark = Math.min(heard, unread.limit(feeding));
  return {
    sensor: sensor.name,
    followed: sensor.followed,
    totals: totals.snapshot(),
    completeUntil: Number.isFinite(mark) ? mark : null,
    ...totals.span,
    lastArrival: sensor.lastArrival,
    devices: identities.devicesOf(sensor.id),
    deviceSeries: deviceSeries.countOf(sensor),
    simulatedDevices: identities.simulatedDevicesOf(sensor.id),
    stuckDevices: identities.stuckDevicesOf(sensor.id),
    identities: totals.identities(),
    lag: unread.lag(feeding),
    standstills: standstills.of(feeding),
    ...hints.of(sensor),
  };
}
