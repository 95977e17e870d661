/** Classifies readings as new or duplicate and marks their identities as seen, for ever. docs/formats/identity.md has the rules for boots. */
import { assert } from "../core/errors.ts";
import type { Names } from "../core/names.ts";
import { IDENTITY_EXPLICIT, IDENTITY_SEQUENCE, NO_BOOT, type Readings } from "../core/readings.ts";
import type { Boots } from "./boots.ts";
import { DEVICE_CELLS, DUPLICATE_RUN, EDGE_BOOT, EDGE_NAME, EDGE_UNRESOLVED, ID, NEWEST } from "./device-columns.ts";
import { type Devices, STUCK_DUPLICATES } from "./devices.ts";
import { type ExplicitIds, identityOf } from "./explicit-ids.ts";
import type { SeenPairs } from "./seen-pairs.ts";
import type { SeenStore } from "./seen-store.ts";
import { hashOf, type ValueMemory } from "./value-memory.ts";

/** Results of `classify`. */
export const NEW = 0;
const DUPLICATE = 1;
export const CONFLICT = 2;

/** Stands for a sensor in histories from before version 3: quarantined readings, by device, sequence and time. */
const HELD = 0;

/** Scopes of `SeenPairs`: a device's readings with a time of their own, then each of its implicit boots. Further boots share the last one's. */
const SCOPES_A_DEVICE = 2 ** 20;

/** Bits of a value's hash: two values of one sequence collide in one of 17 million cases. */
const VALUE_HASH_BITS = 24;

/** Where identities are kept that were seen. */
interface Stores {
  readonly seen: SeenStore;
  readonly pairs: SeenPairs;
  readonly ids: ExplicitIds;
  readonly values: ValueMemory;
}

/**
 * States of a boot, as `classify` moves it. One boot of a device has its edge (devices.ts); the others' sequences are in the seen blocks.
 *
 *     named:     (unknown) ─first reading─▶ at the edge ⇄ behind it    (to the edge with a reading that is newer than all)
 *     implicit:  (none) ─first reading with neither boot nor time─▶ latest ─a sequence falls back with another value─▶ over, for good
 *
 * Sequences without boot are seen pairs, whatever the edge. Only `classify` marks; it marks quarantined readings, too.
 */
export class Identity {
  readonly #devices: Devices;
  readonly #boots: Boots;
  readonly #seen: SeenStore;
  readonly #pairs: SeenPairs;
  readonly #ids: ExplicitIds;
  readonly #values: ValueMemory;
  readonly #bootNames: Names;
  /** The value memory's scope of the last reading. */
  #scope = 0;
  /** Implicit boots started by the last `classify` (0 or 1); a device's first does not count. */
  startedBoots = 0;

  constructor(devices: Devices, boots: Boots, stores: Stores, bootNames: Names) {
    this.#devices = devices;
    this.#boots = boots;
    this.#seen = stores.seen;
    this.#pairs = stores.pairs;
    this.#ids = stores.ids;
    this.#values = stores.values;
    this.#bootNames = bootNames;
  }

  /**
   * Classifies row i, whose device is resident, and marks its identity as seen.
   * @returns NEW, DUPLICATE, or CONFLICT (a duplicate whose first value is remembered and another)
   */
  classify(readings: Readings, i: number, sensor: number): number {
    const kind = readings.identity[i];
    this.startedBoots = 0;
    if (kind === IDENTITY_SEQUENCE) return this.#classifySequence(readings, i);
    if (kind !== IDENTITY_EXPLICIT) return NEW;
    const id = readings.idText[i] ?? "";
    const isNew = this.#ids.mark(sensor, id);
    return this.#verdict(isNew, readings.device[i], -1 - sensor, identityOf(id), readings.value[i]);
  }

