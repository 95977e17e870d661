/** What is known of single devices, whether they are resident or not: for lists of them. Makes none resident. */
import type { StatementSync } from "node:sqlite";
import { ByteReader } from "../core/bytes.ts";
import type { Database } from "../store/database.ts";
import {
  CONFLICTS,
  DEVICE_CELLS,
  DEVICE_COUNTS,
  DeviceColumns,
  DUPLICATE_RUN,
  DUPLICATES,
  FIRST_TIME,
  HEARD_AT,
  HELD_BACK,
  ID,
  LAST_HEARD,
  LAST_TIME,
  LAST_VALUE,
  LATE_READINGS,
  READINGS,
} from "./device-columns.ts";
import { readState } from "./device-state.ts";
import { type Devices, STUCK_DUPLICATES } from "./devices.ts";

/** A device; times in ms, null where there is none. */
export interface KnownDevice {
  /** Number of its row. */
  readonly id: number;
  readonly name: string;
  readonly readings: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly late: number;
  readonly heldBack: number;
  /** False: versions before devices were counted took in some of its readings, which are not in these numbers. */
  readonly isWhole: boolean;
  readonly firstTime: number | null;
  readonly lastTime: number | null;
  readonly lastValue: number | null;
  readonly lastHeard: number | null;
  readonly isStuck: boolean;
}

/** Finds devices by name. */
export class DeviceDirectory {
  readonly #db: Database;
  readonly #devices: Devices;
  readonly #find: StatementSync;
  readonly #list: StatementSync;
  readonly #names: StatementSync;
  /** A column of one device, for those that are not resident. */
  readonly #scratch = new DeviceColumns();

  constructor(db: Database, devices: Devices) {
    this.#db = db;
    this.#devices = devices;
    this.#find = db.prepare("SELECT id, name, state FROM device WHERE sensor=? AND name=?");
    this.#names = db.prepare("SELECT name FROM device WHERE sensor=?");
    this.#list = db.prepare("SELECT id, name, state FROM device WHERE sensor=? AND name>? ORDER BY name LIMIT ?");
  }

  /**
   * The bytes of a stored device's name as it is shown. Bytes that are no UTF-8 are looked for among all names of the sensor: O(devices).
   */
  bytesOf(sensor: number, name: string): Uint8Array {
    const rows = name.includes("\uFFFD") ? this.#db.lookUpAll(this.#names, sensor) : [];
    const shown = rows.map((row) => row.name as Uint8Array).find((bytes) => Buffer.from(bytes).toString() === name);
    return shown ?? Buffer.from(name);
  }

  /** @returns null: there is no such device */
  find(sensor: number, name: string): KnownDevice | null {
    const bytes = Buffer.from(name);
    const slot = this.#slotOf(sensor, bytes);
    if (slot >= 0) return knownOf(this.#devices, slot, bytes);
    const row = this.#db.lookUp(this.#find, sensor, bytes);
    return row === undefined ? null : this.#stored(row);
  }

  /** Up to `limit` devices by the bytes of their names, those behind `after`. */
  list(sensor: number, after: string | null, limit: number): KnownDevice[] {
    // Not behind a name: the nameless device is one of the list.
    const rows = this.#db.lookUpAll(this.#list, sensor, after === null ? -1 : Buffer.from(after), limit);
    const found = new Map<string, KnownDevice>();
    for (const row of rows) {
      const name = row.name as Uint8Array;
      const slot = this.#slotOf(sensor, name);
      found.set(keyOf(name), slot < 0 ? this.#stored(row) : knownOf(this.#devices, slot, name));
    }
    const from = after === null ? null : keyOf(Buffer.from(after));
    const { names, dirtySlots } = this.#devices;
    for (const slot of dirtySlots) {
      if (!this.#devices.isNew(slot) || names.namespace(slot) !== sensor) continue;
      const name = names.bytes(slot);
      if (from === null || keyOf(name) > from) found.set(keyOf(name), knownOf(this.#devices, slot, name));
    }
    const keys = [...found.keys()].sort();
    return keys.slice(0, limit).map((key) => found.get(key) as KnownDevice);
  }

  /** The slot of a resident device; -1: it is not resident, or there is none. */
  #slotOf(sensor: number, name: Uint8Array): number {
    const slot = this.#devices.names.find(sensor, name);
    return slot >= 0 && this.#devices.isLoaded(slot) ? slot : -1;
  }

  #stored(row: Record<string, unknown>): KnownDevice {
    const scratch = this.#scratch;
    scratch.clear(0);
    this.#db.decoded("device", row.state, (state) => {
      const from = new ByteReader(state);
      from.varint(); // the delta that it includes
      readState(scratch, from, 0, () => {});
    });
    scratch.cells[ID] = Number(row.id);
    return knownOf(scratch, 0, row.name as Uint8Array);
  }
}

/** A text for each name that sorts as its bytes do. */
function keyOf(name: Uint8Array): string {
  return Buffer.from(name).toString("latin1");
}

function knownOf({ cells, counts }: DeviceColumns, slot: number, name: Uint8Array): KnownDevice {
  const cell = slot * DEVICE_CELLS;
  const count = slot * DEVICE_COUNTS;
  return {
    id: cells[cell + ID],
    name: Buffer.from(name).toString("utf8"),
    readings: counts[count + READINGS],
    duplicates: counts[count + DUPLICATES],
    conflicts: counts[count + CONFLICTS],
    late: counts[count + LATE_READINGS],
    heldBack: counts[count + HELD_BACK],
    isWhole: counts[count + FIRST_TIME] !== Number.NEGATIVE_INFINITY,
    firstTime: finite(counts[count + FIRST_TIME]),
    lastTime: finite(counts[count + LAST_TIME]),
    lastValue: Number.isFinite(counts[count + LAST_TIME]) ? counts[count + LAST_VALUE] : null,
    lastHeard: finite(Math.max(cells[cell + HEARD_AT], counts[count + LAST_HEARD])),
    isStuck: cells[cell + DUPLICATE_RUN] >= STUCK_DUPLICATES,
  };
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}
