/**
 * Identity of readings: the device that sent each, and whether it was counted before. The room's façade: the pipeline imports only this
 * file. Behind it: devices with their edges, boots, seen blocks, explicit ids, values of recent identities, and how all that is stored.
 */
import { Names } from "../core/names.ts";
import type { Readings } from "../core/readings.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { Boots } from "./boots.ts";
import { Deltas } from "./deltas.ts";
import {
  CONFLICTS,
  DEVICE_COUNTS,
  DUPLICATES,
  FIRST_TIME,
  HELD_BACK,
  LAST_TIME,
  LAST_VALUE,
  LATE_READINGS,
  READINGS,
} from "./device-columns.ts";
import { DeviceDirectory, type KnownDevice, type RankQuery } from "./device-directory.ts";
import { Devices } from "./devices.ts";
import { ExplicitIds } from "./explicit-ids.ts";
import { Identity } from "./identity.ts";
import { SeenPairs } from "./seen-pairs.ts";
import { SeenStore } from "./seen-store.ts";
import { ValueMemory } from "./value-memory.ts";
import { completeUntil } from "./watermark.ts";

export {
  CONFLICTS,
  DEVICE_CELLS,
  DEVICE_COUNTS,
  DUPLICATES,
  FIRST_TIME,
  HEARD_AT,
  HELD_BACK,
  ID,
  LAST_TIME,
  NEWEST,
  READINGS,
  SERIES,
  SERIES_FRESH,
  SERIES_NONE,
} from "./device-columns.ts";
export type { KnownDevice, RankQuery } from "./device-directory.ts";
export { CONFLICT, NEW } from "./identity.ts";

/** About the bytes that a boot and an explicit id take in memory until they are committed. */
const BOOT_BYTES = 150;
const ID_BYTES = 120;

/** What a sensor's totals say of its only device. */
interface AdoptedCounts {
  readonly counted: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly late: number;
  readonly quarantined: number;
  readonly firstTime: number;
  readonly lastTime: number;
  readonly lastValue: number;
}

/** How much stays in memory. */
interface IdentityBounds {
  readonly residentDevices: number;
  readonly bootNames: number;
  readonly seenBytes: number;
  readonly rememberedValues: number;
}

/** Everything that tells a reading from its duplicates. */
export class Identities implements CommitPart {
  readonly deviceNames = new Names();
  readonly bootNames = new Names();
  /** The columns of the devices, read and written by the loop over the rows. */
  readonly devices: Devices;
  readonly #bounds: IdentityBounds;
  readonly #seen: SeenStore;
  readonly #pairs: SeenPairs;
  readonly #boots: Boots;
  readonly #ids: ExplicitIds;
  readonly #identity: Identity;
  readonly #deltas: Deltas;
  readonly #directory: DeviceDirectory;
  /** Devices that the commit writes whole, so that they can be evicted after it. */
  #idle: readonly number[] = [];

