/** Is this reading new? Marks its identity as seen, for ever, and tells duplicates; docs/formats/identity.md has the rules for boots. */
import type { Names } from "../core/names.ts";
import { IDENTITY_EXPLICIT, IDENTITY_SEQUENCE, NO_BOOT, type Readings } from "../core/readings.ts";
import type { Boots, OldBoot } from "./boots.ts";
import {
  DEVICE_CELLS,
  DUPLICATE_RUN,
  EDGE_BOOT,
  EDGE_IMPLICIT,
  EDGE_NAME,
  EDGE_UNRESOLVED,
  ID,
  NEWEST,
} from "./device-columns.ts";
import { type Devices, STUCK_DUPLICATES } from "./devices.ts";
import { type ExplicitIds, identityOf } from "./explicit-ids.ts";
import type { SeenStore } from "./seen-store.ts";
import type { ValueMemory } from "./value-memory.ts";

/** What `judge` found. */
export const NEW = 0;
const DUPLICATE = 1;
export const CONFLICT = 2;

/** In the place of a sensor: what was held back of implicit boots, by device, sequence and time. */
const HELD = 0;

/**
 * States of a boot, as judging moves it. At any time one boot of a device has its edge (devices.ts), the others' sequences are in the seen blocks.
 *
 *     named:     (unknown) ─first reading─▶ at the edge ⇄ behind it    (to the edge with a reading that is newer than all)
 *     implicit:  (none) ─first reading─▶ latest ─a sequence begins anew─▶ old, for good
 *
 * The latest implicit boot has the edge unless a named boot took it. Only judging marks sequences; only `counted` moves an implicit boot's range,
 * right after the `judge` that it is about: readings that are held back mark, and move nothing.
 */
export class Identity {
  readonly #devices: Devices;
  readonly #boots: Boots;
  readonly #seen: SeenStore;
  readonly #ids: ExplicitIds;
  readonly #values: ValueMemory;
  readonly #bootNames: Names;
  /** Where `#sequence` put the last reading: the boot, and the old one among the implicit (null: the latest, or a named one). */
  #boot = 0;
  #oldBoot: OldBoot | null = null;
  /** Implicit boots started by the last `judge` (0 or 1); a first one is none. */
  startedBoots = 0;

  constructor(
    devices: Devices,
    boots: Boots,
    seen: SeenStore,
    ids: ExplicitIds,
    values: ValueMemory,
    bootNames: Names,
  ) {
    this.#devices = devices;
    this.#boots = boots;
    this.#seen = seen;
    this.#ids = ids;
    this.#values = values;
    this.#bootNames = bootNames;
  }

  /**
   * Judges row i, whose device is resident, and marks it as seen.
   * @param impossible its clock is wrong: then it starts no boot
   * @returns NEW, DUPLICATE, or CONFLICT (a duplicate whose first value is remembered and another)
   */
  judge(readings: Readings, i: number, sensor: number, impossible: boolean): number {
    const kind = readings.identity[i];
    this.#oldBoot = null;
    this.startedBoots = 0;
    if (kind === IDENTITY_SEQUENCE) return this.#judgeSequence(readings, i, impossible);
    if (kind !== IDENTITY_EXPLICIT) return NEW;
    const id = readings.idText[i] ?? "";
    const isNew = this.#ids.mark(sensor, id);
    return this.#verdict(isNew, readings.device[i], -1 - sensor, identityOf(id), readings.value[i]);
  }

