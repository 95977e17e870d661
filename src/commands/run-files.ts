/** `<data>/run`: a record and a log file of each process of ours, and the lock under which they are started and stopped. */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { trustServer } from "../core/trusted-servers.ts";
import { makeDirectory, unusable } from "../store/data-directory.ts";
import { birthOf } from "./process-birth.ts";

/** A process that was started on a data directory. */
export interface ProcessRecord {
  /** "server", or "sensor-" and its name. */
  readonly name: string;
  readonly pid: number;
  /** See `birthOf`: without it a signal could hit a stranger. */
  readonly birth: string;
  /** Of a server that listens: where. */
  readonly url: string | null;
  /** The settings that it was started with, by option; no secrets. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Names of processes, and so of their files: the server's, and the prefix of a simulated sensor's. */
export const SERVER = "server";
export const SENSOR_PREFIX = "sensor-";

const LOCK_FILE = "start.db";
const LOCK_POLL_MS = 100;
/** A start takes seconds, a stop at most a minute and a half. */
const LOCK_MS_MAX = 120_000;

/** SQLite's result code when another connection has the file (SQLITE_BUSY). */
const BUSY = 5;

/** Where the records and log files of the processes of a data directory lie. */
export function runDirectory(data: string): string {
  return join(data, "run");
}

/** The log file of a process in the background. */
export function logFileOf(data: string, name: string): string {
  return join(runDirectory(data), `${name}.log`);
}

/** Makes the directory. @throws TidemarkError "data-dir-unusable" */
export function openRunDirectory(data: string): void {
  try {
    makeDirectory(runDirectory(data));
  } catch (cause) {
    throw unusable(data, cause);
  }
}

/** The record of a process that runs now. */
export function recordOf(
  name: string,
  pid: number,
  url: string | null,
  settings: Readonly<Record<string, string>>,
): ProcessRecord | null {
  const birth = birthOf(pid);
  return birth === null ? null : { name, pid, birth, url, settings };
}

/** Replaces the process's record as a whole. @throws TidemarkError "data-dir-unusable" | "disk-full" */
export function writeRecord(data: string, record: ProcessRecord): void {
  const path = recordPath(data, record.name);
  const beside = `${path}.${process.pid}`;
  const text = JSON.stringify(record);
  try {
    writeFileSync(beside, `${text}\n${checksumOf(text)}\n`, { mode: 0o600, flush: true });
    renameSync(beside, path);
  } catch (error) {
    throw unusable(data, error);
  }
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

/** Forgets a record, if it still is of that process. */
export function removeRecord(data: string, record: ProcessRecord): void {
  try {
    if (readRecord(data, record.name)?.pid !== record.pid) return;
  } catch {
    // One that is damaged is of nobody: the directory's owner is the one that ends.
  }
  rmSync(recordPath(data, record.name), { force: true });
}

/** Of the processes that run now; the records of others are removed. @throws TidemarkError "data-dir-unusable" for a damaged one */
export function runningProcesses(data: string): ProcessRecord[] {
  const running: ProcessRecord[] = [];
  for (const file of listFiles(data)) {
    const name = /^((?:server|sensor-.+))\.json$/.exec(file)?.[1];
    if (name === undefined) continue;
    const record = readRecord(data, name);
    if (record !== null && isRunning(record)) running.push(record);
    else rmSync(recordPath(data, name), { force: true });
  }
  return running;
}

/** The server that runs on this directory; null when there is none. @throws TidemarkError "data-dir-unusable" for a damaged record */
export function runningServer(data: string): ProcessRecord | null {
  const record = readRecord(data, SERVER);
  if (record === null || !isRunning(record)) return null;
  if (record.url?.startsWith("https:") === true) trustServer(new URL(record.url).origin, certificateOf(record));
  return record;
}

/** Its name may be another than that of this machine's loopback, by which it is asked. Nothing: the usual authorities have to know it. */
function certificateOf({ settings }: ProcessRecord): string {
  try {
    return readFileSync(settings["tls-cert"] ?? "", "utf8");
  } catch {
    return "";
  }
}

/** Whether the process of a record is still there, and is no other one under its number. */
export function isRunning(record: ProcessRecord): boolean {
  return birthOf(record.pid) === record.birth;
}

function listFiles(data: string): string[] {
  try {
    return readdirSync(runDirectory(data)).sort();
  } catch {
    return [];
  }
}

function recordPath(data: string, name: string): string {
  return join(runDirectory(data), `${name}.json`);
}

/** Null when there is none. @throws TidemarkError "data-dir-unusable" when it is not what was written: a stranger could be signalled */
function readRecord(data: string, name: string): ProcessRecord | null {
  const path = recordPath(data, name);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return null;
  }
  const record = recordIn(text, name);
  if (record !== null) return record;
  const what = `end the process that runs on ${data} by hand, if there is one, and delete the file`;
  throw new TidemarkError("data-dir-unusable", `Cannot tell what runs: ${path} is damaged; ${what}`);
}

/** Null: the text is not what was written. Those of older versions have no checksum. */
function recordIn(text: string, name: string): ProcessRecord | null {
  const [line, checksum] = text.split("\n");
  if (checksum !== "" && checksum !== checksumOf(line)) return null;
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof content !== "object" || content === null) return null;
  const fields = new Map<string, unknown>(Object.entries(content));
  const pid = fields.get("pid");
  const birth = fields.get("birth");
  const url = fields.get("url");
  const settings = fields.get("settings");
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < 2 || typeof birth !== "string") return null;
  const texts = Object.entries(typeof settings === "object" && settings !== null ? settings : {});
  return {
    name,
    pid,
    birth,
    url: typeof url === "string" ? url : null,
    settings: Object.fromEntries(texts.map(([key, value]) => [key, String(value)])),
  };
}

/** Only one start or stop at a time on a directory. The system releases the lock when its holder ends, however it ends. */
export async function withRunLock<T>(data: string, say: (line: string) => void, work: () => Promise<T>): Promise<T> {
  openRunDirectory(data);
  const db = await lock(data, say);
  try {
    return await work();
  } finally {
    db.close();
  }
}

async function lock(data: string, say: (line: string) => void): Promise<DatabaseSync> {
  const path = join(runDirectory(data), LOCK_FILE);
  const db = new DatabaseSync(path, { timeout: 0 });
  for (let waitedMs = 0; ; waitedMs += LOCK_POLL_MS) {
    try {
      db.exec("BEGIN EXCLUSIVE");
      return db;
    } catch (error) {
      const busy = error instanceof Error && "errcode" in error && error.errcode === BUSY;
      if (!busy || waitedMs >= LOCK_MS_MAX) {
        db.close();
        if (!busy) throw unusable(data, error);
        throw new TidemarkError("data-dir-owned", `Cannot start or stop here: ${path}: ${messageOf(error)}`, error);
      }
      if (waitedMs === 0) say("another start or stop is under way; waiting for it");
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
  }
}