  constructor(db: Database, bounds: IdentityBounds) {
    this.#bounds = bounds;
    this.#seen = new SeenStore(db, bounds.seenBytes);
    this.devices = new Devices(db, this.#seen, this.deviceNames, bounds.residentDevices);
    this.#pairs = new SeenPairs(db, bounds.seenBytes);
    this.#boots = new Boots(db, this.bootNames);
    this.#ids = new ExplicitIds(db);
    const { devices, bootNames } = this;
    const stores = {
      seen: this.#seen,
      pairs: this.#pairs,
      ids: this.#ids,
      values: new ValueMemory(bounds.rememberedValues),
    };
    this.#identity = new Identity(devices, this.#boots, stores, bootNames);
    // Last: it restores the devices as of the last commit.
    this.#deltas = new Deltas(db, devices);
    this.#directory = new DeviceDirectory(db, devices);
  }

  /**
   * Classifies row i, whose device is resident, and marks its identity as seen.
   * @returns NEW, DUPLICATE, or CONFLICT (a duplicate whose first value is remembered and another)
   */
  classify(readings: Readings, i: number, sensor: number): number {
    return this.#identity.classify(readings, i, sensor);
  }

  /** Implicit boots started by the last `classify` (0 or 1); a device's first does not count. */
  get startedBoots(): number {
    return this.#identity.startedBoots;
  }

  /** How far the devices of a sensor have come, ms; Infinity when none was heard from. O(devices). */
  completeUntil(sensor: number, nowMs: number): number {
    return completeUntil(this.devices, sensor, nowMs);
  }

  /** Devices ever heard of by a sensor. */
  devicesOf(sensor: number): number {
    return this.devices.known.get(sensor) ?? 0;
  }

  /** Those of them whose rows have numbers up to `last`: they are given in the order in which devices are first heard of. O(devices). */
  devicesUpTo(sensor: number, last: number): number {
    return last + 1 < this.devices.nextId ? this.#directory.countUpTo(sensor, last) : this.devicesOf(sensor);
  }

  /** Those of them that are simulated. */
  simulatedDevicesOf(sensor: number): number {
    return this.devices.simulated.get(sensor) ?? 0;
  }

  /** The only device of a sensor, in a history from before devices were counted, has the sensor's counts. @param id of its row */
  adoptCounts(id: number, totals: AdoptedCounts): void {
    const { devices } = this;
    const slot = devices.loadById(id);
    const at = slot * DEVICE_COUNTS;
    if (devices.counts[at + FIRST_TIME] !== Number.NEGATIVE_INFINITY) return;
    devices.counts[at + READINGS] = totals.counted;
    devices.counts[at + DUPLICATES] = totals.duplicates;
    devices.counts[at + CONFLICTS] = totals.conflicts;
    devices.counts[at + LATE_READINGS] = totals.late;
    devices.counts[at + HELD_BACK] = totals.quarantined;
    devices.counts[at + FIRST_TIME] = totals.firstTime;
    devices.counts[at + LAST_TIME] = totals.lastTime;
    devices.counts[at + LAST_VALUE] = totals.lastValue;
    devices.touch(slot);
  }

  /** The first and the newest reading of a device are others than before. @param id of its row */
  setEnds(
    id: number,
    { firstTime, lastTime, lastValue }: Pick<AdoptedCounts, "firstTime" | "lastTime" | "lastValue">,
  ): void {
    const { devices } = this;
    const slot = devices.loadById(id);
    const at = slot * DEVICE_COUNTS;
    // Of what older versions counted the first is not known.
    if (devices.counts[at + FIRST_TIME] !== Number.NEGATIVE_INFINITY) devices.counts[at + FIRST_TIME] = firstTime;
    devices.counts[at + LAST_TIME] = lastTime;
    devices.counts[at + LAST_VALUE] = lastValue;
    devices.touch(slot);
  }

  /** The slot of a sensor's device by its name as it is shown, made resident. */
  slotOf(sensor: number, name: string): number {
    const bytes = this.#directory.bytesOf(sensor, name);
    const slot = this.deviceNames.intern(sensor, bytes, 0, bytes.length);
    if (!this.devices.isLoaded(slot)) this.devices.load(slot);
    return slot;
  }

  /** What is known of a device; null: there is no such one. */
  device(sensor: number, name: string): KnownDevice | null {
    return this.#directory.find(sensor, name);
  }

  /** Up to `limit` devices of a sensor by name (its bytes), those behind `after`. O(limit + devices that are new). */
  listDevices(sensor: number, after: string | null, limit: number): KnownDevice[] {
    return this.#directory.list(sensor, after, limit);
  }

  /** As `DeviceDirectory.rank`. */
  rankDevices(sensor: number, query: RankQuery): Generator<void, KnownDevice[]> {
    return this.#directory.rank(sensor, query);
  }

  /** Devices of a sensor that send nothing new. */
  stuckDevicesOf(sensor: number): number {
    return this.devices.stuck.get(sensor) ?? 0;
  }

  /** Bytes of clean seen blocks, which could be evicted. */
  get cachedBytes(): number {
    return this.#seen.bytes - this.#seen.dirtyBytes;
  }

  /** So many names past the bound of resident devices are interned that a commit is due, which evicts. */
  get isCrowded(): boolean {
    const { residentDevices } = this.#bounds;
    return this.deviceNames.size > residentDevices + (residentDevices >> 4);
  }

  get waitingRows(): number {
    return this.devices.waiting + this.#pairs.waiting + this.#boots.waiting + this.#ids.waiting;
  }

  get waitingBytes(): number {
    const seenBytes = this.#seen.dirtyBytes + this.#pairs.dirtyBytes;
    return seenBytes + this.#boots.waiting * BOOT_BYTES + this.#ids.waiting * ID_BYTES;
  }

  *write(): Generator<number> {
    this.#idle = this.devices.idlest();
    yield* this.#seen.write();
    yield* this.#pairs.write();
    yield* this.#ids.write();
    yield* this.#boots.write();
    yield* this.#deltas.write(this.#idle);
  }

  committed(): void {
    this.#seen.committed();
    this.#pairs.committed();
    this.#ids.committed();
    this.#boots.committed(this.devices.nextId);
    this.devices.committed();
    this.#deltas.committed();
  }

  /** After a commit: evicts the idle devices that it wrote, and boot names past their bound. Yields now and then. */
  *evict(): Generator<number> {
    const idle = this.#idle;
    this.#idle = [];
    yield* this.devices.evict(idle);
    if (this.bootNames.size > this.#bounds.bootNames) this.#forgetBootNames();
  }

  #forgetBootNames(): void {
    for (let slot = 0; slot < this.bootNames.slotLimit; slot++) {
      if (this.bootNames.isUsed(slot)) this.bootNames.release(slot);
    }
    this.#boots.forgetNames();
    this.devices.unresolveEdges();
  }
}
