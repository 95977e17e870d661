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
import { leftAfter, RENAME, SYNC, TRUNCATE, UNLINK, WRITE } from "./power-loss.ts";

/** What changes files. */
export const CHANGES = WRITE | TRUNCATE | SYNC | UNLINK | RENAME;

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
const AHEAD_S = 112;
const CONTROL_BYTES = 120;
const PART_BYTES = 64;
const FOR_EVER = 2n ** 63n;

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

/** Whether there is a C compiler that makes what a process can preload. */
export function canPreload(): boolean {
  const disk = Disk.create();
  disk?.dispose();
  return disk !== null;
}

/** Made by whoever starts the process that is to have it; `Disk.own` is the same disk, seen from inside that process. */
export class Disk {
  /** The files of the disk are below this. */
  readonly directory: string;
  /** Every file there is, not only databases. */
  readonly #isEvery: boolean;
  readonly #root: string;
  readonly #control: number;
  readonly #journal: string;
  #journals = 0;
  readonly #block = Buffer.alloc(CONTROL_BYTES);

  private constructor(root: string, directory: string, isEvery: boolean) {
    this.#root = root;
    this.directory = directory;
    this.#isEvery = isEvery;
    this.#control = openSync(join(root, "control"), "r+");
    this.#journal = join(root, "journal");
  }

  /** A disk of databases in RAM, without faults; null without a C compiler. */
  static create(): Disk | null {
    const disk = Disk.#made(null);
    if (disk !== null) mkdirSync(disk.directory);
    return disk;
  }

  /** As `create`, but of all files of a directory, which stays where it is. */
  static of(directory: string): Disk | null {
    return Disk.#made(directory);
  }

  static #made(directory: string | null): Disk | null {
    const root = mkdtempSync(join(directoryOfRam(), "tidemark-disk-"));
    if (compile(root) === null) {
      rmSync(root, { recursive: true });
      return null;
    }
    writeFileSync(join(root, "control"), Buffer.alloc(CONTROL_BYTES));
    writeFileSync(join(root, "journal"), "");
    return new Disk(root, directory ?? join(root, "disk"), directory !== null);
  }

  /** The disk that this process was started with; null: none. */
  static get own(): Disk | null {
    const { DISK_ROOT: root, DISK_DIRECTORY: directory, DISK_EVERY: every } = process.env;
    return root === undefined || directory === undefined ? null : new Disk(root, directory, every !== undefined);
  }

  /** For the process that is to have it. */
  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: join(this.#root, "disk.so"),
      DISK_ROOT: this.#root,
      DISK_DIRECTORY: this.directory,
      DISK_CONTROL: join(this.#root, "control"),
      DISK_JOURNAL: this.#journal,
      ...(this.#isEvery ? { DISK_EVERY: "1" } : {}),
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

  /** Begins to note what each file was: what was written until now is on the disk. */
  startJournal(): void {
    const file = openSync(this.#journal, "r+");
    ftruncateSync(file, 0);
    closeSync(file);
    const on = Buffer.alloc(4);
    on.writeUInt32LE(++this.#journals);
    this.#set(JOURNAL, on);
  }

  /** The clock of the process is so far ahead of the host's. */
  setClock(aheadSeconds: number): void {
    const bytes = Buffer.alloc(CONTROL_BYTES - AHEAD_S);
    bytes.writeBigInt64LE(BigInt(aheadSeconds));
    this.#set(AHEAD_S, bytes);
  }

  /**
   * What was written since its last sync is on the disk or not, as `isKept` says (power-loss.ts); of a directory's files so are their names. Only while
   * nobody has the files open; begins a new journal, as the disk is read anew after the power is back.
   * @returns sectors, and names, that were lost
   */
  losePower(isKept: () => boolean): number {
    this.#set(JOURNAL, Buffer.alloc(4));
    const { files, lost } = leftAfter(readFileSync(this.#journal), isKept, this.#isEvery);
    for (const [path, content] of files) {
      if (content === null) rmSync(path, { force: true });
      else writeFileSync(path, content);
    }
    this.startJournal();
    return lost;
  }

  dispose(): void {
    closeSync(this.#control);
    rmSync(this.#root, { recursive: true, force: true });
  }
}
