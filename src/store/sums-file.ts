/**
 * A file of checksums beside a SQLite file, one for each of its pages (docs/formats/sums.md): what SQLite itself does not have. Written in place, in
 * blocks that carry a checksum of their own, so that a damaged block is known and not believed; its head is doubled.
 */
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

/** One page of most file systems and disks: the least that is written at once. */
const BLOCK_BYTES = 4096;
/** Sums of a block: after its checksum and its number. */
const SUMS_PER_BLOCK = BLOCK_BYTES / 4 - 2;
/** Blocks kept in memory: 1 MB, the sums of 2 GB of history. */
const BLOCKS_KEPT = 256;

/** Both places of the head are before the blocks. */
const HEAD_PLACES = 2;
const HEAD_BYTES = 64;
/** "tmsums" and the version of the format. */
const MAGIC = 0x746d73756d730001n;

/** The sum of a page that was never written, or whose sum is lost: it is not compared. */
export const UNKNOWN = 0;

/** The checksum of a page, never `UNKNOWN`. */
export function sumOf(bytes: Uint8Array): number {
  return crc32(bytes) || 1;
}

/** What the sums say of their database; they are of its state after frame `frames` of the write-ahead log with these salts, all of which is on disk. */
export interface SumsHead {
  readonly pageBytes: number;
  readonly pageCount: number;
  readonly first: number;
  readonly second: number;
  readonly frames: number;
  /** Pages may have been moved from that write-ahead log into the database. */
  readonly moving: boolean;
}

/** An open file of sums. */
export class SumsFile {
  readonly path: string;
  readonly #file: number;
  readonly #blocks = new Map<number, Uint32Array>();
  readonly #dirty = new Set<number>();
  /** Blocks whose own checksum is wrong: their sums are lost. */
  readonly damaged = new Set<number>();
  #sequence: number;
  head: SumsHead;

  private constructor(path: string, file: number, head: SumsHead, sequence: number) {
    this.path = path;
    this.#file = file;
    this.head = head;
    this.#sequence = sequence;
  }

  /** @returns null when it is not there, or neither of its heads can be read */
  static open(path: string, writable = true): SumsFile | null {
    let file: number;
    try {
      file = openSync(path, writable ? "r+" : "r");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
    let newest: { head: SumsHead; sequence: number } | null = null;
    for (let place = 0; place < HEAD_PLACES; place++) {
      const found = readHead(file, place);
      if (found !== null && found.sequence > (newest?.sequence ?? -1)) newest = found;
    }
    if (newest === null) {
      closeSync(file);
      return null;
    }
    return new SumsFile(path, file, newest.head, newest.sequence);
  }

  /** An empty one in place of any that is there. */
  static create(path: string, head: SumsHead): SumsFile {
    return new SumsFile(path, openSync(path, "w+"), head, 0);
  }

  get(page: number): number {
    return this.#block(page)[placeIn(page)];
  }

  set(page: number, sum: number): void {
    this.#block(page)[placeIn(page)] = sum;
    this.#dirty.add(blockOf(page));
  }

  #block(page: number): Uint32Array {
    const number = blockOf(page);
    const known = this.#blocks.get(number);
    if (known !== undefined) return known;
    if (this.#blocks.size >= BLOCKS_KEPT) this.#evict();
    const block = this.#read(number);
    this.#blocks.set(number, block);
    return block;
  }

  #read(number: number): Uint32Array {
    const block = new Uint32Array(BLOCK_BYTES / 4);
    const bytes = new Uint8Array(block.buffer);
    const read = readSync(this.#file, bytes, 0, BLOCK_BYTES, positionOf(number));
    if (read === BLOCK_BYTES && block[0] === crc32(bytes.subarray(4)) && block[1] === number) return block;
    // One past the last page was never written.
    if (number <= blockOf(this.head.pageCount)) this.damaged.add(number);
    block.fill(UNKNOWN);
    return block;
  }

  #evict(): void {
    this.#writeBlocks();
    const [oldest] = this.#blocks.keys();
    this.#blocks.delete(oldest);
  }

  #writeBlocks(): void {
    for (const number of this.#dirty) {
      const block = this.#blocks.get(number) as Uint32Array;
      const bytes = new Uint8Array(block.buffer);
      block[1] = number;
      block[0] = crc32(bytes.subarray(4));
      writeSync(this.#file, bytes, 0, BLOCK_BYTES, positionOf(number));
    }
    this.#dirty.clear();
  }

  /** Writes what was set, and then the head: it never says more than the sums hold. */
  write(head: SumsHead): void {
    this.#writeBlocks();
    this.head = head;
    const sequence = this.#sequence + 1;
    writeSync(this.#file, headBytes(head, sequence), 0, HEAD_BYTES, (sequence % HEAD_PLACES) * BLOCK_BYTES);
    // Not before: one that was written in part is written again, in its place, and the other one stands.
    this.#sequence = sequence;
  }

  sync(): void {
    fdatasyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Pages whose sums are in a block: first and last. */
export function pagesOf(block: number): readonly [first: number, last: number] {
  return [block * SUMS_PER_BLOCK + 1, (block + 1) * SUMS_PER_BLOCK];
}

function blockOf(page: number): number {
  return Math.floor((page - 1) / SUMS_PER_BLOCK);
}

function placeIn(page: number): number {
  return 2 + ((page - 1) % SUMS_PER_BLOCK);
}

function positionOf(block: number): number {
  return (HEAD_PLACES + block) * BLOCK_BYTES;
}

function headBytes(head: SumsHead, sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, MAGIC);
  view.setFloat64(8, sequence);
  const { pageBytes, pageCount, first, second, frames, moving } = head;
  for (const [i, value] of [pageBytes, pageCount, first, second, frames, Number(moving)].entries()) {
    view.setUint32(16 + 4 * i, value);
  }
  view.setUint32(HEAD_BYTES - 4, crc32(bytes.subarray(0, HEAD_BYTES - 4)));
  return bytes;
}

function readHead(file: number, place: number): { readonly head: SumsHead; readonly sequence: number } | null {
  const bytes = new Uint8Array(HEAD_BYTES);
  if (readSync(file, bytes, 0, HEAD_BYTES, place * BLOCK_BYTES) !== HEAD_BYTES) return null;
  const view = new DataView(bytes.buffer);
  if (view.getUint32(HEAD_BYTES - 4) !== crc32(bytes.subarray(0, HEAD_BYTES - 4))) return null;
  if (view.getBigUint64(0) !== MAGIC) return null;
  const [pageBytes, pageCount, first, second, frames, moving] = Array.from({ length: 6 }, (_, i) =>
    view.getUint32(16 + 4 * i),
  );
  const head = { pageBytes, pageCount, first, second, frames, moving: moving === 1 };
  return { head, sequence: view.getFloat64(8) };
}
