/** The log file of a background process, which the process itself keeps small, or opens anew for a tool that moves such files. */
import { closeSync, copyFileSync, openSync, statSync, truncateSync, writeSync } from "node:fs";

/** Past this the file becomes the older one, and is begun anew: some 50,000 lines. */
const FILE_BYTES_MAX = 4_194_304;

const CHECK_MS = 60_000;

/**
 * Where a background process writes its lines. Its starter opened the same file for Node's own last words. A tool that moves the file
 * away (logrotate) sends SIGHUP, and the lines go to a new one.
 */
export class LogFile {
  readonly #path: string;
  #descriptor: number;

  /** @throws Error when it cannot be opened */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, "a", 0o600);
  }

  write(text: string): void {
    try {
      writeSync(this.#descriptor, text);
    } catch {
      // A full disk must not end the process that logs.
    }
  }

  /** Goes on in the file that the path names now. */
  reopen(): void {
    const before = this.#descriptor;
    try {
      this.#descriptor = openSync(this.#path, "a", 0o600);
      closeSync(before);
    } catch (error) {
      this.write(`cannot open the log file again, going on in the old one: ${error}\n`);
    }
  }
}

/** Looks after the file until the process ends; does not keep it alive. */
export function keepLogSmall(path: string): void {
  setInterval(() => rotate(path), CHECK_MS).unref();
}

/** Copies and cuts, as descriptors stay: in one process no line comes between. At most `FILE_BYTES_MAX`, a minute's lines, and one older file. */
export function rotate(path: string): void {
  try {
    if (statSync(path).size <= FILE_BYTES_MAX) return;
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  } catch {
    // A moved log file or a full disk must not end the process that logs.
  }
}
