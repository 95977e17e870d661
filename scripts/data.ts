/** `make clean` and `make reset`: never under a running tidemark, and of a data directory only what tidemark made. */
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { runDirectory, runningProcesses } from "../src/commands/run-files.ts";
import { lockDataDirectory } from "../src/store/data-lock.ts";

/** Files of the server beside `run`: databases with SQLite's own companions, what is kept beside them, was set aside or not finished, and who holds the lock. */
const OURS =
  /^(history|log|alerts|lock)\.(db(-wal|-shm|-journal)?|sums|ends|corrections|pid)(\.damaged-\d+|\.new|\.unfinished|\.salvaged)?$|^history\.repaired-\d+\.(ndjson|db)$/;
/** Files in `run`. */
const OURS_RUN = /^(server|sensor-.+)\.(json|log|log\.1)$|^start\.db(-journal)?$/;

const [action, directory = "data", force = ""] = process.argv.slice(2);
const data = resolve(directory);

function refuse(text: string): never {
  process.stderr.write(`tidemark: ${text}\n`);
  process.exit(1);
}

function requireStopped(doing: string): void {
  const running = runningProcesses(data);
  if (running.length === 0) return;
  refuse(`Cannot ${doing}: ${running.map(({ name }) => name).join(", ")} runs on ${data}; end it first (make stop)`);
}

/** Removes what matches in `path`, then `path` if nothing else is in it. @returns what else there was */
function removeOurs(path: string, pattern: RegExp): string[] {
  if (!existsSync(path)) return [];
  const others: string[] = [];
  for (const name of readdirSync(path)) {
    if (pattern.test(name)) rmSync(join(path, name));
    else others.push(name);
  }
  if (others.length === 0) rmdirSync(path);
  return others;
}

async function confirmed(): Promise<boolean> {
  if (force === "1") return true;
  if (!process.stdin.isTTY) refuse(`Cannot reset ${data}: expected FORCE=1, as there is no terminal to ask on`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Delete all readings and history in ${data}? Type "yes": `);
  terminal.close();
  return answer.trim() === "yes";
}

async function reset(): Promise<void> {
  if (!existsSync(data)) return console.log(`nothing to reset: there is no ${data}`);
  requireStopped("reset");
  if (!readdirSync(data).some((name) => OURS.test(name) || name === "run")) {
    refuse(`Cannot reset ${data}: nothing in it is tidemark's`);
  }
  if (!(await confirmed())) refuse("nothing was deleted");
  lockDataDirectory(data).release(); // throws while any server has it, also one that left no record
  removeOurs(runDirectory(data), OURS_RUN);
  const others = removeOurs(data, OURS).filter((name) => name !== "run");
  console.log(
    `deleted the readings and the history in ${data}${others.length > 0 ? `; left ${others.join(", ")}` : ""}`,
  );
}

function clean(): void {
  requireStopped("clean");
  const run = runDirectory(data);
  if (!existsSync(run)) return;
  for (const name of readdirSync(run)) if (/\.log(\.1)?$/.test(name) && OURS_RUN.test(name)) rmSync(join(run, name));
}

try {
  if (action === "reset") await reset();
  else if (action === "clean") clean();
  else refuse(`Cannot do "${action}": expected reset or clean`);
} catch (error) {
  refuse(error instanceof Error ? error.message : String(error));
}
