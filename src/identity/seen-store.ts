/** Sequences older than a device's edge (devices.ts): seen blocks on disk behind a bounded cache. */
import type { StatementSync } from "node:sqlite";
import type { Database } from "../store/database.ts";
import { BlockCache } from "./block-cache.ts";
import { BLOCK_SEQUENCES, BLOCK_WORDS, SeenBlock } from "./seen-block.ts";

const TABLES =
  "CREATE TABLE IF NOT EXISTS seen(boot INTEGER NOT NULL, block INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(boot, block)) WITHOUT ROWID";

class CachedBlock {
  readonly boot: number;
  readonly number: number;
  readonly block: SeenBlock;
  bytes = 0;
  dirty = false;
  used = true;

  constructor(boot: number, number: number, block: SeenBlock) {
    this.boot = boot;
    this.number = number;
    this.block = block;
    this.bytes = block.bytes;
  }

  get size(): number {
    return this.block.bytes;
  }
}

/** Boots and blocks small enough share one number as a key; others a text. */
const BLOCKS_KEYED = 2 ** 21;
const BOOTS_KEYED = 2 ** 31;

/** The seen blocks of all boots. */
export class SeenStore {
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #db: Database;
  readonly #blocks: BlockCache<number | string, CachedBlock>;
  #last: CachedBlock | null = null;
  /** Blocks read from disk. */
  reads = 0;

  /** @param bytesMax of blocks kept in memory; changed ones come on top until they are committed */
  constructor(db: Database, bytesMax: number) {
    this.#db = db;
    this.#blocks = new BlockCache(bytesMax, (evicted) => {
      if (evicted === this.#last) this.#last = null;
    });
    db.declare(TABLES);
    this.#select = db.prepare("SELECT bytes FROM seen WHERE boot=? AND block=?");
    this.#insert = db.prepare("INSERT OR REPLACE INTO seen VALUES(?, ?, ?)");
  }

  /** Bytes of changed blocks that wait for a commit. */
  get dirtyBytes(): number {
    return this.#blocks.dirtyBytes;
  }

  get bytes(): number {
    return this.#blocks.bytes;
  }

  #cached(boot: number, number: number): CachedBlock {
    const last = this.#last;
    if (last !== null && last.boot === boot && last.number === number) return last;
    const key = number < BLOCKS_KEYED && boot < BOOTS_KEYED ? boot * BLOCKS_KEYED + number : `${boot}:${number}`;
    let cached = this.#blocks.get(key);
    if (cached === undefined) {
      this.#blocks.makeRoom();
      const row = this.#db.lookUp(this.#select, boot, number);
      this.reads++;
      cached = new CachedBlock(
        boot,
        number,
        row === undefined ? new SeenBlock() : this.#db.decoded("seen", row.bytes, SeenBlock.decode),
      );
      this.#blocks.keep(key, cached);
    }
    cached.used = true;
    this.#last = cached;
    return cached;
  }

  has(boot: number, sequence: number): boolean {
    const number = Math.floor(sequence / BLOCK_SEQUENCES);
    return this.#cached(boot, number).block.has(sequence - number * BLOCK_SEQUENCES);
  }

  /** Marks a sequence. @returns false when it was marked already */
  mark(boot: number, sequence: number): boolean {
    const number = Math.floor(sequence / BLOCK_SEQUENCES);
    const cached = this.#cached(boot, number);
    if (!cached.block.mark(sequence - number * BLOCK_SEQUENCES)) return false;
    this.#blocks.changed(cached);
    return true;
  }

  /** Marks the sequences of the set bits: bit b of `bits` is sequence 32·word + b. */
  addWord(boot: number, word: number, bits: number): void {
    const number = Math.floor(word / BLOCK_WORDS);
    const cached = this.#cached(boot, number);
    cached.block.addWord(word - number * BLOCK_WORDS, bits);
    this.#blocks.changed(cached);
  }

  word(boot: number, word: number): number {
    const number = Math.floor(word / BLOCK_WORDS);
    return this.#cached(boot, number).block.word(word - number * BLOCK_WORDS);
  }

  /** Writes changed blocks, inside a transaction; yields the bytes of each. */
  *write(): Generator<number> {
    for (const cached of this.#blocks.waiting) {
      const bytes = cached.block.encode();
      this.#db.guarded(() => this.#insert.run(cached.boot, cached.number, bytes));
      yield bytes.length;
    }
  }

  /** The transaction of `write` is committed. */
  committed(): void {
    this.#blocks.committed();
  }
}