  #judgeSequence(readings: Readings, i: number, impossible: boolean): number {
    const slot = readings.device[i];
    const sequence = readings.sequence[i];
    const boot = readings.boot[i];
    const time = readings.time[i];
    const isNew =
      boot === NO_BOOT
        ? this.#markImplicit(slot, sequence, time, readings.ownTime[i] !== 0, impossible)
        : this.#markNamed(slot, boot, sequence, time);
    if (isNew && impossible && boot === NO_BOOT) this.#ids.mark(HELD, this.#heldId(slot, sequence, time));
    return this.#verdict(isNew, slot, this.#boot, sequence, readings.value[i]);
  }

  #verdict(isNew: boolean, slot: number, scope: number, identity: number, value: number): number {
    const devices = this.#devices;
    if (isNew) {
      this.#values.put(scope, identity, value);
      if (devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] !== 0) this.#endRun(slot);
      return NEW;
    }
    devices.touch(slot);
    if (++devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] === STUCK_DUPLICATES) this.#flag(slot, 1);
    return this.#values.conflicts(scope, identity, value) ? CONFLICT : DUPLICATE;
  }

  #endRun(slot: number): void {
    if (this.#devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] >= STUCK_DUPLICATES) this.#flag(slot, -1);
    this.#devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] = 0;
  }

  #flag(slot: number, change: number): void {
    const sensor = this.#devices.names.namespace(slot);
    this.#devices.stuck.set(sensor, (this.#devices.stuck.get(sensor) ?? 0) + change);
  }

  #markNamed(slot: number, name: number, sequence: number, time: number): boolean {
    const devices = this.#devices;
    if (devices.cells[slot * DEVICE_CELLS + EDGE_NAME] === EDGE_UNRESOLVED) this.#resolveEdge(slot);
    if (devices.cells[slot * DEVICE_CELLS + EDGE_NAME] === name) {
      this.#boot = devices.cells[slot * DEVICE_CELLS + EDGE_BOOT];
      return devices.markAtEdge(slot, sequence);
    }
    let boot = this.#boots.find(devices.cells[slot * DEVICE_CELLS + ID], name);
    if (boot === 0) {
      boot = this.#boots.create(devices.cells[slot * DEVICE_CELLS + ID], name);
      this.#turnEdge(slot, boot, name, sequence, true);
      this.#boot = boot;
      return devices.markAtEdge(slot, sequence);
    }
    this.#boot = boot;
    if (this.#seen.has(boot, sequence)) return false;
    // Newer than all: this boot is the one that runs.
    if (time > devices.cells[slot * DEVICE_CELLS + NEWEST]) {
      this.#turnEdge(slot, boot, name, sequence, false);
      return devices.markAtEdge(slot, sequence);
    }
    return this.#seen.mark(boot, sequence);
  }

  /** As `Devices.turnEdge`; the boot that had the edge, if it was a named one, is kept at hand. */
  #turnEdge(slot: number, boot: number, name: number, sequence: number, isNew: boolean): void {
    const { cells } = this.#devices;
    const at = slot * DEVICE_CELLS;
    if (cells[at + EDGE_NAME] >= 0) this.#boots.keep(cells[at + ID], cells[at + EDGE_NAME], cells[at + EDGE_BOOT]);
    this.#devices.turnEdge(slot, boot, name, sequence, isNew);
  }

  #resolveEdge(slot: number): void {
    const devices = this.#devices;
    const name = this.#boots.name(devices.cells[slot * DEVICE_CELLS + EDGE_BOOT]);
    devices.cells[slot * DEVICE_CELLS + EDGE_NAME] =
      name === null ? EDGE_IMPLICIT : this.#bootNames.intern(devices.names.namespace(slot), name, 0, name.length);
  }

  #markImplicit(slot: number, sequence: number, time: number, ownTime: boolean, impossible: boolean): boolean {
    const devices = this.#devices;
    if (devices.implicitBoot[slot] === 0) {
      devices.implicitBoot[slot] = this.#boots.createImplicit(devices.cells[slot * DEVICE_CELLS + ID], 0);
      devices.implicitOrdinal[slot] = 0;
      this.#turnEdge(slot, devices.implicitBoot[slot], EDGE_IMPLICIT, sequence, true);
    }
    this.#boot = devices.implicitBoot[slot];
    if (!ownTime) return this.#markLatest(slot, sequence);
    if (time > devices.cells[slot * DEVICE_CELLS + NEWEST]) {
      if (this.#markLatest(slot, sequence)) return true;
      // Its first copy may have been held back for that very time, which is plausible by now: still the same reading, whatever became of it.
      if (impossible || this.#isHeld(slot, sequence, time)) return false;
      this.#startBoot(slot, sequence);
      return devices.markAtEdge(slot, sequence);
    }
    if (time >= devices.implicitFirst[slot] || devices.implicitOrdinal[slot] === 0)
      return this.#markLatest(slot, sequence);
    return this.#markOlder(slot, sequence, time);
  }

  #isHeld(slot: number, sequence: number, time: number): boolean {
    return this.#ids.has(HELD, this.#heldId(slot, sequence, time));
  }

  #heldId(slot: number, sequence: number, time: number): string {
    return `${this.#devices.cells[slot * DEVICE_CELLS + ID]} ${sequence} ${time}`;
  }

  /** Marks in the latest implicit boot, which has the edge unless the device also sends named boots. */
  #markLatest(slot: number, sequence: number): boolean {
    const devices = this.#devices;
    if (devices.cells[slot * DEVICE_CELLS + EDGE_NAME] === EDGE_IMPLICIT) return devices.markAtEdge(slot, sequence);
    return this.#seen.mark(devices.implicitBoot[slot], sequence);
  }

  #startBoot(slot: number, sequence: number): void {
    const devices = this.#devices;
    const device = devices.cells[slot * DEVICE_CELLS + ID];
    const ordinal = devices.implicitOrdinal[slot];
    this.#boots.retire(device, {
      id: devices.implicitBoot[slot],
      ordinal,
      firstTime: devices.implicitFirst[slot],
      lastTime: devices.implicitLast[slot],
      highest: devices.implicitHighest[slot],
    });
    devices.implicitBoot[slot] = this.#boots.createImplicit(device, ordinal + 1);
    devices.implicitOrdinal[slot] = ordinal + 1;
    devices.implicitFirst[slot] = Number.POSITIVE_INFINITY;
    devices.implicitLast[slot] = Number.NEGATIVE_INFINITY;
    devices.implicitHighest[slot] = -1;
    this.#turnEdge(slot, devices.implicitBoot[slot], EDGE_IMPLICIT, sequence, true);
    this.#boot = devices.implicitBoot[slot];
    this.startedBoots = 1;
  }

  /** A time before the latest boot's first counted reading: the boot whose range holds it, or a neighbour of the gap it falls in. */
  #markOlder(slot: number, sequence: number, time: number): boolean {
    const devices = this.#devices;
    const old = this.#boots.old(devices.cells[slot * DEVICE_CELLS + ID], devices.implicitOrdinal[slot]);
    let at = old.findLastIndex((boot) => boot.firstTime <= time && time <= boot.lastTime);
    if (at < 0) {
      at = Math.max(
        0,
        old.findLastIndex((boot) => boot.firstTime <= time),
      );
      const isGap = time > old[at].lastTime;
      if (isGap && sequence <= old[at].highest) at++; // it does not continue the earlier boot: it is of the later one
    }
    if (at === old.length) return this.#markLatest(slot, sequence);
    this.#oldBoot = old[at];
    this.#boot = old[at].id;
    return this.#seen.mark(this.#boot, sequence);
  }

  /** The last judged reading, without a named boot, is counted: its boot's range grows. */
  counted(slot: number, sequence: number, time: number): void {
    const old = this.#oldBoot;
    const devices = this.#devices;
    if (old !== null) {
      if (time < old.firstTime) old.firstTime = time;
      if (time > old.lastTime) old.lastTime = time;
      if (sequence > old.highest) old.highest = sequence;
      this.#boots.update(devices.cells[slot * DEVICE_CELLS + ID], old);
      return;
    }
    if (time < devices.implicitFirst[slot]) devices.implicitFirst[slot] = time;
    if (time > devices.implicitLast[slot]) devices.implicitLast[slot] = time;
    if (sequence > devices.implicitHighest[slot]) devices.implicitHighest[slot] = sequence;
  }
}
