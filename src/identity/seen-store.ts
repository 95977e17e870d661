/** Sequences seen long ago, on disk behind a bounded cache: what is older than a device's edge (devices.ts). */
import type { StatementSync } from "node:sqlite";
import { dropUnused } from "../core/second-chance.ts";
import type { Database } from "../store/database.ts";
import { BLOCK_SEQUENCES, BLOCK_WORDS, SeenBlock } from "./seen-block.ts";

const TABLES =
  "CREATE TABLE IF NOT EXISTS seen(boot INTEGER NOT NULL, block INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(boot, block)) WITHOUT ROWID";

class Entry {
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
}

/** Boots and blocks small enough share one number as a key; others a text. */
const BLOCKS_KEYED = 2 ** 21;
const BOOTS_KEYED = 2 ** 31;

/** The seen blocks of all boots: changed ones stay in memory until they are committed, clean ones while there is room. */
export class SeenStore {
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #db: Database;
  readonly #bytesMax: number;
  readonly #entries = new Map<number | string, Entry>();
  readonly #dirty = new Set<Entry>();
  #bytes = 0;
  #dirtyBytes = 0;
  #last: Entry | null = null;
  /** Blocks read from disk. */
  reads = 0;

  /** @param bytesMax of blocks kept in memory; changed ones come on top until they are committed */
  constructor(db: Database, bytesMax: number) {
    this.#db = db;
    this.#bytesMax = bytesMax;
    db.declare(TABLES);
    this.#select = db.prepare("SELECT bytes FROM seen WHERE boot=? AND block=?");
    this.#insert = db.prepare("INSERT OR REPLACE INTO seen VALUES(?, ?, ?)");
  }

  /** Bytes of changed blocks that wait for a commit. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  #entry(boot: number, number: number): Entry {
    const last = this.#last;
    if (last !== null && last.boot === boot && last.number === number) return last;
    const key = number < BLOCKS_KEYED && boot < BOOTS_KEYED ? boot * BLOCKS_KEYED + number : `${boot}:${number}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#trim();
      const row = this.#db.lookUp(this.#select, boot, number);
      this.reads++;
      entry = new Entry(boot, number, row?.bytes instanceof Uint8Array ? SeenBlock.decode(row.bytes) : new SeenBlock());
      this.#entries.set(key, entry);
      this.#bytes += entry.bytes;
    }
    entry.used = true;
    this.#last = entry;
    return entry;
  }

  #changed(entry: Entry): void {
    const bytes = entry.block.bytes;
    if (entry.dirty) this.#dirtyBytes += bytes - entry.bytes;
    else {
      entry.dirty = true;
      this.#dirty.add(entry);
      this.#dirtyBytes += bytes;
    }
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  has(boot: number, sequence: number): boolean {
    const number = Math.floor(sequence / BLOCK_SEQUENCES);
    return this.#entry(boot, number).block.has(sequence - number * BLOCK_SEQUENCES);
  }

  /** Marks a sequence. @returns false when it was marked already */
  mark(boot: number, sequence: number): boolean {
    const number = Math.floor(sequence / BLOCK_SEQUENCES);
    const entry = this.#entry(boot, number);
    if (!entry.block.mark(sequence - number * BLOCK_SEQUENCES)) return false;
    this.#changed(entry);
    return true;
  }

  /** Marks the sequences of the set bits: bit b of `bits` is sequence 32·word + b. */
  addWord(boot: number, word: number, bits: number): void {
    const number = Math.floor(word / BLOCK_WORDS);
    const entry = this.#entry(boot, number);
    entry.block.addWord(word - number * BLOCK_WORDS, bits);
    this.#changed(entry);
  }

  word(boot: number, word: number): number {
    const number = Math.floor(word / BLOCK_WORDS);
    return this.#entry(boot, number).block.word(word - number * BLOCK_WORDS);
  }

  /** Writes changed blocks, inside a transaction; yields the bytes of each. */
  *write(): Generator<number> {
    for (const entry of this.#dirty) {
      const bytes = entry.block.encode();
      this.#db.guarded(() => this.#insert.run(entry.boot, entry.number, bytes));
      yield bytes.length;
    }
  }

  /** The transaction of `write` is committed. */
  committed(): void {
    for (const entry of this.#dirty) entry.dirty = false;
    this.#dirty.clear();
    this.#dirtyBytes = 0;
    this.#trim();
  }

  /** Lets go of clean blocks, least recently used first, until they are a sixteenth below the limit: so that it is seldom done. */
  #trim(): void {
    const excess = this.#bytes - this.#dirtyBytes - this.#bytesMax;
    if (excess <= 0) return;
    this.#last = null;
    this.#bytes -= dropUnused(this.#entries, excess + this.#bytesMax / 16);
  }
}
