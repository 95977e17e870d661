/**
 * What a database's last words were, kept outside of it (docs/formats/sums.md): the newest value of each name, a line each time it changes. A line has a
 * checksum, so that a damaged one is passed over. It never says more than the database has on disk, and may say less.
 */
import {
  appendFileSync,
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

/** It is written anew, with a line a name, once it has grown by this, bytes, and to twice its size. */
const GROWTH_BYTES = 262_144;

/** Where the last words of a database are. */
export function endsPath(path: string): string {
  return path.replace(/\.db$/, ".ends");
}

/** States: open → closed. */
export class EndsFile {
  readonly #path: string;
  readonly #values: Map<string, string>;
  #file: number;
  #bytes = 0;
  #bytesWanted = 0;
  /** Something that was put is not in it, as the disk refused it. */
  #isBehind = false;

  private constructor(path: string, values: Map<string, string>) {
    this.#path = path;
    this.#values = values;
    this.#file = this.#rewrite();
  }

  /** What a file says, by name; nothing when it is not there. */
  static read(path: string): Map<string, string> {
    const values = new Map<string, string>();
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return values;
      throw error;
    }
    for (const line of text.split("\n")) {
      const content = line.slice(9);
      if (line.slice(0, 9) !== `${checksum(content)} `) continue;
      const [name, value] = content.split("\t");
      values.set(name, value);
    }
    return values;
  }

  /** Begins one that says this, in place of any that is there. */
  static create(path: string, values: Iterable<readonly [name: string, value: string]>): EndsFile {
    return new EndsFile(path, new Map(values));
  }

  /** As `create`; on disk when it returns, its name too. */
  static createDurably(path: string, values: Iterable<readonly [name: string, value: string]>): EndsFile {
    const file = new EndsFile(path, new Map(values));
    file.#syncName();
    return file;
  }

  /** Adds what has changed. Not synced. Names and values are without tabs and line ends. @throws Error of the system: then all is written with the next call */
  put(values: Iterable<readonly [name: string, value: string]>): void {
    let text = "";
    for (const [name, value] of values) {
      if (this.#values.get(name) === value) continue;
      this.#values.set(name, value);
      text += lineOf(name, value);
    }
    if (text === "" && !this.#isBehind) return;
    const isAnew = this.#isBehind || (this.#bytes += text.length) > this.#bytesWanted;
    // Half a line may stand in it after an error.
    this.#isBehind = true;
    if (isAnew) {
      const old = this.#file;
      this.#file = this.#rewrite();
      closeSync(old);
    } else appendFileSync(this.#file, text);
    this.#isBehind = false;
  }

  /** As `put`, and on disk when it returns: some milliseconds of this thread. @throws Error of the system; then none of it counts as said */
  putDurably(values: readonly (readonly [name: string, value: string])[]): void {
    const before = values.map(([name]) => [name, this.#values.get(name)] as const);
    const file = this.#file;
    const { size } = fstatSync(file);
    try {
      this.put(values);
      fdatasyncSync(this.#file);
      if (this.#file !== file) this.#syncName();
    } catch (error) {
      for (const [name, value] of before) {
        if (value === undefined) this.#values.delete(name);
        else this.#values.set(name, value);
      }
      this.#isBehind = true;
      this.#takeBack(file, size);
      throw error;
    }
  }

  /** What was refused is not to be found by whoever reads the file next. What the disk refuses of this, too, is done with the next `put`. */
  #takeBack(file: number, size: number): void {
    try {
      if (this.#file === file) ftruncateSync(file, size);
      else this.put([]);
    } catch {
      // As above.
    }
  }

  /** Makes it durable, some time later. */
  sync(): void {
    // What is lost of it makes it say less.
    fdatasync(this.#file, () => {});
  }

  /** A file that took the place of another is that one after a power failure, unless its directory is synced. */
  #syncName(): void {
    const directory = openSync(dirname(this.#path), "r");
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }

  close(): void {
    try {
      fsyncSync(this.#file);
    } catch {
      // As above.
    } finally {
      closeSync(this.#file);
    }
  }

  /** One line a name, in a file that takes the place of the old one once it is whole. @returns its descriptor, for appending */
  #rewrite(): number {
    let text = "";
    for (const [name, value] of this.#values) text += lineOf(name, value);
    const unfinished = `${this.#path}.new`;
    writeFileSync(unfinished, text, { flush: true });
    renameSync(unfinished, this.#path);
    this.#bytes = text.length;
    this.#bytesWanted = text.length * 2 + GROWTH_BYTES;
    return openSync(this.#path, "a");
  }
}

function lineOf(name: string, value: string): string {
  const content = `${name}\t${value}`;
  return `${checksum(content)} ${content}\n`;
}

function checksum(content: string): string {
  return crc32(content).toString(16).padStart(8, "0");
}
