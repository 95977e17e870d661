/** Whether a process id still means the process that it meant: ids are given again, times of birth are not. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** When the process with this id was born, as the system tells it: only good for comparing. Null when there is none, or a dead one. */
export function birthOf(pid: number): string | null {
  return linuxBirth(pid) ?? (process.platform === "linux" ? null : psBirth(pid));
}

/** Clock ticks since this boot, and which boot it is (proc(5): stat fields 3 and 22). */
function linuxBirth(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses, and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${fields[19]}`;
  } catch {
    return null;
  }
}

/** Where there is no /proc (macOS, BSD). */
function psBirth(pid: number): string | null {
  const { status, stdout } = spawnSync("/bin/ps", ["-o", "lstart=", "-o", "stat=", "-p", String(pid)], {
    env: { LC_ALL: "C" },
    encoding: "utf8",
  });
  const text = stdout?.trim() ?? "";
  return status !== 0 || text === "" || /\sZ\S*$/.test(text) ? null : text.replace(/\s+\S+$/, "");
}
