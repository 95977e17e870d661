/** `completeUntil` of a sensor: the smallest newest event time over the devices heard from in the last minute. It informs, and discards nothing. */
import { ACTIVE_DEVICE_MS } from "../core/limits.ts";
import { DEVICE_CELLS, HEARD_AT, ID, NEWEST } from "./device-columns.ts";
import type { Devices } from "./devices.ts";

/** With more resident devices than this, active or not, the mark is recomputed after that many readings, not whenever it may have moved. */
const EXACT_DEVICES_MAX = 1000;
const READINGS_BETWEEN = 65_536;

/** The mark of one sensor, kept while its devices are heard. */
export class Watermark {
  readonly #devices: Devices;
  readonly #sensor: number;
  /** The device that held the mark when it was last computed, and the mark then. The true mark lies between it and that device's newest time. */
  #slot = -1;
  #floor = Number.NEGATIVE_INFINITY;
  /** Devices that the last look-up went through. */
  #scanned = 0;
  #readings = 0;
  /** The newest event time read from partitions that are not read to their end yet; Infinity when there is none. */
  unreadLimit = Number.POSITIVE_INFINITY;

  constructor(devices: Devices, sensor: number) {
    this.#devices = devices;
    this.#sensor = sensor;
  }

  /** The mark now, ms; null before the first reading. O(devices). */
  now(nowMs: number): number | null {
    this.#lookUp(nowMs);
    const mark = Math.min(this.#floor, this.unreadLimit);
    return Number.isFinite(mark) ? mark : null;
  }

  /** Whether a reading of that event time is late as it arrives. Amortised O(1). */
  isLate(time: number, nowMs: number): boolean {
    if (time >= this.unreadLimit || this.#slot < 0) return false;
    this.#readings++;
    if (
      time >= this.#devices.cells[this.#slot * DEVICE_CELLS + NEWEST] &&
      this.#devices.cells[this.#slot * DEVICE_CELLS + ID] !== 0
    )
      return false;
    if (time < this.#floor && this.#floor !== Number.POSITIVE_INFINITY) return true;
    if (this.#scanned > EXACT_DEVICES_MAX && this.#readings < READINGS_BETWEEN) return false;
    this.#lookUp(nowMs);
    return time < this.#floor && this.#slot >= 0;
  }

  /** A silent device was heard from, or a device has its first counted reading: it may hold the mark. */
  joined(slot: number): void {
    const newest = this.#devices.cells[slot * DEVICE_CELLS + NEWEST];
    if (newest === Number.NEGATIVE_INFINITY) return;
    if (this.#slot < 0 || newest < this.#floor) {
      this.#slot = slot;
      this.#floor = newest;
    }
  }

  #lookUp(nowMs: number): void {
    const { cells, slotsOf } = this.#devices;
    let slot = -1;
    let floor = Number.POSITIVE_INFINITY;
    let active = 0;
    const slots = slotsOf.get(this.#sensor) ?? [];
    for (const candidate of slots) {
      const newest = cells[candidate * DEVICE_CELLS + NEWEST];
      const heardAt = cells[candidate * DEVICE_CELLS + HEARD_AT];
      // Heard after now: the clock was set back since.
      if (Math.abs(nowMs - heardAt) > ACTIVE_DEVICE_MS || newest === Number.NEGATIVE_INFINITY) continue;
      active++;
      if (newest < floor) {
        floor = newest;
        slot = candidate;
      }
    }
    this.#readings = 0;
    this.#scanned = slots.length;
    // With no device heard from, the mark stays.
    if (active === 0) return;
    this.#slot = slot;
    this.#floor = floor;
  }
}
