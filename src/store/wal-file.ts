/**
 * Reads SQLite's write-ahead log as a plain file (sqlite.org/fileformat2.html, section 4): which pages its transactions wrote, up to the last one
 * that is whole. No lock is on this file (SQLite's are on the database and the -shm), so that closing it releases none.
 */
import { closeSync, fdatasyncSync, openSync, readSync } from "node:fs";

/** Bytes of the header of the file, and of that before each page. */
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** The magic number without its lowest bit, which says in which order the checksums read: 1 is big-endian. */
const MAGIC = 0x377f0682;

/** Frames read at once: a few, as after each append, and then more, as the calls cost. */
const FRAMES_FIRST = 8;
const FRAMES_MOST = 64;

/** Which write-ahead log: its two salts, as one number would have no room. Each that begins anew has others. */
export interface WalSalts {
  readonly first: number;
  readonly second: number;
}

/** How far a write-ahead log was read: `frames` of it, whose checksum so far is (`s0`, `s1`). */
interface WalPlace extends WalSalts {
  readonly frames: number;
  readonly s0: number;
  readonly s1: number;
}

/** What was read last: one for all logs of a thread, as each is read to its end at once. */
let buffer = new Uint8Array(0);

/** Takes a page of a whole transaction; its bytes are valid during the call. */
export type OnFrame = (page: number, bytes: Uint8Array) => void;

/** A cursor over a write-ahead log that grows, and begins anew now and then. */
export class WalFile {
  readonly path: string;
  readonly #pageBytes: number;
  #place: WalPlace | null = null;
  /** Pages that the database has by the last transaction read; 0: none was. */
  pageCount = 0;

  constructor(path: string, pageBytes: number) {
    this.path = path;
    this.#pageBytes = pageBytes;
  }

  /** The log that is read; null: there is none, or its header is damaged. */
  get salts(): WalSalts | null {
    return this.#place;
  }

  /** Frames of whole transactions read so far. */
  get frames(): number {
    return this.#place?.frames ?? 0;
  }

  /** Reads the whole transactions that came since the last call, and gives each page of them. @param sync makes all that is read durable before it is given */
  read(onFrame: OnFrame, sync = false): void {
    const file = openIfThere(this.path);
    if (file === null) {
      this.#place = null;
      return;
    }
    try {
      this.#begin(file);
      if (this.#place === null) return;
      const { frames, end } = this.#committed(file, this.#place);
      if (end === null) return;
      if (sync) fdatasyncSync(file);
      const first = this.#place.frames;
      this.#place = end;
      this.#give(file, first, first + frames, onFrame);
    } finally {
      closeSync(file);
    }
  }

  /** Goes to the beginning when it is another log than the one that was read. */
  #begin(file: number): void {
    const header = new Uint8Array(WAL_HEADER_BYTES);
    const whole = readSync(file, header, 0, WAL_HEADER_BYTES, 0) === WAL_HEADER_BYTES;
    const place = whole ? placeOf(header, this.#pageBytes) : null;
    if (place === null || !isSameWal(place, this.#place)) this.#place = place;
  }

  /** Looks for the end of the last whole transaction after a place. */
  #committed(file: number, from: WalPlace): { readonly frames: number; readonly end: WalPlace | null } {
    const { first, second } = from;
    let { s0, s1 } = from;
    let end: WalPlace | null = null;
    for (const { bytes, at, frame } of this.#frames(file, from.frames, Number.MAX_SAFE_INTEGER)) {
      if (uint32(bytes, at + 8) !== first || uint32(bytes, at + 12) !== second) break;
      [s0, s1] = checksum(bytes, at, 8, s0, s1);
      [s0, s1] = checksum(bytes, at + FRAME_HEADER_BYTES, this.#pageBytes, s0, s1);
      if (uint32(bytes, at + 16) !== s0 || uint32(bytes, at + 20) !== s1) break;
      const pageCount = uint32(bytes, at + 4);
      if (pageCount === 0) continue;
      this.pageCount = pageCount;
      end = { first, second, frames: frame + 1, s0, s1 };
    }
    return { frames: (end?.frames ?? from.frames) - from.frames, end };
  }

  /** Frames as they stand in the file, from one to before another; bytes are valid until the next. */
  *#frames(file: number, first: number, end: number): Generator<{ bytes: Uint8Array; at: number; frame: number }> {
    const frameBytes = FRAME_HEADER_BYTES + this.#pageBytes;
    let wanted = FRAMES_FIRST;
    for (let frame = first; frame < end; wanted = Math.min(wanted * 2, FRAMES_MOST)) {
      const length = Math.min(wanted, end - frame) * frameBytes;
      if (buffer.length < length) buffer = new Uint8Array(length);
      const read = readSync(file, buffer, 0, length, WAL_HEADER_BYTES + frame * frameBytes);
      if (read < frameBytes) return;
      for (let at = 0; at + frameBytes <= read; at += frameBytes, frame++) yield { bytes: buffer, at, frame };
    }
  }

  #give(file: number, first: number, end: number, onFrame: OnFrame): void {
    for (const { bytes, at } of this.#frames(file, first, end)) {
      onFrame(uint32(bytes, at), bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + this.#pageBytes));
    }
  }

  /** Every page that stands in the file, whole transaction or not, unchecked: what is right in a damaged one. */
  readRaw(onFrame: OnFrame): void {
    const file = openIfThere(this.path);
    if (file === null) return;
    try {
      this.#give(file, 0, Number.MAX_SAFE_INTEGER, onFrame);
    } finally {
      closeSync(file);
    }
  }
}

/** True for the salts of one and the same log. */
export function isSameWal(one: WalSalts, other: WalSalts | null): boolean {
  return other !== null && one.first === other.first && one.second === other.second;
}

/** The beginning of the log with this header; null when it is damaged, or of pages of another size. */
function placeOf(header: Uint8Array, pageBytes: number): WalPlace | null {
  if ((uint32(header, 0) & ~1) >>> 0 !== MAGIC || uint32(header, 8) !== pageBytes) return null;
  const isBig = (header[3] & 1) === 1;
  if (isBig !== BIG_ENDIAN) return null;
  const [s0, s1] = checksum(header, 0, 24, 0, 0);
  if (uint32(header, 24) !== s0 || uint32(header, 28) !== s1) return null;
  return { first: uint32(header, 16), second: uint32(header, 20), frames: 0, s0, s1 };
}

/** SQLite writes the checksums in the order of the machine. */
const BIG_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 0;

/** SQLite's checksum of the write-ahead log, carried on. */
function checksum(bytes: Uint8Array, start: number, length: number, s0: number, s1: number): [number, number] {
  const words = wordsOf(bytes, start, length);
  for (let i = 0; i < words.length; i += 2) {
    s0 = (s0 + words[i] + s1) | 0;
    s1 = (s1 + words[i + 1] + s0) | 0;
  }
  return [s0 >>> 0, s1 >>> 0];
}

function wordsOf(bytes: Uint8Array, start: number, length: number): Uint32Array {
  // Headers are of 24 and 32 bytes, pages of powers of two: everything stands at a multiple of four.
  return new Uint32Array(bytes.buffer, bytes.byteOffset + start, length / 4);
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
