/** What the disk itself can sync: the floor under every durable append. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const BLOCK_BYTES = 4096;

/** Writes and syncs a block so many times. @returns ms of each */
export function syncTimes(directory: string, count: number): number[] {
  const path = join(directory, "sync");
  const file = openSync(path, "w");
  const block = Buffer.alloc(BLOCK_BYTES, 7);
  const times = Array.from({ length: count }, () => {
    const start = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  rmSync(path);
  return times;
}
