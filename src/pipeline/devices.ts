/**
 * Devices in columns by slot (the slot of their name): each one's edge, newest time and latest boots. docs/formats/identity.md
 *
 * The *edge* is a window of 2,048 sequences of one boot, kept as bits: in it a sequence is judged without looking anywhere else. What
 * slides out of it is marked in the seen blocks. A device that was heard of is resident until it has been idle and room is needed;
 * its state is then a row, and between rows changes are deltas (delta.ts).
 */
import type { StatementSync } from "node:sqlite";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { Names } from "../core/names.ts";
import type { Database } from "../rollups/database.ts";
import type { SeenStore } from "./seen-store.ts";

/** Sequences in an edge: disorder and resends of half of it cost no look-up, at 256 bytes a device. */
export const EDGE_SEQUENCES = 2048;
export const EDGE_WORDS = EDGE_SEQUENCES / 32;

/** Devices kept in memory, about 0.6 KB each. Past it, those idle longest become rows at the next commit. */
export const RESIDENT_DEVICES_MAX = 262_144;

/** `edgeName` of an edge whose boot is implicit, not yet looked up, or missing. */
export const EDGE_IMPLICIT = -1;
export const EDGE_UNRESOLVED = -2;
export const EDGE_NONE = -3;

/** Duplicates in a row, nothing new between them, after which a device is flagged: it may have lost its sequence. */
export const STUCK_DUPLICATES = 100;

const FIRST_CAPACITY = 1024;
const out = new ByteWriter(512);

export class Devices {
  readonly names: Names;
  readonly #db: Database;
  readonly #seen: SeenStore;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #byId: StatementSync;
  #nextId: number;
  /** Number of the device's row; 0: the slot is not loaded. */
  id = new Float64Array(FIRST_CAPACITY);
  /** The boot that the edge belongs to, and its name's slot (or an EDGE_ constant). */
  edgeBoot = new Float64Array(FIRST_CAPACITY);
  edgeName = new Int32Array(FIRST_CAPACITY);
  /** First sequence of the edge, a multiple of 32. */
  edgeBase = new Float64Array(FIRST_CAPACITY);
  edge = new Uint32Array(FIRST_CAPACITY * EDGE_WORDS);
  /** Newest counted event time of any boot, ms; -Infinity before the first. */
  newest = new Float64Array(FIRST_CAPACITY);
  /** When it was last heard from, ms (ingestion time); not stored. */
  heardAt = new Float64Array(FIRST_CAPACITY);
  /** Duplicates in a row. */
  duplicateRun = new Float64Array(FIRST_CAPACITY);
  /** The latest implicit boot (0: none), its ordinal, the range of its counted readings and its highest sequence. */
  implicitBoot = new Float64Array(FIRST_CAPACITY);
  implicitOrdinal = new Float64Array(FIRST_CAPACITY);
  implicitFirst = new Float64Array(FIRST_CAPACITY);
  implicitLast = new Float64Array(FIRST_CAPACITY);
  implicitHighest = new Float64Array(FIRST_CAPACITY);
  /** First edge word changed since the last commit; EDGE_WORDS: none. */
  changedWord = new Uint8Array(FIRST_CAPACITY);
  #dirty = new Uint8Array(FIRST_CAPACITY);
  #isNew = new Uint8Array(FIRST_CAPACITY);
  /** 1: the row does not hold all that was committed or changed since. */
  #rowStale = new Uint8Array(FIRST_CAPACITY);
  readonly #rowsWritten: number[] = [];
  /** Slots changed since the last commit, and slots that wait to be made. */
  readonly dirtySlots: number[] = [];
  /** Slots of each sensor's resident devices. */
  readonly slotsOf = new Map<number, number[]>();
  /** Devices ever heard of, and flagged ones among them, by sensor. */
  readonly counts = new Map<number, number>();
  readonly stuck = new Map<number, number>();

  constructor(db: Database, seen: SeenStore, names: Names) {
    this.#db = db;
    this.#seen = seen;
    this.names = names;
    this.#find = db.prepare("SELECT id, state FROM device WHERE sensor=? AND name=?");
    this.#insert = db.prepare("INSERT OR REPLACE INTO device VALUES(?, ?, ?, ?)");
    this.#byId = db.prepare("SELECT sensor, name FROM device WHERE id=?");
    this.#nextId = Number(db.prepare("SELECT max(id) AS id FROM device").get()?.id ?? 0) + 1;
    for (const row of db.prepare("SELECT sensor, count(*) AS n FROM device GROUP BY sensor").all()) {
      this.counts.set(Number(row.sensor), Number(row.n));
    }
  }

