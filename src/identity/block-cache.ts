/** Blocks of a table in memory: changed ones stay until they are committed, clean ones while there is room. */
import { type Cached, evictUnused } from "../core/second-chance.ts";

/** A block as the cache keeps it. */
export interface CacheBlock extends Cached {
  dirty: boolean;
  /** Accounted size, by the cache. */
  bytes: number;
  /** Size now. */
  readonly size: number;
}

/** States of a block: clean ⇄ dirty (`changed`, `committed`); a clean one may be evicted whenever room is made. */
export class BlockCache<K, V extends CacheBlock> {
  readonly #bytesMax: number;
  readonly #onEvict: (block: V) => void;
  readonly #blocks = new Map<K, V>();
  readonly #dirty = new Set<V>();
  /** Of all blocks, and of those that wait for a commit. */
  bytes = 0;
  dirtyBytes = 0;

  /** @param bytesMax of clean blocks; changed ones come on top */
  constructor(bytesMax: number, onEvict: (block: V) => void) {
    this.#bytesMax = bytesMax;
    this.#onEvict = onEvict;
  }

  get(key: K): V | undefined {
    return this.#blocks.get(key);
  }

  /** Keeps a block that is as the table has it. */
  keep(key: K, block: V): void {
    this.#blocks.set(key, block);
    this.bytes += block.bytes;
  }

  /** A kept block differs from the table. */
  changed(block: V): void {
    const { size } = block;
    if (block.dirty) this.dirtyBytes += size - block.bytes;
    else {
      block.dirty = true;
      this.#dirty.add(block);
      this.dirtyBytes += size;
    }
    this.bytes += size - block.bytes;
    block.bytes = size;
  }

  /** Blocks that wait for a commit. */
  get waiting(): ReadonlySet<V> {
    return this.#dirty;
  }

  /** Those are in the table now. */
  committed(): void {
    for (const block of this.#dirty) block.dirty = false;
    this.#dirty.clear();
    this.dirtyBytes = 0;
    this.makeRoom();
  }

  /** Evicts clean blocks, least recently used first, to a sixteenth below the limit: so that it is rarely done. */
  makeRoom(): void {
    const excess = this.bytes - this.dirtyBytes - this.#bytesMax;
    if (excess > 0) this.bytes -= evictUnused(this.#blocks, excess + this.#bytesMax / 16, this.#onEvict);
  }
}
