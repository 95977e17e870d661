/** Which devices to evict: those heard from longest ago, estimated from a sample. */
import { DEVICE_CELLS, HEARD_AT } from "./device-columns.ts";

/** Devices in the sample. */
const SAMPLED_DEVICES_MAX = 4096;

type SlotsOf = ReadonlyMap<number, readonly number[]>;

/**
 * About `count` slots of the `total` in `slotsOf`: those that are idle longest.
 * O(total), without sorting them.
 */
export function idlestSlots(slotsOf: SlotsOf, cells: Float64Array, total: number, count: number): number[] {
  const limit = heardBefore(slotsOf, cells, total, count / total);
  const idle: number[] = [];
  const edge: number[] = [];
  for (const slots of slotsOf.values()) {
    for (const slot of slots) {
      const heard = cells[slot * DEVICE_CELLS + HEARD_AT];
      if (heard < limit) idle.push(slot);
      else if (heard === limit) edge.push(slot);
    }
  }
  while (idle.length < count && edge.length > 0) idle.push(edge.pop() ?? 0);
  return idle;
}

/** The time before which about that share of the devices was last heard from. */
function heardBefore(slotsOf: SlotsOf, cells: Float64Array, total: number, part: number): number {
  const step = Math.ceil(total / SAMPLED_DEVICES_MAX);
  const heard: number[] = [];
  let i = 0;
  for (const slots of slotsOf.values()) {
    for (const slot of slots) if (i++ % step === 0) heard.push(cells[slot * DEVICE_CELLS + HEARD_AT]);
  }
  const sorted = Float64Array.from(heard).sort();
  return sorted[Math.min(sorted.length, Math.ceil(part * sorted.length)) - 1];
}
