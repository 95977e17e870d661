/**
 * Pairs of numbers seen before, by scope, for ever: ordered blocks on disk behind a bounded cache, the leaves of a B-tree whose inner nodes
 * are SQLite's. For identities that one bit a sequence cannot hold: sequence and time, sequence and value.
 */
import type { StatementSync } from "node:sqlite";
import type { Database } from "../store/database.ts";
import { BlockCache } from "./block-cache.ts";
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
    this.bytes = this.size;
  }

  get size(): number {
    return BLOCK_BYTES + this.block.bytes;
  }

  holds(scope: number, key: number): boolean {
    return this.scope === scope && key >= this.start && key < this.end;
  }
}

/** The pairs of all scopes. */
export class SeenPairs {
  readonly #db: Database;
  readonly #select: StatementSync;
  readonly #selectNext: StatementSync;
  readonly #insert: StatementSync;
  /** Cached leaves of each scope, ascending: the last one is used most. */
  readonly #ofScope = new Map<number, Leaf[]>();
  readonly #leaves: BlockCache<Leaf, Leaf>;
  #last: Leaf | null = null;

  /** @param bytesMax of blocks kept in memory; changed ones come on top until they are committed */
  constructor(db: Database, bytesMax: number) {
    this.#db = db;
    this.#leaves = new BlockCache(bytesMax, (leaf) => this.#forget(leaf));
    db.declare(TABLES);
    this.#select = db.prepare(
      "SELECT start, bytes FROM seen_pair WHERE scope=? AND start<=? ORDER BY start DESC LIMIT 1",
    );
    this.#selectNext = db.prepare("SELECT start FROM seen_pair WHERE scope=? AND start>? ORDER BY start LIMIT 1");
    this.#insert = db.prepare("INSERT OR REPLACE INTO seen_pair VALUES(?, ?, ?)");
  }

  /** Bytes of changed blocks that wait for a commit. */
  get dirtyBytes(): number {
    return this.#leaves.dirtyBytes;
  }

  /** Changed blocks that wait for a commit. */
  get waiting(): number {
    return this.#leaves.waiting.size;
  }

  /** Marks a pair. @returns false when it was marked already */
  mark(scope: number, key: number, tag: number): boolean {
    const leaf = this.#leaf(scope, key);
    const { block } = leaf;
    if (!block.add(key, tag)) return false;
    if (block.count > BLOCK_PAIRS_MAX) this.#split(leaf);
    else this.#leaves.changed(leaf);
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
    this.#leaves.makeRoom();
    const row = this.#db.lookUp(this.#select, scope, key);
    const next = this.#db.lookUp(this.#selectNext, scope, key);
    const block = row === undefined ? new PairBlock() : this.#db.decoded("seen_pair", row.bytes, PairBlock.decode);
    const start = row === undefined ? KEY_MIN : Number(row.start);
    const end = next === undefined ? Number.POSITIVE_INFINITY : Number(next.start);
    return this.#keep(new Leaf(scope, start, end, block));
  }

  #keep(leaf: Leaf): Leaf {
    const leaves = this.#ofScope.get(leaf.scope);
    if (leaves === undefined) this.#ofScope.set(leaf.scope, [leaf]);
    else leaves.splice(lastFrom(leaves, leaf.start) + 1, 0, leaf);
    this.#leaves.keep(leaf, leaf);
    return leaf;
  }

  /** Splits a full leaf in two. Past the end of a scope only the last key moves: where keys only grow, leaves stay packed full. */
  #split(leaf: Leaf): void {
    const { block, scope, end } = leaf;
    const later = block.split(end === Number.POSITIVE_INFINITY ? block.count - 1 : block.count >>> 1);
    if (later !== null) {
      const start = later.firstKey;
      leaf.end = start;
      this.#leaves.changed(this.#keep(new Leaf(scope, start, end, later)));
    }
    this.#leaves.changed(leaf);
  }

  /** Writes changed blocks, inside a transaction; yields the bytes of each. */
  *write(): Generator<number> {
    for (const { scope, start, block } of this.#leaves.waiting) {
      const bytes = block.encode();
      this.#db.guarded(() => this.#insert.run(scope, start, bytes));
      yield bytes.length;
    }
  }

  /** The transaction of `write` is committed. */
  committed(): void {
    this.#leaves.committed();
  }

  #forget(leaf: Leaf): void {
    if (leaf === this.#last) this.#last = null;
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