  #classifySequence(readings: Readings, i: number): number {
    const slot = readings.device[i];
    const sequence = readings.sequence[i];
    const boot = readings.boot[i];
    const time = readings.time[i];
    const value = readings.value[i];
    if (boot !== NO_BOOT) {
      const isNew = this.#markNamed(slot, boot, sequence, time);
      return this.#verdict(isNew, slot, this.#scope, sequence, value);
    }
    if (readings.ownTime[i] === 0) return this.#settle(this.#markUntimed(slot, sequence, value), slot);
    // The time's hash is part of the scope: the value memory keeps sequences of one scope side by side.
    const scope = -this.#devices.cells[slot * DEVICE_CELLS + ID] ^ hashOf(time);
    return this.#verdict(this.#markTimed(slot, sequence, time), slot, scope, sequence, value);
  }

  /** A duplicate: a conflict when its first value is remembered and another. */
  #verdict(isNew: boolean, slot: number, scope: number, identity: number, value: number): number {
    const verdict = this.#settle(isNew, slot);
    if (isNew) this.#values.put(scope, identity, value);
    else if (this.#values.conflicts(scope, identity, value)) return CONFLICT;
    return verdict;
  }

  /** Counts duplicates in a row. */
  #settle(isNew: boolean, slot: number): number {
    const devices = this.#devices;
    if (isNew) {
      if (devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] !== 0) this.#endRun(slot);
      return NEW;
    }
    devices.touch(slot);
    if (++devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] === STUCK_DUPLICATES) this.#flag(slot, 1);
    return DUPLICATE;
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
      this.#scope = devices.cells[slot * DEVICE_CELLS + EDGE_BOOT];
      return devices.markAtEdge(slot, sequence);
    }
    let boot = this.#boots.find(devices.cells[slot * DEVICE_CELLS + ID], name);
    if (boot === 0) {
      boot = this.#boots.create(devices.cells[slot * DEVICE_CELLS + ID], name);
      this.#turnEdge(slot, boot, name, sequence, true);
      this.#scope = boot;
      return devices.markAtEdge(slot, sequence);
    }
    this.#scope = boot;
    if (this.#seen.has(boot, sequence)) return false;
    // Newer than all: this boot is the one that runs.
    if (time > devices.cells[slot * DEVICE_CELLS + NEWEST]) {
      this.#turnEdge(slot, boot, name, sequence, false);
      return devices.markAtEdge(slot, sequence);
    }
    return this.#seen.mark(boot, sequence);
  }

  /** As `Devices.turnEdge`; the boot that had the edge, if it was a named one, stays cached. */
  #turnEdge(slot: number, boot: number, name: number, sequence: number, isNew: boolean): void {
    const { cells } = this.#devices;
    const at = slot * DEVICE_CELLS;
    if (cells[at + EDGE_NAME] >= 0) this.#boots.keep(cells[at + ID], cells[at + EDGE_NAME], cells[at + EDGE_BOOT]);
    this.#devices.turnEdge(slot, boot, name, sequence, isNew);
  }

  #resolveEdge(slot: number): void {
    const devices = this.#devices;
    const boot = devices.cells[slot * DEVICE_CELLS + EDGE_BOOT];
    const name = this.#boots.name(boot);
    assert(name !== null, () => `boot ${boot} has an edge and no name`);
    devices.cells[slot * DEVICE_CELLS + EDGE_NAME] = this.#bootNames.intern(
      devices.names.namespace(slot),
      name,
      0,
      name.length,
    );
  }

  /** Without `boot`, with a time of its own: a duplicate has the same sequence and time, whatever came in between. */
  #markTimed(slot: number, sequence: number, time: number): boolean {
    const device = this.#devices.cells[slot * DEVICE_CELLS + ID];
    if (this.#ids.hasHeld && this.#ids.has(HELD, `${device} ${sequence} ${time}`)) return false;
    if (this.#devices.olderBoot[slot] !== 0 && this.#isInOlderBoot(slot, sequence, time)) return false;
    return this.#pairs.mark(device * SCOPES_A_DEVICE, time, sequence);
  }

  /** Whether a boot from before version 3, which kept no times of its sequences, counted the reading: its range tells. */
  #isInOlderBoot(slot: number, sequence: number, time: number): boolean {
    const { cells, olderBoot, olderFirst, olderLast } = this.#devices;
    if (olderFirst[slot] <= time && time <= olderLast[slot] && this.#seen.has(olderBoot[slot], sequence)) return true;
    return this.#boots
      .older(cells[slot * DEVICE_CELLS + ID])
      .some(({ id, firstTime, lastTime }) => firstTime <= time && time <= lastTime && this.#seen.has(id, sequence));
  }

  /**
   * With neither: a duplicate has the same sequence and value in the latest implicit boot. Another value under a sequence of that boot is
   * no resend: where the sequence fell back the device has started anew, else two devices have one name.
   */
  #markUntimed(slot: number, sequence: number, value: number): boolean {
    const devices = this.#devices;
    const device = devices.cells[slot * DEVICE_CELLS + ID];
    const hash = hashOf(value) >>> (32 - VALUE_HASH_BITS);
    const last = devices.lastUntimed[slot];
    devices.lastUntimed[slot] = sequence;
    if (devices.implicitBoot[slot] === 0) {
      devices.implicitBoot[slot] = 1;
    } else {
      const hashes = this.#pairs.tagsOf(scopeOf(device, devices.implicitBoot[slot]), sequence);
      if (hashes.length > 0 && !hashes.includes(hash) && sequence < last) {
        devices.implicitBoot[slot]++;
        this.startedBoots = 1;
      }
    }
    // Of sequences seen before version 3 no value is known.
    if (devices.implicitBoot[slot] === 1 && devices.olderBoot[slot] !== 0) {
      if (this.#seen.has(devices.olderBoot[slot], sequence)) return false;
    }
    return this.#pairs.mark(scopeOf(device, devices.implicitBoot[slot]), sequence, hash);
  }
}

function scopeOf(device: number, implicitBoot: number): number {
  return device * SCOPES_A_DEVICE + Math.min(implicitBoot, SCOPES_A_DEVICE - 1);
}
