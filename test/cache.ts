/** What tests download or make once, kept between runs outside the work tree. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

/** Telegraf is built in three minutes, Kafka's forty jars take 20 s on a good line. */
const MAKE_MS_MAX = 600_000;
const LOCK_RETRY_MS = 250;

const directory = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tidemark");

/** Where something of this name is kept. Another version is another name. */
export function keptAt(name: string): string {
  return join(directory(), name);
}

/**
 * Makes what is not there yet; processes that ask at the same time wait for one of them.
 * @param make makes a file or a directory at the path that it is given, from where it is moved: whoever sees it sees all of it. @returns where it is
 */
export async function kept(name: string, make: (partial: string) => Promise<void>): Promise<string> {
  const path = keptAt(name);
  if (existsSync(path)) return path;
  mkdirSync(directory(), { recursive: true });
  const lock = await lockFile(`${path}.lock`);
  try {
    if (existsSync(path)) return path;
    const partial = `${path}.partial`;
    rmSync(partial, { recursive: true, force: true });
    await make(partial);
    renameSync(partial, path);
    return path;
  } finally {
    lock.close();
  }
}

/** Holds an exclusive lock until it is closed; the system releases it even on kill -9. */
async function lockFile(path: string): Promise<{ close(): void }> {
  const database = new DatabaseSync(path);
  for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
    try {
      database.exec("BEGIN EXCLUSIVE");
      return database;
    } catch (error) {
      if (waitedMs >= MAKE_MS_MAX) {
        database.close();
        throw error;
      }
      await delay(LOCK_RETRY_MS);
    }
  }
}

/** Runs a command to its end. @throws Error with what it printed when it fails */
export function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: MAKE_MS_MAX });
    let printed = "";
    const keep = (chunk: Buffer): void => {
      printed = (printed + chunk.toString("utf8")).slice(-4000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}:\n${printed}`));
    });
  });
}
