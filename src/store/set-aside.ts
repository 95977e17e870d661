/** Moves a damaged file out of the way. Nothing damaged is ever deleted: someone may read in it what we cannot. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { endsPath } from "./ends-file.ts";
import { sumsPath } from "./page-check.ts";

/** @returns where it is now; null when it was not there */
export function setAside(path: string): string | null {
  if (!existsSync(path)) return null;
  const aside = placeAside(path);
  renameSync(path, aside);
  return aside;
}

/** The first that is free of `PATH.damaged-1`, `PATH.damaged-2` … */
export function placeAside(path: string): string {
  let number = 1;
  while (existsSync(`${path}.damaged-${number}`)) number++;
  return `${path}.damaged-${number}`;
}

/**
 * A database and all that belongs to it, in an order in which a crash between leaves it found as damaged, or gone, by its sums.
 * @returns where the database is now
 */
export function setDatabaseAside(path: string): string | null {
  rmSync(`${path}-shm`, { force: true });
  setAside(`${path}-wal`);
  const moved = setAside(path);
  setAside(sumsPath(path));
  setAside(endsPath(path));
  return moved;
}
