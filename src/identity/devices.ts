/** Devices: which are resident, their state, and how much of it is stored. docs/formats/identity.md */
import type { StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { Names } from "../core/names.ts";
import type { Readings } from "../core/readings.ts";
import { isSimulatorName, SIMULATOR_PREFIX } from "../core/simulator-name.ts";
import { BulkInsert } from "../store/bulk-insert.ts";
import type { Database } from "../store/database.ts";
import {
  CHANGED_WORD,
  DEVICE_CELLS,
  DeviceColumns,
  DUPLICATE_RUN,
  EDGE_BASE,
  EDGE_BOOT,
  EDGE_NAME,
  EDGE_NONE,
  EDGE_SEQUENCES,
  EDGE_UNRESOLVED,
  EDGE_WORDS,
  ID,
  wider,
} from "./device-columns.ts";
import { readState, writeState } from "./device-state.ts";
import { idlestSlots } from "./idlest.ts";
import type { SeenStore } from "./seen-store.ts";

/** Duplicates in a row, nothing new between them, after which a device is flagged: it may have lost its sequence. */
export const STUCK_DUPLICATES = 100;

const TABLES = `
CREATE TABLE IF NOT EXISTS device(id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, name BLOB NOT NULL, state BLOB NOT NULL,
  UNIQUE(sensor, name))
`;

const out = new ByteWriter(512);

/**
 * States of a device, by the slot of its name:
 *
 *     unknown ─load─▶ new ─committed─▶ stored ⇄ dirty        (touch →, committed ←)
 *     evicted ─load─▶ stored              └──evict──▶ evicted
 *
 * *unknown* or *evicted*: not resident (ID 0), the columns mean nothing. *new*: it has a number and no row; always dirty. *dirty*: it differs
 * from what was committed; in `dirtySlots`. A stored device's row may be *stale*: deltas have what came since (deltas.ts). Only a stored
 * device whose row the commit has just written may be evicted.
 *
 * The *edge* is a window of 2,048 sequences of one boot, kept as bits: a sequence in it is classified without a look-up. What
 * slides out of it is marked in the seen blocks. `turnEdge` gives it to another boot; no device has two.
 */
export class Devices extends DeviceColumns {
  readonly names: Names;
  readonly #db: Database;
  readonly #seen: SeenStore;
  readonly #find: StatementSync;
  readonly #insert: BulkInsert;
  readonly #update: StatementSync;
  readonly #byId: StatementSync;
  readonly #residentMax: number;
  #nextId: number;
  #dirty = new Uint8Array(this.capacity);
  #isNew = new Uint8Array(this.capacity);
  /** 1: the row does not hold all that was committed or changed since. */
  #rowStale = new Uint8Array(this.capacity);
  /** 1: the commit that is being written has the slot's whole row. */
  #isWritten = new Uint8Array(this.capacity);
  readonly #rowsWritten: number[] = [];
  #newCount = 0;
  /** Resident devices. */
  #loadedCount = 0;
  /** Slots changed since the last commit, and slots that wait to be made. */
  readonly dirtySlots: number[] = [];
  /** Slots of each sensor's resident devices. */
  readonly slotsOf = new Map<number, number[]>();
  /** Devices ever heard of, and simulators and flagged ones among them, by sensor. */
  readonly known = new Map<number, number>();
  readonly simulated = new Map<number, number>();
  readonly stuck = new Map<number, number>();

  constructor(db: Database, seen: SeenStore, names: Names, residentMax: number) {
    super();
    this.#residentMax = residentMax;
    this.#db = db;
    this.#seen = seen;
    this.names = names;
    db.declare(TABLES);
    this.#find = db.prepare("SELECT id, state FROM device WHERE sensor=? AND name=?");
    // Not INSERT OR REPLACE, which looks into both indexes for what it might replace: 3.5 µs a device.
    this.#insert = new BulkInsert(db, "device", 4);
    this.#update = db.prepare("UPDATE device SET state=? WHERE id=?");
    this.#byId = db.prepare("SELECT sensor, name FROM device WHERE id=?");
    this.#nextId = Number(db.prepare("SELECT max(id) AS id FROM device").get()?.id ?? 0) + 1;
    const counted = db.prepare(
      "SELECT sensor, count(*) AS n, total(substr(name, 1, ?) = ?) AS simulated FROM device GROUP BY sensor",
    );
    for (const row of counted.all(SIMULATOR_PREFIX.length, Buffer.from(SIMULATOR_PREFIX))) {
      this.known.set(Number(row.sensor), Number(row.n));
      this.simulated.set(Number(row.sensor), Number(row.simulated));
    }
  }

  /** The number that the next new device gets: devices from it on have no row. */
  get nextId(): number {
    return this.#nextId;
  }

  /** New devices that wait for a commit. */
  get waiting(): number {
    return this.#newCount;
  }

  /** Makes the slot's device resident: from its row, or new. */
  load(slot: number): void {
    if (slot >= this.capacity) this.grow(slot + 1);
    const sensor = this.names.namespace(slot);
    let slots = this.slotsOf.get(sensor);
    if (slots === undefined) {
      slots = [];
      this.slotsOf.set(sensor, slots);
    }
    const count = this.known.get(sensor) ?? 0;
    this.clear(slot);
    // While all of a sensor's devices are resident, one that is not is new.
    const row = count > slots.length ? this.#db.lookUp(this.#find, sensor, this.names.bytes(slot)) : undefined;
    if (row === undefined) {
      this.cells[slot * DEVICE_CELLS + ID] = this.#nextId++;
      this.#isNew[slot] = 1;
      this.#newCount++;
      this.known.set(sensor, count + 1);
      if (isSimulatorName(this.names.bytes(slot))) {
        this.simulated.set(sensor, (this.simulated.get(sensor) ?? 0) + 1);
      }
      this.touch(slot);
    } else {
      this.cells[slot * DEVICE_CELLS + ID] = Number(row.id);
      if (row.state !== null) this.#db.decoded("device", row.state, (state) => this.#decode(slot, state));
    }
    slots.push(slot);
    this.#loadedCount++;
  }

  /** The slot of the device with that row, made resident; -1 when there is no such row. */
  loadById(id: number): number {
    const row = this.#db.lookUp(this.#byId, id);
    if (row === undefined || !(row.name instanceof Uint8Array)) return -1;
    const slot = this.names.intern(Number(row.sensor), row.name, 0, row.name.length);
    if (!this.isLoaded(slot)) this.load(slot);
    return slot;
  }

  override clear(slot: number): void {
    super.clear(slot);
    this.#dirty[slot] = 0;
    this.#isNew[slot] = 0;
    this.#rowStale[slot] = 0;
    this.#isWritten[slot] = 0;
  }

  override grow(length: number): void {
    super.grow(length);
    const { capacity } = this;
    this.#dirty = wider(this.#dirty, new Uint8Array(capacity));
    this.#isNew = wider(this.#isNew, new Uint8Array(capacity));
    this.#rowStale = wider(this.#rowStale, new Uint8Array(capacity));
    this.#isWritten = wider(this.#isWritten, new Uint8Array(capacity));
  }

  /** Stops V8 removing the prefetch reads as dead code. */
  touched = 0;

  /**
   * Prefetches the state of the devices of rows [from, to): the processor waits for many of these reads at once, where classifying would
   * wait for each by itself.
   */
  warm(readings: Readings, from: number, to: number): void {
    const { device, sequence } = readings;
    const { cells, edge } = this;
    let touched = 0;
    for (let row = from; row < to; row++) {
      const slot = device[row];
      if (!this.isLoaded(slot)) continue;
      const word = (sequence[row] - cells[slot * DEVICE_CELLS + EDGE_BASE]) >>> 5;
      touched += edge[slot * EDGE_WORDS + (word & (EDGE_WORDS - 1))];
    }
    this.touched = touched;
  }

  /** Notes that the slot's state differs from what is stored. */
  touch(slot: number): void {
    if (this.#dirty[slot] !== 0) return;
    this.#dirty[slot] = 1;
    this.#rowStale[slot] = 1;
    this.dirtySlots.push(slot);
  }

  /** Marks a sequence at the edge of the slot's boot. @returns false when it was marked already */
  markAtEdge(slot: number, sequence: number): boolean {
    const { cells, edge } = this;
    const cell = slot * DEVICE_CELLS;
    let distance = sequence - cells[cell + EDGE_BASE];
    if (distance < 0) return this.#seen.mark(cells[cell + EDGE_BOOT], sequence);
    if (distance >= EDGE_SEQUENCES) {
      this.#slide(slot, sequence);
      distance = sequence - cells[cell + EDGE_BASE];
    }
    const word = distance >>> 5;
    const bit = 1 << (distance & 31);
    const at = slot * EDGE_WORDS + word;
    if ((edge[at] & bit) !== 0) return false;
    edge[at] |= bit;
    if (word < cells[cell + CHANGED_WORD]) cells[cell + CHANGED_WORD] = word;
    return true;
  }

  /** Whether a sequence of the edge's boot was seen; marks nothing. */
  isAtEdge(slot: number, sequence: number): boolean {
    const distance = sequence - this.cells[slot * DEVICE_CELLS + EDGE_BASE];
    if (distance < 0) return this.#seen.has(this.cells[slot * DEVICE_CELLS + EDGE_BOOT], sequence);
    if (distance >= EDGE_SEQUENCES) return false;
    return (this.edge[slot * EDGE_WORDS + (distance >>> 5)] & (1 << (distance & 31))) !== 0;
  }

  /** Moves the edge so that `sequence` is in its upper half; what leaves it is marked in the seen blocks. */
  #slide(slot: number, sequence: number): void {
    const { cells, edge } = this;
    const cell = slot * DEVICE_CELLS;
    const base = cells[cell + EDGE_BASE];
    const wordsMoved = Math.floor(sequence / 32) - EDGE_WORDS / 2 - base / 32;
    const leaving = Math.min(wordsMoved, EDGE_WORDS);
    const at = slot * EDGE_WORDS;
    this.#store(slot, leaving);
    edge.copyWithin(at, at + leaving, at + EDGE_WORDS);
    edge.fill(0, at + EDGE_WORDS - leaving, at + EDGE_WORDS);
    cells[cell + EDGE_BASE] = base + wordsMoved * 32;
    cells[cell + CHANGED_WORD] = Math.max(0, cells[cell + CHANGED_WORD] - leaving);
  }

  /** Marks the sequences of a word's bits in the seen blocks. */
  #markWord(boot: number, word: number, bits: number): void {
    if (bits !== 0) this.#seen.addWord(boot, word, bits);
  }

  /** Marks what the first words of the edge hold in the seen blocks. */
  #store(slot: number, words: number): void {
    const boot = this.cells[slot * DEVICE_CELLS + EDGE_BOOT];
    const firstWord = this.cells[slot * DEVICE_CELLS + EDGE_BASE] / 32;
    for (let w = 0; w < words; w++) {
      this.#markWord(boot, firstWord + w, this.edge[slot * EDGE_WORDS + w]);
    }
  }

  /** Gives the edge to another boot, around `sequence`: the old one's bits go to the seen blocks, the new one's come from there. */
  turnEdge(slot: number, boot: number, name: number, sequence: number, isNew: boolean): void {
    const { cells, edge } = this;
    const cell = slot * DEVICE_CELLS;
    if (cells[cell + EDGE_NAME] !== EDGE_NONE) this.#store(slot, EDGE_WORDS);
    const firstWord = Math.max(0, Math.floor(sequence / 32) - EDGE_WORDS / 2);
    cells[cell + EDGE_BOOT] = boot;
    cells[cell + EDGE_NAME] = name;
    cells[cell + EDGE_BASE] = firstWord * 32;
    cells[cell + CHANGED_WORD] = 0;
    for (let w = 0; w < EDGE_WORDS; w++) {
      edge[slot * EDGE_WORDS + w] = isNew ? 0 : this.#seen.word(boot, firstWord + w);
    }
    this.touch(slot);
  }

  /** Forgets which boot names are interned where (their table is about to be emptied). */
  unresolveEdges(): void {
    for (let slot = 0; slot < this.capacity; slot++) {
      if (this.cells[slot * DEVICE_CELLS + EDGE_NAME] >= 0)
        this.cells[slot * DEVICE_CELLS + EDGE_NAME] = EDGE_UNRESOLVED;
    }
  }

  isNew(slot: number): boolean {
    return this.#isNew[slot] !== 0;
  }

  /** The delta that the last loaded row includes. */
  asOf = 0;

  #decode(slot: number, state: Uint8Array): void {
    const from = new ByteReader(state);
    this.asOf = from.varint();
    this.readState(from, slot);
    this.#rowStale[slot] = 0;
  }

  /** Applies what `writeState` wrote: bits are added, everything else replaced. The slot's row does not hold it. */
  readState(from: ByteReader, slot: number): void {
    this.#rowStale[slot] = 1;
    const wasStuck = this.isStuck(slot);
    readState(this, from, slot, (boot, word, bits) => this.#markWord(boot, word, bits));
    this.#countStuck(slot, Number(this.isStuck(slot)) - Number(wasStuck));
  }

  isStuck(slot: number): boolean {
    return this.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] >= STUCK_DUPLICATES;
  }

  #countStuck(slot: number, change: number): void {
    if (change === 0) return;
    const sensor = this.names.namespace(slot);
    this.stuck.set(sensor, (this.stuck.get(sensor) ?? 0) + change);
  }

  /** Whether a resident slot has changes that are not in its row. */
  hasStaleRow(slot: number): boolean {
    return this.isLoaded(slot) && this.#rowStale[slot] !== 0;
  }

  /** A commit begins anew. */
  beginWrite(): void {
    for (const slot of this.#rowsWritten) this.#isWritten[slot] = 0;
    this.#rowsWritten.length = 0;
    this.#insert.begin();
  }

  /** Whether this commit has the slot's whole row. */
  isWritten(slot: number): boolean {
    return this.#isWritten[slot] !== 0;
  }

  /** Writes the slot's row, inside a transaction. @param asOf the delta that it includes: older ones say nothing new. @returns its bytes */
  writeRow(slot: number, asOf: number): number {
    out.reset();
    out.varint(asOf);
    writeState(this, out, slot, 0);
    out.u32(crc32(out.view()));
    this.#isWritten[slot] = 1;
    this.#rowsWritten.push(slot);
    const id = this.cells[slot * DEVICE_CELLS + ID];
    if (this.#isNew[slot] === 0) {
      this.#db.guarded(() => this.#update.run(out.view(), id));
      return out.length;
    }
    const name = this.names.bytes(slot);
    this.#insert.add(id, this.names.namespace(slot), name, out.finish());
    return out.length + name.length;
  }

  /** Writes rows that were gathered to be written together. */
  endWrite(): void {
    this.#insert.flush();
  }

  /** What was changed is committed. */
  committed(): void {
    for (const slot of this.#rowsWritten) this.#rowStale[slot] = 0;
    for (const slot of this.dirtySlots) {
      this.#dirty[slot] = 0;
      this.#isNew[slot] = 0;
      this.cells[slot * DEVICE_CELLS + CHANGED_WORD] = EDGE_WORDS;
    }
    this.dirtySlots.length = 0;
    this.#newCount = 0;
  }

  /** Slots of the longest idle devices, enough to be a sixteenth below the bound; empty while within it. */
  idlest(): number[] {
    const excess = this.#loadedCount - this.#residentMax;
    if (excess <= 0) return [];
    const count = Math.min(this.#loadedCount, excess + (this.#residentMax >> 4));
    return idlestSlots(this.slotsOf, this.cells, this.#loadedCount, count);
  }

  /** Evicts slots whose rows are committed, and names that only rejected records used. Yields now and then. */
  *evict(slots: readonly number[]): Generator<number> {
    for (let slot = 0; slot < this.names.slotLimit && this.names.size > this.#loadedCount; slot++) {
      if (this.names.isUsed(slot) && !this.isLoaded(slot)) this.names.release(slot);
    }
    if (slots.length === 0) return;
    this.#loadedCount -= slots.length;
    for (const slot of slots) {
      this.#countStuck(slot, -Number(this.isStuck(slot)));
      this.cells[slot * DEVICE_CELLS + ID] = 0;
    }
    for (const [sensor, list] of this.slotsOf) {
      const left = list.filter((slot) => this.cells[slot * DEVICE_CELLS + ID] !== 0);
      if (left.length < list.length) this.slotsOf.set(sensor, left);
    }
    for (const slot of slots) {
      this.names.release(slot);
      yield 0;
    }
  }
}
