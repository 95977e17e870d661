/** Compares what two histories know of identities: every sequence, pair and id that was seen, whatever numbers devices and boots have. */

import { DUPLICATE_RUN, EDGE_BASE, EDGE_BOOT, EDGE_NAME, EDGE_NONE, EDGE_WORDS } from "../identity/device-columns.ts";
import { DEVICE_CELLS, Identities, NEWEST } from "../identity/identities.ts";
import { PairBlock } from "../identity/pair-block.ts";
import { BLOCK_SEQUENCES, BLOCK_WORDS, SeenBlock } from "../identity/seen-block.ts";
import { BOUNDS } from "../pipeline/bounds.ts";
import type { Database } from "../store/database.ts";

/** Scopes of seen pairs a device (identity.ts). */
const SCOPES_A_DEVICE = 2 ** 20;

/** Sequences that a line names. */
const SHOWN_MAX = 3;

/** Devices kept in memory on each side. */
const DEVICES_AT_ONCE = 10_000;

/** How a sensor's identities compare. */
export interface IdentityRule {
  /** Both were made of the same readings, else the recomputed ones are some of the stored. */
  readonly isWhole: boolean;
  /** They came in the same order: what rests on it is compared, too. */
  readonly isOrdered: boolean;
  /** Which of them counted is known from the log. */
  readonly isClockKnown: boolean;
}

/** A sensor's identities, or a device's, that differ. */
export interface IdentityFault {
  readonly series: number;
  readonly what: string;
  readonly stored: string;
  readonly expected: string;
}

/** One of the two histories. */
interface Side {
  readonly db: Database;
  readonly identities: Identities;
  readonly loaded: number[];
}

/** Compares device by device, then explicit ids. O(rows of both). */
export class IdentityComparison {
  readonly #stored: Side;
  readonly #recomputed: Side | null;
  readonly #onFault: (fault: IdentityFault) => void;

  /** @param recomputed all of it committed; null: then the stored ones are only read @throws Error of a blob that cannot be read */
  constructor(stored: Database, recomputed: Database | null, onFault: (fault: IdentityFault) => void) {
    const sideOf = (db: Database): Side => ({ db, identities: new Identities(db, BOUNDS), loaded: [] });
    this.#stored = sideOf(stored);
    this.#recomputed = recomputed === null ? null : sideOf(recomputed);
    this.#onFault = onFault;
  }

