/** Commands the disk of disk.c: which operation fails, ends a process or loses power. The disk is that of a process started with `Disk.environment`. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

const WRITE = 1;
const TRUNCATE = 2;
export const SYNC = 4;
export const OPEN = 8;
const UNLINK = 16;
/** What changes files. */
export const CHANGES = WRITE | TRUNCATE | SYNC | UNLINK;

/** Offsets in `struct control`, and its size. */
const WHAT = 0;
const ERROR = 4;
const COUNT = 8;
const FIRST = 16;
const TIMES = 24;
const FAILED = 32;
const SHORT_BYTES = 40;
const JOURNAL = 44;
const PART = 48;
const CONTROL_BYTES = 112;
const PART_BYTES = 64;
const FOR_EVER = 2n ** 63n;

/** The smallest piece that a disk writes as a whole. */
const SECTOR = 512;

export const NEEDS_COMPILER = "needs a C compiler (Debian: gcc libc6-dev)";

/** Which operations fail. */
export interface DiskFault {
  readonly what: number;
  /** "kill" ends the process there. */
  readonly error: "EIO" | "ENOSPC" | "EMFILE" | "kill";
  /** Only of files whose path contains this. */
  readonly part?: string;
  /** The operation from which on they fail, from now on; default: the first. */
  readonly first?: number;
  /** How many in a row; default: all. */
  readonly times?: number;
  /** Of the first failing write so many bytes reach the file. */
  readonly shortBytes?: number;
}

/** Where RAM is the disk, so that nothing waits for a real one. */
function directoryOfRam(): string {
  return existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
}

/** Compiles disk.c. @returns the library; null without a compiler */
function compile(directory: string): string | null {
  const library = join(directory, "disk.so");
  const source = join(import.meta.dirname, "disk.c");
  const compiled = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", `${library}.new`, source, "-ldl"]);
  if (compiled.status !== 0) return null;
  renameSync(`${library}.new`, library);
  return library;
}

/** Made by whoever starts the process that is to have it; `Disk.own` is the same disk, seen from inside that process. */
export class Disk {
  /** The files of the disk are below this. */
  readonly directory: string;
  readonly #root: string;
  readonly #control: number;
  readonly #journal: string;
  readonly #block = Buffer.alloc(CONTROL_BYTES);

  private constructor(root: string) {
    this.#root = root;
    this.directory = join(root, "disk");
    this.#control = openSync(join(root, "control"), "r+");
    this.#journal = join(root, "journal");
  }

  /** A disk without faults; null without a C compiler. */
  static create(): Disk | null {
    const root = mkdtempSync(join(directoryOfRam(), "tidemark-disk-"));
    if (compile(root) === null) {
      rmSync(root, { recursive: true });
      return null;
    }
    mkdirSync(join(root, "disk"));
    writeFileSync(join(root, "control"), Buffer.alloc(CONTROL_BYTES));
    writeFileSync(join(root, "journal"), "");
    return new Disk(root);
  }

  /** The disk that this process was started with; null: none. */
  static get own(): Disk | null {
    const root = process.env["DISK_ROOT"];
    return root === undefined ? null : new Disk(root);
  }

  /** For the process that is to have it. */
  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: join(this.#root, "disk.so"),
      DISK_ROOT: this.#root,
      DISK_DIRECTORY: this.directory,
      DISK_CONTROL: join(this.#root, "control"),
      DISK_JOURNAL: this.#journal,
    };
  }

  #set(at: number, bytes: Buffer): void {
    writeSync(this.#control, bytes, 0, bytes.length, at);
  }

