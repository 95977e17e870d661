/** Moves a damaged file out of the way. Nothing damaged is ever deleted: someone may read in it what we cannot. */
import { existsSync, renameSync } from "node:fs";

/** @returns where it is now, the first free of `PATH.damaged-1`, `PATH.damaged-2` …; null when it was not there */
export function setAside(path: string): string | null {
  if (!existsSync(path)) return null;
  let number = 1;
  while (existsSync(`${path}.damaged-${number}`)) number++;
  renameSync(path, `${path}.damaged-${number}`);
  return `${path}.damaged-${number}`;
}
