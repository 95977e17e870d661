/**
 * Pairs of numbers seen before, by scope, for ever: ordered blocks on disk behind a bounded cache, the leaves of a B-tree whose inner nodes
 * are SQLite's. For identities that one bit a sequence cannot hold: sequence and time, sequence and value.
 */
import type { StatementSync } from "node:sqlite";
import { evictUnused } from "../core/second-chance.ts";
import type { Database } from "../store/database.ts";
import { PairBlock } from "./pair-block.ts";

const TABLES = `
CREATE TABLE IF NOT EXISTS seen_pair(scope INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(scope, start)) WITHOUT ROWID;
`;

/** Pairs of a block: unpacking it takes a microsecond, and its row's own 15 bytes are little a pair. */
const BLOCK_PAIRS_MAX = 128;

/** Where the first block of a scope begins. */
const KEY_MIN = Number.MIN_SAFE_INTEGER;

/** About the memory of a block besides its pairs. */
const BLOCK_BYTES = 250;

/** A block and the keys [start, end) that belong in it: those of a scope divide all keys among them. */
class Leaf {
  readonly scope: number;
  readonly start: number;
  end: number;
  readonly block: PairBlock;
  bytes: number;
  dirty = false;
  used = true;

  constructor(scope: number, start: number, end: number, block: PairBlock) {
    this.scope = scope;
    this.start = start;
    this.end = end;
    this.block = block;
    this.bytes = BLOCK_BYTES + block.bytes;
  }

  holds(scope: number, key: number): boolean {
    return this.scope === scope && key >= this.start && key < this.end;
  }
}

/** The pairs of all scopes. */
export class SeenPairs {
  readonly #db: Database;
  readonly #bytesMax: number;
  readonly #select: StatementSync;
  readonly #selectNext: StatementSync;
  readonly #insert: StatementSync;
  /** Cached leaves of each scope, ascending: the last one is used most. */
  readonly #ofScope = new Map<number, Leaf[]>();
  /** The same, least recently used first. */
  readonly #leaves = new Map<Leaf, Leaf>();
  readonly #dirty = new Set<Leaf>();
  #bytes = 0;
  #dirtyBytes = 0;
  #last: Leaf | null = null;

  /** @param bytesMax of blocks kept in memory; changed ones come on top until they are committed */
  constructor(db: Database, bytesMax: number) {
    this.#db = db;
    this.#bytesMax = bytesMax;
    db.declare(TABLES);
    this.#select = db.prepare(
      "SELECT start, bytes FROM seen_pair WHERE scope=? AND start<=? ORDER BY start DESC LIMIT 1",
    );
    this.#selectNext = db.prepare("SELECT start FROM seen_pair WHERE scope=? AND start>? ORDER BY start LIMIT 1");
    this.#insert = db.prepare("INSERT OR REPLACE INTO seen_pair VALUES(?, ?, ?)");
  }

  /** Bytes of changed blocks that wait for a commit. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  /** Changed blocks that wait for a commit. */
  get waiting(): number {
    return this.#dirty.size;
  }

  /** Marks a pair. @returns false when it was marked already */
  mark(scope: number, key: number, tag: number): boolean {
    const leaf = this.#leaf(scope, key);
    const { block } = leaf;
    if (!block.add(key, tag)) return false;
    if (block.count > BLOCK_PAIRS_MAX) this.#split(leaf);
    else this.#changed(leaf);
    return true;
  }

  /** The tags that a key was marked with, ascending; a view, valid until the next call. */
  tagsOf(scope: number, key: number): Float64Array {
    return this.#leaf(scope, key).block.tagsOf(key);
  }

  #leaf(scope: number, key: number): Leaf {
    const last = this.#last;
    if (last?.holds(scope, key)) return last;
    const leaves = this.#ofScope.get(scope);
    const at = leaves === undefined ? -1 : lastFrom(leaves, key);
    const leaf = leaves !== undefined && at >= 0 && key < leaves[at].end ? leaves[at] : this.#load(scope, key);
    leaf.used = true;
    this.#last = leaf;
    return leaf;
  }

  /** Loads a leaf from the file, which is current: leaves that were split or grew stay cached until they are committed. */
  #load(scope: number, key: number): Leaf {
    this.#trim();
    const row = this.#db.lookUp(this.#select, scope, key);
    const next = this.#db.lookUp(this.#selectNext, scope, key);
    const block = row?.bytes instanceof Uint8Array ? PairBlock.decode(row.bytes) : new PairBlock();
    const start = row === undefined ? KEY_MIN : Number(row.start);
    const end = next === undefined ? Number.POSITIVE_INFINITY : Number(next.start);
    return this.#keep(new Leaf(scope, start, end, block));
  }

  #keep(leaf: Leaf): Leaf {
    const leaves = this.#ofScope.get(leaf.scope);
    if (leaves === undefined) this.#ofScope.set(leaf.scope, [leaf]);
    else leaves.splice(lastFrom(leaves, leaf.start) + 1, 0, leaf);
    this.#leaves.set(leaf, leaf);
    this.#bytes += leaf.bytes;
    return leaf;
  }

  /** Splits a full leaf in two. Past the end of a scope only the last key moves: where keys only grow, leaves stay packed full. */
  #split(leaf: Leaf): void {
    const { block, scope, end } = leaf;
    const later = block.split(end === Number.POSITIVE_INFINITY ? block.count - 1 : block.count >>> 1);
    if (later !== null) {
      const start = later.firstKey;
      leaf.end = start;
      this.#changed(this.#keep(new Leaf(scope, start, end, later)));
    }
    this.#changed(leaf);
  }

  #changed(leaf: Leaf): void {
    const bytes = BLOCK_BYTES + leaf.block.bytes;
    if (leaf.dirty) this.#dirtyBytes += bytes - leaf.bytes;
    else {
      leaf.dirty = true;
      this.#dirty.add(leaf);
      this.#dirtyBytes += bytes;
    }
    this.#bytes += bytes - leaf.bytes;
    leaf.bytes = bytes;
  }

  /** Writes changed blocks, inside a transaction; yields the bytes of each. */
  *write(): Generator<number> {
    for (const { scope, start, block } of this.#dirty) {
      const bytes = block.encode();
      this.#db.guarded(() => this.#insert.run(scope, start, bytes));
      yield bytes.length;
    }
  }

  /** The transaction of `write` is committed. */
  committed(): void {
    for (const leaf of this.#dirty) leaf.dirty = false;
    this.#dirty.clear();
    this.#dirtyBytes = 0;
    this.#trim();
  }

  /** Evicts clean blocks, least recently used first, to a sixteenth below the limit: so that it is rarely done. */
  #trim(): void {
    const excess = this.#bytes - this.#dirtyBytes - this.#bytesMax;
    if (excess <= 0) return;
    this.#last = null;
    this.#bytes -= evictUnused(this.#leaves, excess + this.#bytesMax / 16, (leaf) => this.#forget(leaf));
  }

  #forget(leaf: Leaf): void {
    const left = this.#ofScope.get(leaf.scope)?.filter((other) => other !== leaf) ?? [];
    if (left.length === 0) this.#ofScope.delete(leaf.scope);
    else this.#ofScope.set(leaf.scope, left);
  }
}

/** The last of ascending leaves that does not begin after the key; -1: all do. */
function lastFrom(leaves: readonly Leaf[], key: number): number {
  let low = 0;
  let high = leaves.length - 1;
  if (high >= 0 && leaves[high].start <= key) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (leaves[middle].start <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