  #number(at: number): number {
    readSync(this.#control, this.#block, 0, CONTROL_BYTES, 0);
    return Number(this.#block.readBigUInt64LE(at));
  }

  /** Operations fail from now on. */
  fail({ what, error, part = "", first = 1, times, shortBytes = 0 }: DiskFault): void {
    this.heal();
    const block = Buffer.alloc(CONTROL_BYTES);
    block.writeUInt32LE(what, WHAT);
    block.writeInt32LE(error === "kill" ? 0 : constants.errno[error], ERROR);
    block.writeBigUInt64LE(BigInt(first), FIRST);
    block.writeBigUInt64LE(times === undefined ? FOR_EVER : BigInt(times), TIMES);
    block.writeUInt32LE(shortBytes, SHORT_BYTES);
    block.write(part, PART, PART_BYTES - 1, "latin1");
    this.#set(PART, block.subarray(PART));
    this.#set(ERROR, block.subarray(ERROR, JOURNAL));
    this.#set(WHAT, block.subarray(WHAT, ERROR));
  }

  /** Nothing fails any more. */
  heal(): void {
    this.#set(WHAT, Buffer.alloc(ERROR - WHAT));
    this.#set(COUNT, Buffer.alloc(JOURNAL - COUNT));
  }

  /** Whether a fault waits or lasts. */
  get isArmed(): boolean {
    readSync(this.#control, this.#block, 0, CONTROL_BYTES, 0);
    return this.#block.readUInt32LE(WHAT) !== 0;
  }

  /** Operations that have failed since `fail`. */
  get failed(): number {
    return this.#number(FAILED);
  }

  /** Operations since `fail` that could have. */
  get count(): number {
    return this.#number(COUNT);
  }

  /** Begins to note what each file was, with nothing that is not synced. */
  startJournal(): void {
    const file = openSync(this.#journal, "r+");
    ftruncateSync(file, 0);
    closeSync(file);
    const on = Buffer.alloc(4);
    on.writeUInt32LE(1);
    this.#set(JOURNAL, on);
  }

  /**
   * What was written since its last sync is on the disk or not, sector by sector, as `isKept` says. Only while nobody has the files open; begins a new
   * journal, as the disk is read anew after the power is back.
   * @returns sectors that were lost
   */
  losePower(isKept: () => boolean): number {
    this.#set(JOURNAL, Buffer.alloc(4));
    let lost = 0;
    for (const [path, writes] of unsynced(readFileSync(this.#journal))) {
      if (writes.length === 0 || !existsSync(path)) continue;
      let content: Buffer = readFileSync(path);
      for (const write of writes.toReversed()) content = undone(content, write);
      for (const write of writes) {
        const { content: now, lost: more } = redone(content, write, isKept);
        content = now;
        lost += more;
      }
      writeFileSync(path, content);
    }
    this.startJournal();
    return lost;
  }

  dispose(): void {
    closeSync(this.#control);
    rmSync(this.#root, { recursive: true, force: true });
  }
}

interface Change {
  readonly isTruncate: boolean;
  readonly offset: number;
  readonly oldSize: number;
  readonly old: Buffer;
  readonly bytes: Buffer;
}

const ENTRY_BYTES = 40;

/** The changes of each file that came after its last sync, in their order. */
function unsynced(journal: Buffer): Map<string, Change[]> {
  const paths = new Map<number, string>();
  const changes = new Map<string, Change[]>();
  let at = 0;
  while (at + ENTRY_BYTES <= journal.length) {
    const kind = journal.readUInt32LE(at);
    const file = journal.readUInt32LE(at + 4);
    const [offset, length, oldSize, oldLength] = [8, 16, 24, 32].map((field) =>
      Number(journal.readBigUInt64LE(at + field)),
    );
    at += ENTRY_BYTES;
    if (kind === OPEN) {
      const path = journal.toString("utf8", at, at + length);
      paths.set(file, path);
      if (!changes.has(path)) changes.set(path, []);
      at += length;
      continue;
    }
    const old = journal.subarray(at, at + oldLength);
    at += oldLength;
    const bytes = kind === WRITE ? journal.subarray(at, at + length) : Buffer.alloc(0);
    at += bytes.length;
    const path = paths.get(file);
    if (path === undefined) throw new Error(`BUG: file ${file} was changed but never opened`);
    if (kind === SYNC || kind === UNLINK) changes.set(path, []);
    else changes.get(path)?.push({ isTruncate: kind === TRUNCATE, offset, oldSize, old, bytes });
  }
  return changes;
}

function sized(content: Buffer, size: number): Buffer {
  return content.length >= size
    ? content.subarray(0, size)
    : Buffer.concat([content, Buffer.alloc(size - content.length)]);
}

function undone(content: Buffer, { offset, oldSize, old }: Change): Buffer {
  const now = Buffer.from(sized(content, oldSize));
  old.copy(now, offset);
  return now;
}

function redone(content: Buffer, change: Change, isKept: () => boolean): { content: Buffer; lost: number } {
  const { isTruncate, offset, bytes } = change;
  if (isTruncate) return isKept() ? { content: sized(content, offset), lost: 0 } : { content, lost: 1 };
  let now = content;
  let lost = 0;
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR - ((offset + from) % SECTOR));
    if (isKept()) {
      if (now.length < offset + to) now = sized(now, offset + to);
      bytes.copy(now, offset + from, from, to);
    } else lost++;
    from = to;
  }
  return { content: now, lost };
}
