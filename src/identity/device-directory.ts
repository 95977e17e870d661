/** What is known of single devices, whether they are resident or not: for lists of them. Makes none resident. */
import type { StatementSync } from "node:sqlite";
import { ByteReader } from "../core/bytes.ts";
import { compare, FirstNamed, type Place } from "../core/first-named.ts";
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

/** Rows of devices that are read, or slots that are looked at, before the caller may let others run: below a millisecond. */
const ROWS_AT_ONCE = 256;

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

/** The numbers that devices can be ranked by; null ranks last. */
const NUMBERS = {
  lastHeard: ({ cells, counts }, slot) =>
    Math.max(cells[slot * DEVICE_CELLS + HEARD_AT], counts[slot * DEVICE_COUNTS + LAST_HEARD]),
  lastTime: ({ counts }, slot) => counts[slot * DEVICE_COUNTS + LAST_TIME],
  lastValue: ({ counts }, slot) => {
    const at = slot * DEVICE_COUNTS;
    return Number.isFinite(counts[at + LAST_TIME]) ? counts[at + LAST_VALUE] : Number.NEGATIVE_INFINITY;
  },
  readings: ({ counts }, slot) => counts[slot * DEVICE_COUNTS + READINGS],
  duplicates: ({ counts }, slot) => counts[slot * DEVICE_COUNTS + DUPLICATES],
  conflicts: ({ counts }, slot) => counts[slot * DEVICE_COUNTS + CONFLICTS],
  late: ({ counts }, slot) => counts[slot * DEVICE_COUNTS + LATE_READINGS],
  heldBack: ({ counts }, slot) => counts[slot * DEVICE_COUNTS + HELD_BACK],
} as const satisfies Record<string, (columns: DeviceColumns, slot: number) => number>;

/** Which of a sensor's devices, in the order of a number. */
export interface RankQuery {
  readonly by: keyof typeof NUMBERS;
  /** Those behind this device; undefined: from the largest number on. */
  readonly after?: string;
  readonly limit: number;
}

/** Finds devices by name. */
export class DeviceDirectory {
  readonly #db: Database;
  readonly #devices: Devices;
  readonly #find: StatementSync;
  readonly #list: StatementSync;
  readonly #count: StatementSync;
  readonly #names: StatementSync;
  /** A column of one device, for those that are not resident. */
  readonly #scratch = new DeviceColumns();

  constructor(db: Database, devices: Devices) {
    this.#db = db;
    this.#devices = devices;
    this.#find = db.prepare("SELECT id, name, state FROM device WHERE sensor=? AND name=?");
    this.#count = db.prepare("SELECT count(*) AS n FROM device WHERE sensor=? AND id<=?");
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

  /** Devices with a row of a number up to `last`. */
  countUpTo(sensor: number, last: number): number {
    return Number(this.#db.lookUp(this.#count, sensor, last)?.n);
  }

  /** Up to `limit` devices by the bytes of their names, those behind `after`. */
  list(sensor: number, after: string | null, limit: number): KnownDevice[] {
    // Not behind a name: the nameless device is one of the list.
    const rows = this.#db.lookUpAll(this.#list, sensor, after === null ? -1 : Buffer.from(after), limit);
    const first = new FirstNamed<KnownDevice>(limit);
    for (const row of rows) {
      const name = row.name as Uint8Array;
      const slot = this.#slotOf(sensor, name);
      first.add(0, name, () => (slot < 0 ? this.#stored(row) : knownOf(this.#devices, slot, name)));
    }
    const from = after === null ? null : Buffer.from(after);
    const { names, dirtySlots } = this.#devices;
    for (const slot of dirtySlots) {
      if (!this.#devices.isNew(slot) || names.namespace(slot) !== sensor) continue;
      const name = names.bytes(slot);
      if (from === null || Buffer.compare(name, from) > 0) first.add(0, name, () => knownOf(this.#devices, slot, name));
    }
    return first.inOrder();
  }

  /**
   * Up to `limit` devices in the order of a number, the largest first. O(devices), in columns where they are resident; yields so that the
   * caller can let others run in between. What changes meanwhile is seen as it was, or as it is.
   */
  *rank(sensor: number, { by, after, limit }: RankQuery): Generator<void, KnownDevice[]> {
    const number = NUMBERS[by];
    const behind = after === undefined ? null : this.#placeOf(sensor, after, by);
    const first = new FirstNamed<KnownDevice>(limit);
    /** By number of a device's row: it was looked at. Those that come meanwhile have higher ones, and are left out. */
    const isDone = new Uint8Array(this.#devices.nextId);
    const isNext = (id: number): boolean => {
      if (isDone[id] !== 0) return false;
      isDone[id] = 1;
      return true;
    };
    const look = (columns: DeviceColumns, slot: number, nameOf: () => Uint8Array): void => {
      const value = number(columns, slot);
      if (!first.mayHold(value) || (behind !== null && value > behind.value)) return;
      const name = nameOf();
      if (behind === null || compare({ value, name }, behind) > 0)
        first.add(value, name, () => knownOf(columns, slot, name));
    };
    const devices = this.#devices;
    const { names } = devices;
    let left = devices.known.get(sensor) ?? 0;
    let steps = 0;
    for (const slot of devices.slotsOf.get(sensor) ?? []) {
      // In between some may be evicted: these are found by their rows. Others may get their slots, which are in the list, too.
      if (++steps % ROWS_AT_ONCE === 0) yield;
      if (!devices.isLoaded(slot) || names.namespace(slot) !== sensor) continue;
      if (!isNext(devices.cells[slot * DEVICE_CELLS + ID])) continue;
      left--;
      look(devices, slot, () => names.bytes(slot));
    }
    for (let name: Uint8Array | number = -1; left > 0; ) {
      const rows = this.#db.lookUpAll(this.#list, sensor, name, ROWS_AT_ONCE);
      if (rows.length === 0) break;
      for (const row of rows) {
        const its = row.name as Uint8Array;
        name = its;
        if (!isNext(Number(row.id))) continue;
        left--;
        const slot = this.#slotOf(sensor, its);
        if (slot >= 0) look(devices, slot, () => its);
        else look(this.#read(row), 0, () => its);
      }
      yield;
    }
    return first.inOrder();
  }

  /** Null: there is no such device. */
  #placeOf(sensor: number, name: string, by: RankQuery["by"]): Place | null {
    const known = this.find(sensor, name);
    return known === null ? null : { value: known[by] ?? Number.NEGATIVE_INFINITY, name: Buffer.from(name) };
  }

  /** The slot of a resident device; -1: it is not resident, or there is none. */
  #slotOf(sensor: number, name: Uint8Array): number {
    const slot = this.#devices.names.find(sensor, name);
    return slot >= 0 && this.#devices.isLoaded(slot) ? slot : -1;
  }

  #stored(row: Record<string, unknown>): KnownDevice {
    return knownOf(this.#read(row), 0, row.name as Uint8Array);
  }

  /** A row as slot 0 of columns; valid until the next one is read. */
  #read(row: Record<string, unknown>): DeviceColumns {
    const scratch = this.#scratch;
    scratch.clear(0);
    this.#db.decoded("device", row.state, (state) => {
      const from = new ByteReader(state);
      from.varint(); // the delta that it includes
      readState(scratch, from, 0, () => {});
    });
    scratch.cells[ID] = Number(row.id);
    return scratch;
  }
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