  /** Yields after each device. @param ruleOf null: the sensor's are not compared */
  *run(ruleOf: (series: number) => IdentityRule | null): Generator<void> {
    const recomputed = this.#recomputed;
    if (recomputed === null) return;
    const select = "SELECT id, sensor, name FROM device ORDER BY sensor, name";
    const find = this.#stored.db.prepare("SELECT id FROM device WHERE sensor=? AND name=?");
    const findOther = recomputed.db.prepare("SELECT id FROM device WHERE sensor=? AND name=?");
    for (const { id, sensor, name } of recomputed.db.prepare(select).iterate()) {
      const rule = ruleOf(Number(sensor));
      if (rule === null || !(name instanceof Uint8Array)) continue;
      const own = find.get(Number(sensor), name)?.id;
      const text = Buffer.from(name).toString("utf8");
      if (own === undefined) this.#tell(Number(sensor), `device ${text}`, "nothing", "a device of that name");
      else
        this.#compareDevice(
          recomputed,
          { series: Number(sensor), name: text, own: Number(own), other: Number(id) },
          rule,
        );
      yield;
    }
    for (const { sensor, name } of this.#stored.db.prepare(select).iterate()) {
      if (ruleOf(Number(sensor))?.isWhole !== true || !(name instanceof Uint8Array)) continue;
      if (findOther.get(Number(sensor), name) !== undefined) continue;
      this.#tell(Number(sensor), `device ${Buffer.from(name).toString("utf8")}`, "a device", "none of that name");
    }
    this.#compareIds(recomputed, ruleOf);
  }

  #tell(series: number, what: string, stored: string, expected: string): void {
    this.#onFault({ series, what, stored, expected });
  }

  #compareDevice(
    recomputed: Side,
    { series, name, own, other }: { series: number; name: string; own: number; other: number },
    rule: IdentityRule,
  ): void {
    const [a, b] = [load(this.#stored, own), load(recomputed, other)];
    const what = `device ${name}`;
    if (rule.isWhole && rule.isOrdered && rule.isClockKnown) {
      const [stored, expected] = [stateText(this.#stored, a), stateText(recomputed, b)];
      if (stored !== expected) this.#tell(series, what, stored, expected);
    }
    const [boots, others] = [bootsOf(this.#stored.db, own), bootsOf(recomputed.db, other)];
    for (const [boot, id] of others) {
      const fault = seenFault(seenOf(this.#stored, a, boots.get(boot)), seenOf(recomputed, b, id), rule.isWhole);
      if (fault !== null) this.#tell(series, `${what}, boot ${boot}`, fault.stored, fault.expected);
    }
    for (const [boot, id] of boots) {
      if (!rule.isWhole || others.has(boot) || seenOf(this.#stored, a, id).size === 0) continue;
      this.#tell(series, `${what}, boot ${boot}`, "sequences of it", "none: no reading names it");
    }
    // Scope 0 are sequences with times; the others are of implicit boots, which the order makes.
    const last = rule.isOrdered && rule.isWhole ? SCOPES_A_DEVICE - 1 : 0;
    const fault = pairsFault(pairsOf(this.#stored.db, own, last), pairsOf(recomputed.db, other, last), rule);
    if (fault !== null) this.#tell(series, `${what}, sequences without boot`, fault.stored, fault.expected);
  }

  #compareIds(recomputed: Side, ruleOf: (series: number) => IdentityRule | null): void {
    const select = "SELECT sensor, hash FROM seen_id ORDER BY sensor, hash";
    const [own, other] = [this.#stored.db.prepare(select).iterate(), recomputed.db.prepare(select).iterate()];
    const textOf = (row: { sensor?: unknown; hash?: unknown } | null | undefined): string | null =>
      row === null || row === undefined || !(row.hash instanceof Uint8Array)
        ? null
        : `${String(row.sensor).padStart(8, "0")} ${Buffer.from(row.hash).toString("hex")}`;
    let [a, b] = [textOf(own.next().value), textOf(other.next().value)];
    while (a !== null || b !== null) {
      if (a === b) [a, b] = [textOf(own.next().value), textOf(other.next().value)];
      else if (b === null || (a !== null && a < b)) {
        const series = Number(a?.slice(0, 8));
        if (ruleOf(series)?.isWhole === true) this.#tell(series, `explicit id ${a?.slice(9)}`, "seen", "not seen");
        a = textOf(own.next().value);
      } else {
        const series = Number(b.slice(0, 8));
        if (ruleOf(series) !== null) this.#tell(series, `explicit id ${b.slice(9)}`, "not seen", "seen");
        b = textOf(other.next().value);
      }
    }
  }
}

/** The slot of a device, made resident. */
function load(side: Side, id: number): number {
  const { devices } = side.identities;
  if (side.loaded.length >= DEVICES_AT_ONCE) {
    for (const _ of devices.evict(side.loaded.splice(0))) {
      // nobody waits
    }
  }
  const before = devices.names.size;
  const slot = devices.loadById(id);
  if (devices.names.size > before) side.loaded.push(slot);
  return slot;
}

function stateText({ identities: { devices } }: Side, slot: number): string {
  const at = slot * DEVICE_CELLS;
  const { cells, implicitBoot, lastUntimed } = devices;
  const parts = [
    `newest event time ${cells[at + NEWEST]}`,
    `duplicates in a row ${cells[at + DUPLICATE_RUN]}`,
    `implicit boot ${implicitBoot[slot]}`,
  ];
  return [...parts, ...(implicitBoot[slot] === 0 ? [] : [`last sequence ${lastUntimed[slot]}`])].join(", ");
}

/** Named boots of a device, by name. */
function bootsOf(db: Database, device: number): Map<string, number> {
  const rows = db.prepare("SELECT id, name FROM boot WHERE device=? AND name IS NOT NULL").all(device);
  return new Map(
    rows.map(({ id, name }) => [Buffer.from(name instanceof Uint8Array ? name : []).toString("utf8"), Number(id)]),
  );
}

/** Blocks of a boot by their number, with what is at the device's edge. */
function seenOf({ db, identities }: Side, slot: number, boot: number | undefined): Map<number, SeenBlock> {
  const blocks = new Map<number, SeenBlock>();
  if (boot === undefined) return blocks;
  for (const { block, bytes } of db.prepare("SELECT block, bytes FROM seen WHERE boot=?").iterate(boot)) {
    if (bytes instanceof Uint8Array) blocks.set(Number(block), SeenBlock.decode(bytes));
  }
  const { cells, edge } = identities.devices;
  const at = slot * DEVICE_CELLS;
  if (cells[at + EDGE_NAME] === EDGE_NONE || cells[at + EDGE_BOOT] !== boot) return blocks;
  for (let w = 0; w < EDGE_WORDS; w++) {
    const bits = edge[slot * EDGE_WORDS + w];
    if (bits === 0) continue;
    const word = cells[at + EDGE_BASE] / 32 + w;
    const number = Math.floor(word / BLOCK_WORDS);
    const block = blocks.get(number) ?? new SeenBlock();
    block.addWord(word - number * BLOCK_WORDS, bits);
    blocks.set(number, block);
  }
  return blocks;
}

function seenFault(
  own: Map<number, SeenBlock>,
  other: Map<number, SeenBlock>,
  isWhole: boolean,
): { stored: string; expected: string } | null {
  const lacking = new Some();
  const more = new Some();
  for (const number of new Set([...own.keys(), ...other.keys()])) {
    const [a, b] = [own.get(number) ?? new SeenBlock(), other.get(number) ?? new SeenBlock()];
    if (Buffer.compare(a.encode(), b.encode()) === 0) continue;
    for (let w = 0; w < BLOCK_WORDS; w++) {
      const first = number * BLOCK_SEQUENCES + w * 32;
      addBits(lacking, first, b.word(w) & ~a.word(w));
      if (isWhole) addBits(more, first, a.word(w) & ~b.word(w));
    }
  }
  return faultOf(lacking, more);
}

function addBits(into: Some, first: number, bits: number): void {
  for (let b = 0; b < 32; b++) if ((bits & (1 << b)) !== 0) into.add(`${first + b}`);
}

/** The first of many, and how many there are. */
class Some {
  count = 0;
  readonly #first: string[] = [];

  add(item: string): void {
    if (this.count++ < SHOWN_MAX) this.#first.push(item);
  }

  get text(): string {
    const more = this.count - this.#first.length;
    return this.#first.join(", ") + (more > 0 ? ` and ${more} more` : "");
  }
}

/** `without 7, 8 and 12 more; also 99`; null: there are none. */
function faultOf(lacking: Some, more: Some): { stored: string; expected: string } | null {
  if (lacking.count + more.count === 0) return null;
  const parts = [
    lacking.count > 0 ? `without ${lacking.text}` : "",
    more.count > 0 ? `also ${more.text}, of no reading in the log` : "",
  ];
  return { stored: parts.filter((part) => part !== "").join("; "), expected: "what the log's readings mark" };
}

/** Scope less the device's first, key, tag. */
type Pair = readonly [number, number, number];

/** Pairs of a device's scopes up to `last`, in order. */
function* pairsOf(db: Database, device: number, last: number): Generator<Pair> {
  const first = device * SCOPES_A_DEVICE;
  const rows = db.prepare("SELECT scope, bytes FROM seen_pair WHERE scope BETWEEN ? AND ? ORDER BY scope, start");
  for (const { scope, bytes } of rows.iterate(first, first + last)) {
    if (!(bytes instanceof Uint8Array)) continue;
    for (const [key, tag] of PairBlock.decode(bytes).pairs()) yield [Number(scope) - first, key, tag];
  }
}

function pairsFault(own: Iterator<Pair>, other: Iterator<Pair>, { isWhole }: IdentityRule) {
  const lacking = new Some();
  const more = new Some();
  let [a, b] = [own.next(), other.next()];
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : compare(a.value, b.value);
    if (order > 0 && b.done !== true) lacking.add(pairText(b.value));
    if (order < 0 && isWhole && a.done !== true) more.add(pairText(a.value));
    if (order <= 0) a = own.next();
    if (order >= 0) b = other.next();
  }
  return faultOf(lacking, more);
}

function compare(a: Pair, b: Pair): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** With a time the pair is (time, sequence), else (sequence, value's hash). */
function pairText([scope, key, tag]: Pair): string {
  return scope === 0 ? `${tag} at ${key} ms` : `${key} of implicit boot ${scope}`;
}