  isLoaded(slot: number): boolean {
    return slot < this.id.length && this.id[slot] !== 0;
  }

  /** Makes the slot's device resident: from its row, or new. */
  load(slot: number): void {
    if (slot >= this.id.length) this.#grow(slot + 1);
    const sensor = this.names.namespace(slot);
    const name = this.names.bytes(slot);
    const row = this.#find.get(sensor, name);
    this.#clear(slot);
    if (row === undefined) {
      this.id[slot] = this.#nextId++;
      this.#isNew[slot] = 1;
      this.counts.set(sensor, (this.counts.get(sensor) ?? 0) + 1);
      this.touch(slot);
    } else {
      this.id[slot] = Number(row.id);
      if (row.state instanceof Uint8Array) this.#decode(slot, row.state);
      if (this.duplicateRun[slot] >= STUCK_DUPLICATES) this.stuck.set(sensor, (this.stuck.get(sensor) ?? 0) + 1);
    }
    const slots = this.slotsOf.get(sensor);
    if (slots === undefined) this.slotsOf.set(sensor, [slot]);
    else slots.push(slot);
  }

  /** The slot of the device with that row, made resident; -1 when there is no such row. */
  loadById(id: number): number {
    const row = this.#byId.get(id);
    if (row === undefined || !(row.name instanceof Uint8Array)) return -1;
    const slot = this.names.intern(Number(row.sensor), row.name, 0, row.name.length);
    if (!this.isLoaded(slot)) this.load(slot);
    return slot;
  }

