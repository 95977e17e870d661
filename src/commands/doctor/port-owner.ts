/** Which process listens on a port. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** A process. */
export interface Listener {
  readonly pid: number;
  readonly name: string;
}

/** State of a listening socket in /proc/net/tcp (include/net/tcp_states.h). */
const LISTENING = "0A";

/** Null when there is none, or this user may not know. */
export function listenerOn(port: number): Listener | null {
  return process.platform === "linux" ? linuxListener(port) : lsofListener(port);
}

/** The inode of the socket (proc(5), /proc/net/tcp), then the process that has it open. */
function linuxListener(port: number): Listener | null {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of textOf(table).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const local = Number.parseInt(fields[1]?.split(":")[1] ?? "", 16);
      if (local === port && fields[3] === LISTENING) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return null;
  for (const pid of namesIn("/proc").filter((name) => /^\d+$/.test(name))) {
    const isIt = namesIn(`/proc/${pid}/fd`).some((fd) => inodes.has(linkOf(`/proc/${pid}/fd/${fd}`)));
    if (isIt)
      return { pid: Number(pid), name: basename(linkOf(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "")) || "?" };
  }
  return null;
}

/** Where there is no /proc (macOS, BSD). */
function lsofListener(port: number): Listener | null {
  const { stdout } = spawnSync("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"], { encoding: "utf8" });
  const pid = /^p(\d+)$/m.exec(stdout ?? "")?.[1];
  return pid === undefined ? null : { pid: Number(pid), name: /^c(.*)$/m.exec(stdout)?.[1] ?? "?" };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
