/** A background process keeps its own log file small: what it writes goes there by descriptors that its starter opened for appending. */
import { copyFileSync, statSync, truncateSync } from "node:fs";

/** Past this the file becomes the older one, and is begun anew: some 50,000 lines. */
const FILE_BYTES_MAX = 4_194_304;

const CHECK_MS = 60_000;

/** Looks after the file until the process ends; does not keep it alive. */
export function keepLogSmall(path: string): void {
  setInterval(() => rotate(path), CHECK_MS).unref();
}

/** Copies and cuts, as the descriptors stay: in one process no line comes between. At most `FILE_BYTES_MAX`, a minute's lines, and one older file. */
export function rotate(path: string): void {
  try {
    if (statSync(path).size <= FILE_BYTES_MAX) return;
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  } catch {
    // A log file that somebody moved or a full disk must not end what the log is about.
  }
}