  #clear(slot: number): void {
    this.edgeBoot[slot] = 0;
    this.edgeName[slot] = EDGE_NONE;
    this.edgeBase[slot] = 0;
    this.edge.fill(0, slot * EDGE_WORDS, (slot + 1) * EDGE_WORDS);
    this.newest[slot] = Number.NEGATIVE_INFINITY;
    this.heardAt[slot] = Number.NEGATIVE_INFINITY;
    this.duplicateRun[slot] = 0;
    this.implicitBoot[slot] = 0;
    this.implicitOrdinal[slot] = -1;
    this.implicitFirst[slot] = Number.POSITIVE_INFINITY;
    this.implicitLast[slot] = Number.NEGATIVE_INFINITY;
    this.implicitHighest[slot] = -1;
    this.changedWord[slot] = EDGE_WORDS;
    this.#dirty[slot] = 0;
    this.#isNew[slot] = 0;
    this.#rowStale[slot] = 0;
  }

  #grow(length: number): void {
    const capacity = Math.max(this.id.length * 2, length);
    this.id = wider(this.id, new Float64Array(capacity));
    this.edgeBoot = wider(this.edgeBoot, new Float64Array(capacity));
    this.edgeName = wider(this.edgeName, new Int32Array(capacity));
    this.edgeBase = wider(this.edgeBase, new Float64Array(capacity));
    this.edge = wider(this.edge, new Uint32Array(capacity * EDGE_WORDS));
    this.newest = wider(this.newest, new Float64Array(capacity));
    this.heardAt = wider(this.heardAt, new Float64Array(capacity));
    this.duplicateRun = wider(this.duplicateRun, new Float64Array(capacity));
    this.implicitBoot = wider(this.implicitBoot, new Float64Array(capacity));
    this.implicitOrdinal = wider(this.implicitOrdinal, new Float64Array(capacity));
    this.implicitFirst = wider(this.implicitFirst, new Float64Array(capacity));
    this.implicitLast = wider(this.implicitLast, new Float64Array(capacity));
    this.implicitHighest = wider(this.implicitHighest, new Float64Array(capacity));
    this.changedWord = wider(this.changedWord, new Uint8Array(capacity));
    this.#dirty = wider(this.#dirty, new Uint8Array(capacity));
    this.#isNew = wider(this.#isNew, new Uint8Array(capacity));
    this.#rowStale = wider(this.#rowStale, new Uint8Array(capacity));
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
    let distance = sequence - this.edgeBase[slot];
    if (distance < 0) {
      const boot = this.edgeBoot[slot];
      if (this.#seen.has(boot, sequence)) return false;
      this.#seen.add(boot, sequence);
      return true;
    }
    if (distance >= EDGE_SEQUENCES) {
      this.#slide(slot, sequence);
      distance = sequence - this.edgeBase[slot];
    }
    const word = distance >>> 5;
    const bit = 1 << (distance & 31);
    const at = slot * EDGE_WORDS + word;
    if ((this.edge[at] & bit) !== 0) return false;
    this.edge[at] |= bit;
    if (word < this.changedWord[slot]) this.changedWord[slot] = word;
    return true;
  }

  /** Whether a sequence of the edge's boot was seen; marks nothing. */
  isAtEdge(slot: number, sequence: number): boolean {
    const distance = sequence - this.edgeBase[slot];
    if (distance < 0) return this.#seen.has(this.edgeBoot[slot], sequence);
    if (distance >= EDGE_SEQUENCES) return false;
    return (this.edge[slot * EDGE_WORDS + (distance >>> 5)] & (1 << (distance & 31))) !== 0;
  }

  /** Moves the edge so that `sequence` is in its upper half; what leaves it is marked in the seen blocks. */
  #slide(slot: number, sequence: number): void {
    const base = this.edgeBase[slot];
    const wordsMoved = Math.floor(sequence / 32) - EDGE_WORDS / 2 - base / 32;
    const leaving = Math.min(wordsMoved, EDGE_WORDS);
    const at = slot * EDGE_WORDS;
    for (let w = 0; w < leaving; w++) {
      const bits = this.edge[at + w];
      if (bits !== 0) this.#seen.addWord(this.edgeBoot[slot], base / 32 + w, bits);
    }
    this.edge.copyWithin(at, at + leaving, at + EDGE_WORDS);
    this.edge.fill(0, at + EDGE_WORDS - leaving, at + EDGE_WORDS);
    this.edgeBase[slot] = base + wordsMoved * 32;
    this.changedWord[slot] = Math.max(0, this.changedWord[slot] - leaving);
  }

  /** Gives the edge to another boot, around `sequence`: the old one's bits go to the seen blocks, the new one's come from there. */
  turnEdge(slot: number, boot: number, name: number, sequence: number, isNew: boolean): void {
    const at = slot * EDGE_WORDS;
    if (this.edgeName[slot] !== EDGE_NONE) {
      for (let w = 0; w < EDGE_WORDS; w++) {
        const bits = this.edge[at + w];
        if (bits !== 0) this.#seen.addWord(this.edgeBoot[slot], this.edgeBase[slot] / 32 + w, bits);
      }
    }
    const firstWord = Math.max(0, Math.floor(sequence / 32) - EDGE_WORDS / 2);
    this.edgeBoot[slot] = boot;
    this.edgeName[slot] = name;
    this.edgeBase[slot] = firstWord * 32;
    for (let w = 0; w < EDGE_WORDS; w++) this.edge[at + w] = isNew ? 0 : this.#seen.word(boot, firstWord + w);
    this.changedWord[slot] = 0;
    this.touch(slot);
  }

  /** Forgets which boot names are interned where (their table is about to be emptied). */
  unresolveEdges(): void {
    for (let slot = 0; slot < this.edgeName.length; slot++) {
      if (this.edgeName[slot] >= 0) this.edgeName[slot] = EDGE_UNRESOLVED;
    }
  }

  get residents(): number {
    return this.names.size;
  }

  isDirty(slot: number): boolean {
    return this.#dirty[slot] !== 0;
  }

  isNew(slot: number): boolean {
    return this.#isNew[slot] !== 0;
  }

  /** The slot's whole state. @param asOf the delta that it includes: older ones say nothing new about this device */
  encode(slot: number, asOf: number): Uint8Array<ArrayBuffer> {
    out.reset();
    out.varint(asOf);
    this.writeState(out, slot, 0);
    return out.finish();
  }

  /** State and the edge's words from `firstWord` on. */
  writeState(to: ByteWriter, slot: number, firstWord: number): void {
    const name = this.edgeName[slot];
    to.u8((name === EDGE_NONE ? 0 : name === EDGE_IMPLICIT ? 1 : 2) | (this.implicitBoot[slot] !== 0 ? 4 : 0));
    to.varint(this.duplicateRun[slot]);
    to.f64(this.newest[slot]);
    if (this.implicitBoot[slot] !== 0) {
      to.varint(this.implicitBoot[slot]);
      to.varint(this.implicitOrdinal[slot]);
      to.f64(this.implicitFirst[slot]);
      to.f64(this.implicitLast[slot]);
      to.signed(this.implicitHighest[slot]);
    }
    if (name === EDGE_NONE) return;
    to.varint(this.edgeBoot[slot]);
    to.varint(this.edgeBase[slot] / 32);
    const at = slot * EDGE_WORDS;
    let end = EDGE_WORDS;
    while (end > firstWord && this.edge[at + end - 1] === 0) end--;
    to.u8(firstWord);
    to.u8(end - firstWord);
    for (let w = firstWord; w < end; w++) to.u32(this.edge[at + w]);
  }

  #decode(slot: number, state: Uint8Array): void {
    const from = new ByteReader(state);
    this.asOf = from.varint();
    this.readState(from, slot);
    this.#rowStale[slot] = 0;
  }

  /** The delta that the last loaded row includes. */
  asOf = 0;

  /** Whether a resident slot has changes that are not in its row. */
  hasStaleRow(slot: number): boolean {
    return this.isLoaded(slot) && this.#rowStale[slot] !== 0;
  }

  /** Applies what `writeState` wrote: bits are added, everything else replaced. */
  readState(from: ByteReader, slot: number): void {
    this.#rowStale[slot] = 1;
    const flags = from.u8();
    this.duplicateRun[slot] = from.varint();
    this.newest[slot] = from.f64();
    if ((flags & 4) !== 0) {
      this.implicitBoot[slot] = from.varint();
      this.implicitOrdinal[slot] = from.varint();
      this.implicitFirst[slot] = from.f64();
      this.implicitLast[slot] = from.f64();
      this.implicitHighest[slot] = from.signed();
    }
    if ((flags & 3) === 0) return;
    const boot = from.varint();
    const base = from.varint() * 32;
    const firstWord = from.u8();
    const length = from.u8();
    const at = slot * EDGE_WORDS;
    if (this.edgeBoot[slot] !== boot || this.edgeName[slot] === EDGE_NONE) {
      this.edge.fill(0, at, at + EDGE_WORDS);
      this.edgeBoot[slot] = boot;
    } else {
      // What slid out since is in the seen blocks of the same commit.
      const moved = (base - this.edgeBase[slot]) / 32;
      if (moved < 0 || moved >= EDGE_WORDS) this.edge.fill(0, at, at + EDGE_WORDS);
      else {
        this.edge.copyWithin(at, at + moved, at + EDGE_WORDS);
        this.edge.fill(0, at + EDGE_WORDS - moved, at + EDGE_WORDS);
      }
    }
    this.edgeName[slot] = (flags & 3) === 1 ? EDGE_IMPLICIT : EDGE_UNRESOLVED;
    this.edgeBase[slot] = base;
    for (let w = 0; w < length; w++) this.edge[at + firstWord + w] |= from.u32();
  }

  /** Writes the slot's row, inside a transaction. @returns its bytes */
  writeRow(slot: number, asOf: number): number {
    const state = this.encode(slot, asOf);
    const name = this.names.bytes(slot);
    this.#db.guarded(() => this.#insert.run(this.id[slot], this.names.namespace(slot), name, state));
    this.#rowsWritten.push(slot);
    return state.length + name.length;
  }

  /** A commit begins anew. */
  beginWrite(): void {
    this.#rowsWritten.length = 0;
  }

  /** What was changed is committed. */
  committed(): void {
    for (const slot of this.#rowsWritten) this.#rowStale[slot] = 0;
    for (const slot of this.dirtySlots) {
      this.#dirty[slot] = 0;
      this.#isNew[slot] = 0;
      this.changedWord[slot] = EDGE_WORDS;
    }
    this.dirtySlots.length = 0;
  }

  /** Slots of devices that are idle longest and not changed, so that `RESIDENT_DEVICES_MAX` holds; empty while it does. */
  idlest(): number[] {
    const excess = this.residents - RESIDENT_DEVICES_MAX;
    if (excess <= 0) return [];
    const slots: number[] = [];
    for (const list of this.slotsOf.values()) for (const slot of list) slots.push(slot);
    slots.sort((a, b) => this.heardAt[a] - this.heardAt[b]);
    return slots.slice(0, excess + (RESIDENT_DEVICES_MAX >> 4));
  }

  /** Lets go of slots whose rows are committed, and of names that only refused records used. */
  evict(slots: readonly number[]): void {
    for (let slot = 0; slot < this.names.slotLimit; slot++) {
      if (this.names.isUsed(slot) && !this.isLoaded(slot)) this.names.release(slot);
    }
    if (slots.length === 0) return;
    const gone = new Set(slots);
    for (const slot of slots) {
      const sensor = this.names.namespace(slot);
      if (this.duplicateRun[slot] >= STUCK_DUPLICATES) this.stuck.set(sensor, (this.stuck.get(sensor) ?? 0) - 1);
      this.id[slot] = 0;
      this.names.release(slot);
    }
    for (const [sensor, list] of this.slotsOf) {
      this.slotsOf.set(
        sensor,
        list.filter((slot) => !gone.has(slot)),
      );
    }
  }
}

function wider<T extends Float64Array | Int32Array | Uint32Array | Uint8Array>(column: T, into: T): T {
  into.set(column);
  return into;
}
