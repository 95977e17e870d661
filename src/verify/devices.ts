/** Checks what a history says of its devices: counts against the sensor's totals, and the pages of those that have a series of their own. */
import type { Identities, KnownDevice } from "../identity/identities.ts";
import type { RemovedSeries } from "../pipeline/removed.ts";
import type { Database } from "../store/database.ts";
import { Climb } from "./climb.ts";
import type { Tell } from "./differences.ts";
import { checkRemoved, type Held } from "./removed.ts";
import { ofDevice, type StoredDeviceSeries, type StoredSensor } from "./stored.ts";

/** Devices read at once. */
const DEVICES_AT_ONCE = 500;

/** Counts that add up to those of the sensor. */
const SUMS = [
  ["readings", "counted"],
  ["duplicates", "duplicates"],
  ["conflicts", "conflicts"],
  ["late", "late"],
  ["heldBack", "quarantined"],
] as const;

/** What is checked. */
interface DevicesCheck {
  readonly db: Database;
  readonly identities: Identities;
  readonly sensor: StoredSensor;
  readonly own: readonly StoredDeviceSeries[];
  readonly removed: readonly RemovedSeries[];
  /** Pages of level 0 that are to be others. */
  readonly changed: ReadonlyMap<number, Uint8Array | null>;
  readonly repairs: Map<number, Uint8Array | null>;
  readonly tell: Tell;
}

/** All devices of a sensor. Yields after each page of seconds. */
export function* checkDevices(check: DevicesCheck): Generator<void> {
  const { db, identities, sensor, own, changed, repairs, tell } = check;
  const held = yield* checkRemoved(check, check.removed);
  const isHeld = sensor.totals.deleted === 0 || sensor.totals.keptSince === Number.NEGATIVE_INFINITY;
  const seriesOf = new Map(own.map((series) => [series.device, series]));
  const sums = { readings: 0, duplicates: 0, conflicts: 0, late: 0, heldBack: 0 };
  let areWhole = true;
  for (let after: string | null = null; ; ) {
    const devices = identities.listDevices(sensor.id, after, DEVICES_AT_ONCE);
    for (const device of devices) {
      for (const [field] of SUMS) sums[field] += device[field];
      areWhole &&= device.isWhole;
      const series = seriesOf.get(device.id);
      if (series === undefined) continue;
      const climb = new Climb(db, { ...sensor, id: series.series, device: device.name }, changed, tell);
      yield* climb.run();
      for (const [key, bytes] of climb.repairs) repairs.set(key, bytes);
      if (climb.total === null || held === null) continue;
      if (series.isWhole && device.isWhole && sensor.totals.expired === 0 && isHeld) {
        compareDevice(sensor, device, climb.total, held.get(device.id), tell);
      }
    }
    if (devices.length < DEVICES_AT_ONCE) break;
    after = devices[devices.length - 1].name;
  }
  if (!areWhole) return;
  for (const [field, total] of SUMS) {
    if (sums[field] === sensor.totals[total]) continue;
    const [stored, expected] = [`${sensor.totals[total]}`, `${sums[field]}, the sum of its devices`];
    tell({ proof: "parts", sensor: sensor.name, what: `total "${total}"`, second: null, stored, expected });
  }
}

function compareDevice(
  sensor: StoredSensor,
  device: KnownDevice,
  total: NonNullable<Climb["total"]>,
  held: Held | undefined,
  tell: Tell,
): void {
  const of = ofDevice({ device: device.name });
  const isEmpty = total.count === 0;
  const [count, late] = [total.count + (held?.count ?? 0), total.late + (held?.late ?? 0)];
  const pairs = [
    ["readings", device.readings, count],
    ["late", device.late, late],
    ["firstTime", device.firstTime, isEmpty ? null : total.firstTime],
    ["lastTime", device.lastTime, isEmpty ? null : total.lastTime],
    ["lastValue", device.lastValue, isEmpty ? null : total.lastValue],
  ] as const;
  for (const [what, stored, expected] of pairs) {
    if (stored === expected) continue;
    const text = `${expected}, by its pages`;
    tell({
      proof: "parts",
      sensor: sensor.name,
      what: `"${what}"${of}`,
      second: null,
      stored: `${stored}`,
      expected: text,
    });
  }
}
