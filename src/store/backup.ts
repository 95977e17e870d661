/**
 * Copies of a data directory, of a running server too. Each database is read in one snapshot: that of the history first, so that the log, seen
 * after it, holds everything that the history does not. What is made of a copy is then what is made after a crash at that moment.
 */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, fsyncSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { messageOf, TidemarkError } from "../core/errors.ts";

/** The databases of a data directory whose pages have sums; lock.db holds nothing. */
export const DATABASES = ["history.db", "log.db"] as const;

/** Those that are copied, in this order: each says nothing of readings that the log behind it does not have. */
export const COPIED = ["history.db", "alerts.db", "log.db"] as const;

/** SQLite's pages that are copied before others may run: some milliseconds. */
const PAGES_AT_ONCE = 256;

/** How often both snapshots are taken anew when the log was trimmed between them: retention deletes once in minutes. */
const TRIES = 5;

/** Waits this long for the writer, ms: it holds the file for milliseconds. */
const BUSY_MS = 5000;

/** Called now and then with what is copied, of all that is to be. */
export type OnCopied = (doneBytes: number, allBytes: number) => void;

/** A file of a copy. */
export interface CopiedFile {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Copies the databases of `from` into `to`, which must be there, checks them, and makes them durable.
 * @throws TidemarkError "data-dir-unusable", "disk-full", "history-corrupt" | "log-corrupt" when what was copied is damaged
 */
export async function copyDatabases(
  from: string,
  to: string,
  onCopied: OnCopied,
): Promise<ReadonlyMap<string, CopiedFile>> {
  const sources = openSnapshots(from);
  const sizes = sources.map(({ db }) => bytesOf(db));
  const allBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const copied = new Map<string, CopiedFile>();
  let before = 0;
  try {
    for (const [i, { name, db }] of sources.entries()) {
      const path = join(to, name);
      await backup(db, path, {
        rate: PAGES_AT_ONCE,
        progress: ({ totalPages, remainingPages }) => {
          onCopied(before + (sizes[i] * (totalPages - remainingPages)) / totalPages, allBytes);
        },
      }).catch((error: unknown) => {
        throw copyError(path, error);
      });
      before += sizes[i];
      checkDatabase(path);
      sync(path);
      copied.set(name, { bytes: statSync(path).size, sha256: await sha256Of(path) });
    }
  } finally {
    for (const { db } of sources) db.close();
  }
  sync(to);
  return copied;
}

interface Source {
  readonly name: (typeof COPIED)[number];
  readonly db: DatabaseSync;
}

/** One snapshot of each database, that of the log not older and nowhere behind a hole. */
function openSnapshots(from: string): Source[] {
  for (let tries = 1; ; tries++) {
    const sources = COPIED.flatMap((name): Source[] => {
      const path = join(from, name);
      return statSync(path, { throwIfNoEntry: false }) === undefined ? [] : [{ name, db: openSnapshot(path) }];
    });
    const [history] = sources;
    const log = sources.find(({ name }) => name === "log.db");
    if (history?.name !== "history.db") {
      for (const { db } of sources) db.close();
      throw new TidemarkError("data-dir-unusable", `Cannot back up ${from}: there is no history.db in it`);
    }
    // A hole that stays was there before.
    if (log === undefined || !isTrimmedPast(history.db, log.db) || tries === TRIES) return sources;
    for (const { db } of sources) db.close();
  }
}

function openSnapshot(path: string): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    // The snapshot is taken by the first read.
    db.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    return db;
  } catch (error) {
    throw copyError(path, error);
  }
}

/** Whether the log's first record of a topic is past where the history has read it to. */
function isTrimmedPast(history: DatabaseSync, log: DatabaseSync): boolean {
  const positions = new Map<string, number>();
  for (const { topic_id, next } of history.prepare("SELECT topic_id, next FROM position").all()) {
    positions.set(String(topic_id), Number(next));
  }
  const starts = log.prepare(
    "SELECT id, coalesce((SELECT min(base) FROM batch WHERE topic = number), first) AS start FROM topic",
  );
  return starts.all().some(({ id, start }) => Number(start) > (positions.get(String(id)) ?? 0));
}

function bytesOf(db: DatabaseSync): number {
  const pages = db.prepare("PRAGMA page_count").get()?.["page_count"];
  return Number(pages) * Number(db.prepare("PRAGMA page_size").get()?.["page_size"]);
}

/** Reads all of a database that nobody has open; then it is one file, with no other beside it. */
function checkDatabase(path: string): void {
  const db = new DatabaseSync(path);
  try {
    db.exec("PRAGMA journal_mode = DELETE");
    const found = db.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
    if (found !== "ok") throw new Error(String(found));
  } catch (error) {
    const code = path.endsWith("log.db") ? "log-corrupt" : "history-corrupt";
    throw new TidemarkError(code, `Cannot use ${path}: ${messageOf(error)}`, error);
  } finally {
    db.close();
  }
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** Makes a file, or the names in a directory, durable. */
export function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function copyError(path: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const text = messageOf(error);
  if (/full|ENOSPC/.test(text)) return new TidemarkError("disk-full", `Cannot write ${path}: ${text}`, error);
  return new TidemarkError("data-dir-unusable", `Cannot copy ${path}: ${text}`, error);
}
