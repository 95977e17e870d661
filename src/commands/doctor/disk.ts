/** The data directory: who may write there, how much room there is, and whether what is written can be made durable. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { messageOf, TidemarkError } from "../../core/errors.ts";
import { lockDataDirectory } from "../../store/data-lock.ts";
import { runningServer } from "../run-files.ts";
import { type Finding, failure, ok, warning } from "./finding.ts";

/** Under this a server stops taking readings in soon. */
const FREE_BYTES_FAILING = 100_000_000;
const FREE_BYTES_WARNED = 1_000_000_000;

/** Each append waits for one; a slow disk of a small computer takes 20 ms. */
const FSYNC_MS_WARNED = 50;
const FSYNCS = 5;

/** Kinds of file systems (statfs(2)) on which a history does not belong, and why. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [0x01021994, "is in memory (tmpfs): it is gone after a restart of this machine"],
  [0x6969, "is on a network (NFS): locks and durability are not those of a disk"],
  [0xff534d42, "is on a network (SMB): locks and durability are not those of a disk"],
  [0xfe534d42, "is on a network (SMB): locks and durability are not those of a disk"],
]);

/** @param directory that may not be there yet @param logBytes that the local log may grow to */
export function checkDisk(directory: string, logBytes: number): Finding[] {
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) {
    const parent = existingParent(directory);
    const findings = mayWrite(parent)
      ? [ok("data", `${directory} is not there yet; the first start makes it`)]
      : [
          failure(
            "data",
            `${directory} is not there, and ${userInfo().username} may not make it`,
            advicePermission(parent),
          ),
        ];
    return [...findings, checkRoom(parent, logBytes)];
  }
  if (!stats.isDirectory()) return [failure("data", `${directory} is a file`, "--data names a directory")];
  if (!mayWrite(directory)) {
    return [failure("data", `${userInfo().username} may not write in ${directory}`, advicePermission(directory))];
  }
  const findings = [ok("data", `${directory}, and ${userInfo().username} may write there`)];
  if ((stats.mode & 0o002) !== 0) {
    findings.push(warning("data", `every user may write in ${directory}`, `chmod o-w ${directory}`));
  }
  const kind = KINDS.get(statfsSync(directory).type);
  if (kind !== undefined) findings.push(warning("data", `${directory} ${kind}`, "--data names one on a local disk"));
  return [...findings, checkOwner(directory), checkRoom(directory, logBytes), checkSync(directory)];
}

function existingParent(path: string): string {
  const parent = dirname(path);
  return statSync(parent, { throwIfNoEntry: false })?.isDirectory() === true || parent === path
    ? parent
    : existingParent(parent);
}

function mayWrite(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function advicePermission(directory: string): string {
  return `chown or chmod ${directory}, or name another with --data`;
}

/** One process owns a directory: the server that runs there, or nobody. */
function checkOwner(directory: string): Finding {
  const running = runningServer(directory);
  if (running !== null) return ok("owner", `the server at ${running.url ?? "no address yet"}, process ${running.pid}`);
  if (statSync(join(directory, "lock.db"), { throwIfNoEntry: false }) === undefined) return ok("owner", "nobody yet");
  try {
    lockDataDirectory(directory).release();
    return ok("owner", "nobody: no server runs on it");
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "data-dir-owned") {
      return warning(
        "owner",
        `${error.message}; no record says where it listens`,
        "end that process, or name its address with --url",
      );
    }
    return failure("owner", messageOf(error), "see docs/ERRORS.md");
  }
}

function checkRoom(directory: string, logBytes: number): Finding {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  const says = `${sizeText(free)} free where ${directory} is`;
  const advice = "make room, name another place with --data, or keep less (--log-retention, --keep)";
  if (free < FREE_BYTES_FAILING) return failure("disk", says, advice);
  if (free < FREE_BYTES_WARNED) return warning("disk", says, advice);
  if (free < logBytes) return warning("disk", `${says}; the log may grow to ${sizeText(logBytes)}`, advice);
  return ok("disk", says);
}

function sizeText(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(0)} MB`;
}

/** Writes a small file, makes it durable a few times, and removes it. */
function checkSync(directory: string): Finding {
  const path = join(directory, `.doctor-${process.pid}`);
  try {
    const descriptor = openSync(path, "wx", 0o600);
    const times: number[] = [];
    try {
      for (let i = 0; i < FSYNCS; i++) {
        writeSync(descriptor, Buffer.alloc(4096, i));
        const startedAt = performance.now();
        fsyncSync(descriptor);
        times.push(performance.now() - startedAt);
      }
    } finally {
      closeSync(descriptor);
      unlinkSync(path);
    }
    const ms = times.sort((a, b) => a - b)[FSYNCS >> 1];
    const says = `what is written is durable after ${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms (fsync)`;
    if (ms <= FSYNC_MS_WARNED) return ok("fsync", says);
    return warning("fsync", says, "every append waits so long: a faster disk, or fewer and larger requests");
  } catch (error) {
    return failure(
      "fsync",
      `cannot make a file durable in ${directory}: ${messageOf(error)}`,
      "name another place with --data",
    );
  }
}
