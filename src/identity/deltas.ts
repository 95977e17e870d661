/**
 * Identities as they are committed: a *delta* of the devices that changed, and a *sweep* that turns a part of the devices into whole rows
 * at each commit, so that a delta is needed for two sweeps at most. Recovery loads rows and applies the deltas left. docs/formats/identity.md
 */
import type { StatementSync } from "node:sqlite";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { assert } from "../core/errors.ts";
import type { Database } from "../store/database.ts";
import { CHANGED_WORD, DEVICE_CELLS, ID } from "./device-columns.ts";
import { writeState } from "./device-state.ts";
import type { Devices } from "./devices.ts";

const TABLES = "CREATE TABLE IF NOT EXISTS delta(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";

/** Commits that a sweep of all devices takes: recovery applies the deltas of twice as many at most. */
const SWEEP_COMMITS = 32;

/** A commit that changes more than this writes several deltas: no single row is large or slow to write. */
const DELTA_BYTES_MAX = 262_144;

const state = new ByteWriter(512);

/** Writes deltas and sweeps with each commit, and reads them at recovery. */
export class Deltas {
  readonly #db: Database;
  /** The delta being written: kept between the steps of a commit, in which another history of the process may write its own. */
  readonly #out = new ByteWriter(4096);
  readonly #devices: Devices;
  readonly #insert: StatementSync;
  readonly #drop: StatementSync;
  /** Number of the next delta, and of the one after the commit that is being written. */
  #next: number;
  #end = 0;
  /** The slot that the sweep has reached, and the one it will have reached after the commit that is being written. */
  #sweepSlot = 0;
  #sweepEnd = 0;
  /** The first deltas since this sweep and the one before began. */
  #sweepFirst: number;
  #previousFirst = 0;

  /** Brings the devices to where the last commit left them. */
  constructor(db: Database, devices: Devices) {
    this.#db = db;
    this.#devices = devices;
    db.declare(TABLES);
    this.#insert = db.prepare("INSERT INTO delta VALUES(?, ?)");
    this.#drop = db.prepare("DELETE FROM delta WHERE id<?");
    this.#next = this.#recover();
    this.#sweepFirst = this.#next;
  }

  /** Loads the devices of all deltas left and applies them in order. @returns the number of the next delta */
  #recover(): number {
    const devices = this.#devices;
    const asOf = new Map<number, number>();
    let last = 0;
    for (const row of this.#db.prepare("SELECT id, bytes FROM delta ORDER BY id").iterate()) {
      last = Number(row.id);
      assert(row.bytes instanceof Uint8Array, () => `delta ${last} has no bytes`);
      const from = new ByteReader(row.bytes);
      while (!from.done) {
        const device = from.varint();
        const length = from.varint();
        const end = from.position + length;
        const slot = devices.loadById(device);
        assert(slot >= 0, () => `delta ${last} names device ${device}, which has no row`);
        if (!asOf.has(slot)) asOf.set(slot, devices.asOf);
        if (last > (asOf.get(slot) ?? 0)) devices.readState(from, slot);
        from.position = end;
      }
    }
    return Math.max(last, Number(this.#db.setting("last-delta") ?? 0)) + 1;
  }

  /**
   * Writes new and idle devices as rows, a part of the others swept into rows, the rest of what changed as deltas, inside a transaction.
   * Yields after each device, with about the bytes written.
   */
  *write(idle: readonly number[]): Generator<number> {
    const devices = this.#devices;
    const asOf = this.#next;
    devices.beginWrite();
    for (const slot of idle) yield devices.writeRow(slot, asOf);
    const slots = devices.names.slotLimit;
    this.#sweepEnd = Math.min(slots, this.#sweepSlot + Math.ceil(slots / SWEEP_COMMITS));
    for (let slot = this.#sweepSlot; slot < this.#sweepEnd; slot++) {
      if (devices.hasStaleRow(slot) && !devices.isWritten(slot)) yield devices.writeRow(slot, asOf);
    }
    let delta = asOf;
    this.#out.reset();
    for (const slot of devices.dirtySlots) {
      if (devices.isWritten(slot)) continue;
      if (devices.isNew(slot)) yield devices.writeRow(slot, asOf);
      else {
        state.reset();
        writeState(devices, state, slot, devices.cells[slot * DEVICE_CELLS + CHANGED_WORD]);
        this.#out.varint(devices.cells[slot * DEVICE_CELLS + ID]);
        this.#out.block(state.view());
        yield this.#out.length < DELTA_BYTES_MAX ? 0 : this.#writeDelta(delta++);
      }
    }
    if (this.#out.length > 0) yield this.#writeDelta(delta++);
    devices.endWrite();
    this.#end = Math.max(delta, asOf + 1);
    this.#db.guarded(() => {
      this.#drop.run(this.#previousFirst);
      this.#db.setSetting("last-delta", this.#end - 1);
    });
  }

  #writeDelta(delta: number): number {
    this.#db.guarded(() => this.#insert.run(delta, this.#out.view()));
    const bytes = this.#out.length;
    this.#out.reset();
    return bytes;
  }

  /** The transaction of `write` is committed. */
  committed(): void {
    this.#next = this.#end;
    this.#sweepSlot = this.#sweepEnd;
    if (this.#sweepSlot < this.#devices.names.slotLimit) return;
    this.#sweepSlot = 0;
    this.#previousFirst = this.#sweepFirst;
    this.#sweepFirst = this.#next;
  }
}
