/** The mark of a sensor: the smallest newest event time over the devices heard from in the last minute. It informs, and discards nothing. */
import { ACTIVE_DEVICE_MS } from "../core/limits.ts";
import { DEVICE_CELLS, HEARD_AT, NEWEST } from "./device-columns.ts";
import type { Devices } from "./devices.ts";

/** The mark, ms; while nobody is heard from it stays what it was when somebody last was. Infinity when nobody ever was. O(devices). */
export function completeUntil(devices: Devices, sensor: number, nowMs: number): number {
  const mark = markAt(devices, sensor, nowMs);
  return Number.isFinite(mark) ? mark : markAt(devices, sensor, lastHeard(devices, sensor));
}

function markAt({ cells, slotsOf }: Devices, sensor: number, nowMs: number): number {
  let mark = Number.POSITIVE_INFINITY;
  for (const slot of slotsOf.get(sensor) ?? []) {
    const newest = cells[slot * DEVICE_CELLS + NEWEST];
    const heardAt = cells[slot * DEVICE_CELLS + HEARD_AT];
    // Heard after now: the clock was set back since.
    if (Math.abs(nowMs - heardAt) > ACTIVE_DEVICE_MS || newest === Number.NEGATIVE_INFINITY) continue;
    if (newest < mark) mark = newest;
  }
  return mark;
}

function lastHeard({ cells, slotsOf }: Devices, sensor: number): number {
  let last = Number.NEGATIVE_INFINITY;
  for (const slot of slotsOf.get(sensor) ?? []) {
    const isCounted = cells[slot * DEVICE_CELLS + NEWEST] !== Number.NEGATIVE_INFINITY;
    if (isCounted) last = Math.max(last, cells[slot * DEVICE_CELLS + HEARD_AT]);
  }
  return last;
}
