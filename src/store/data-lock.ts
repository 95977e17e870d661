/** One owner per data directory: an exclusive transaction held open on lock.db, which the system releases even when the process is killed. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { TidemarkError } from "../core/errors.ts";
import { makeDirectory, unusable } from "./data-directory.ts";

const LOCK_FILE = "lock.db";
/** Only for the message: who holds the lock. Beside lock.db, since closing any descriptor of that file would release its locks (POSIX fcntl). */
const OWNER_FILE = "lock.pid";

/** SQLite's result code when another connection has the file (SQLITE_BUSY). */
const BUSY = 5;

/** The locks that this process holds. Referred to from here, as an unreferenced database would be closed by garbage collection. */
const held = new Set<DatabaseSync>();

/** A directory that is ours until it is released, or the process ends. */
export interface DataLock {
  /** Releases the directory. Idempotent. */
  release(): void;
}

/**
 * Takes the data directory, creating it. Held until `release` or the end of the process.
 * @throws TidemarkError "data-dir-owned", with the owner's process id where it can be told, or "data-dir-unusable"
 * @example
 * ```ts
 * const lock = lockDataDirectory(directory);
 * assert.throws(() => lockDataDirectory(directory), { code: "data-dir-owned" });
 * lock.release();
 * lockDataDirectory(directory).release();
 * ```
 */
export function lockDataDirectory(directory: string): DataLock {
  const ownerPath = join(directory, OWNER_FILE);
  let db: DatabaseSync | null = null;
  try {
    makeDirectory(directory);
    db = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
    db.exec("BEGIN EXCLUSIVE");
    writeFileSync(ownerPath, `${process.pid}\n`);
  } catch (error) {
    db?.close();
    if (isBusy(error)) throw owned(directory, ownerPath, error);
    throw unusable(directory, error);
  }
  const taken = db;
  held.add(taken);
  return {
    release() {
      if (!held.delete(taken)) return;
      rmSync(ownerPath, { force: true });
      taken.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === BUSY;
}

function owned(directory: string, ownerPath: string, cause: unknown): TidemarkError {
  const owner = ownerOf(ownerPath);
  const who = owner === null ? "another process" : `process ${owner}`;
  return new TidemarkError(
    "data-dir-owned",
    `Cannot use ${directory}: it must have one owner, was taken by ${who}`,
    cause,
  );
}

/** The process id in the owner file; null when it cannot be told. */
function ownerOf(ownerPath: string): number | null {
  try {
    const pid = Number(readFileSync(ownerPath, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
