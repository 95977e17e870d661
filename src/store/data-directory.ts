/** Creates the data directory; where that fails, says in one line what to do. */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, TidemarkError } from "../core/errors.ts";

/** SQLite's result codes of a full disk and of a file that it cannot open (SQLITE_FULL, SQLITE_CANTOPEN). */
const FULL = 13;
const CANNOT_OPEN = 14;

/**
 * Makes the directory and its missing parents, each tried twice at most: mkdir's own `recursive` never ends where the system has no room for a parent (/proc).
 * @throws Error of the system
 */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = codesOf(error);
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    mkdirSync(path);
  }
}

/** The error "data-dir-unusable" or "disk-full" that `error` comes to, with what to do. @param error of the system or of SQLite */
export function unusable(directory: string, error: unknown): TidemarkError {
  const { code, errcode } = codesOf(error);
  if (code === "ENOSPC" || code === "EDQUOT" || errcode === FULL) {
    const what = "the disk is full; make room, or name another with --data";
    return new TidemarkError("disk-full", `Cannot use ${directory}: ${what}`, error);
  }
  const file = fileAbove(directory);
  let why = messageOf(error);
  if (file !== null) why = `${file} is a file; expected a directory, --data names another`;
  else if (
    code === "EACCES" ||
    code === "EPERM" ||
    code === "EROFS" ||
    (errcode === CANNOT_OPEN && !mayWrite(directory))
  ) {
    const uid = process.getuid?.();
    const user = uid === undefined ? "this user" : `this user (uid ${uid})`;
    why = `${user} may not write there; change its owner or permissions, or name another with --data`;
  }
  return new TidemarkError("data-dir-unusable", `Cannot use ${directory}: ${why}`, error);
}

function codesOf(error: unknown): { readonly code: unknown; readonly errcode: unknown } {
  if (!(error instanceof Error)) return { code: undefined, errcode: undefined };
  return { code: "code" in error ? error.code : undefined, errcode: "errcode" in error ? error.errcode : undefined };
}

/** The path itself or the nearest of its parents that is there, when that is a file. */
function fileAbove(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined) return stats.isDirectory() ? null : path;
  return dirname(path) === path ? null : fileAbove(dirname(path));
}

function mayWrite(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
