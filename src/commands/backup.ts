/** `tidemark backup` and `restore`: a data directory as checked files, and a data directory of them. A folder that is there is whole. */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { BackupConfig } from "../config/backup-config.ts";
import { systemClock } from "../core/clock.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { bytesText } from "../core/figures.ts";
import { formatMs } from "../core/time.ts";
import { programVersion } from "../runtime/version.ts";
import { COPIED, type CopiedFile, copyDatabases, sha256Of, sync } from "../store/backup.ts";
import { makeDirectory, unusable } from "../store/data-directory.ts";
import { fieldsOf } from "./client.ts";
import type { Console } from "./console.ts";
import { Progress } from "./progress.ts";

/** What a backup says of itself: written last. */
const RECORD = "backup.json";

/** Of a folder while it is made. */
const UNFINISHED = ".unfinished";

/** @throws TidemarkError "data-dir-unusable", "disk-full", "history-corrupt", "log-corrupt" */
export async function backup(
  { data, folder }: BackupConfig,
  { out }: Console,
  output: NodeJS.WriteStream,
): Promise<void> {
  const progress = new Progress(output, "bytes");
  const files = await make(folder, "back up to", async (unfinished) => {
    try {
      const copied = await copyDatabases(data, unfinished, (done, all) =>
        progress.show({ share: done / all, count: done }),
      );
      const record = {
        tidemark: programVersion(),
        time: formatMs(systemClock.now()),
        files: Object.fromEntries(copied),
      };
      writeFileSync(join(unfinished, RECORD), `${JSON.stringify(record, null, 2)}\n`);
      return copied;
    } finally {
      progress.end();
    }
  });
  const bytes = [...files.values()].reduce((sum, file) => sum + file.bytes, 0);
  out(
    `backed up ${data} to ${folder}: ${[...files.keys()].join(", ")} (${bytesText(bytes)}), read again and found whole`,
  );
}

/** @throws TidemarkError "data-dir-unusable", "disk-full", "history-corrupt", "log-corrupt" */
export async function restore({ data, folder }: BackupConfig, { out }: Console): Promise<void> {
  const files = readRecord(folder);
  await make(data, "restore to", async (unfinished) => {
    for (const [name, { bytes, sha256 }] of files) {
      cpSync(join(folder, name), join(unfinished, name));
      const path = join(unfinished, name);
      if (statSync(path).size !== bytes || (await sha256Of(path)) !== sha256) {
        const code = name === "log.db" ? "log-corrupt" : "history-corrupt";
        throw new TidemarkError(
          code,
          `Cannot restore ${join(folder, name)}: it is not what was backed up; expected SHA-256 ${sha256}`,
        );
      }
      sync(path);
    }
    sync(unfinished);
  });
  out(`restored ${folder} to ${data}; tidemark start --data ${data} goes on from there`);
}

/** Makes a folder beside its place and moves it there once it is whole; one that is not empty is left alone. */
async function make<T>(folder: string, doing: string, fill: (unfinished: string) => Promise<T>): Promise<T> {
  const unfinished = join(dirname(folder), `.${basename(folder)}${UNFINISHED}`);
  try {
    if (!isEmpty(folder)) {
      throw new TidemarkError("data-dir-unusable", `Cannot ${doing} ${folder}: expected an empty directory, or none`);
    }
    makeDirectory(dirname(folder));
    // Of one that was killed.
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { mode: 0o700 });
    const made = await fill(unfinished);
    if (statSync(folder, { throwIfNoEntry: false }) !== undefined) rmdirSync(folder);
    renameSync(unfinished, folder);
    sync(dirname(folder));
    return made;
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error instanceof TidemarkError ? error : unusable(folder, error);
  }
}

function isEmpty(folder: string): boolean {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats === undefined || (stats.isDirectory() && readdirSync(folder).length === 0);
}

/** The files of a backup. @throws TidemarkError "data-dir-unusable" */
function readRecord(folder: string): ReadonlyMap<string, CopiedFile> {
  try {
    const record = fieldsOf(JSON.parse(readFileSync(join(folder, RECORD), "utf8")));
    const files = new Map<string, CopiedFile>();
    for (const [name, value] of fieldsOf(record.get("files"))) {
      const file = fieldsOf(value);
      if (!COPIED.some((known) => known === name)) throw new Error(`${name} is no file of a backup`);
      files.set(name, { bytes: Number(file.get("bytes")), sha256: String(file.get("sha256")) });
    }
    if (!files.has("history.db")) throw new Error("history.db is not in it");
    return files;
  } catch (error) {
    const what = `expected what tidemark backup has made, with ${RECORD} in it`;
    throw new TidemarkError("data-dir-unusable", `Cannot restore ${folder}: ${what}; ${messageOf(error)}`, error);
  }
}
