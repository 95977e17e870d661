/** What the figures were measured on. */
import { readFileSync, statfsSync } from "node:fs";
import { cpus, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { output } from "./install.ts";

export interface Machine {
  /** Tells it from another one: processor, cores, system. */
  readonly name: string;
  readonly rows: readonly (readonly [string, string])[];
}

/** File systems by the magic number of statfs(2), as <linux/magic.h> has them. */
const FILE_SYSTEMS = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlayfs"],
]);

function firstLine(text: string | null, pattern: RegExp): string | null {
  return pattern.exec(text ?? "")?.[1] ?? null;
}

export function describeMachine(): Machine {
  const cores = cpus();
  const versions: [string, string | null][] = [
    ["Node.js", process.version],
    ["SQLite", process.versions["sqlite"] ?? null],
    ["Java", firstLine(output("sh", ["-c", "java -version 2>&1"]), /version "([^"]+)"/)],
    ["kcat", firstLine(output("sh", ["-c", "kcat -V 2>&1"]), /librdkafka ([\d.]+)/)],
    ["PostgreSQL", firstLine(output("psql", ["--version"]), /PostgreSQL\) ([\d.]+)/)],
  ];
  const processor = `${cores[0]?.model.trim() ?? "unknown"}, ${cores.length} cores`;
  const system = `${type()} ${release()}`;
  return {
    name: `${processor}, ${system}`,
    rows: [
      ["CPU", processor],
      ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
      ["system", system],
      ["temporary files on", FILE_SYSTEMS.get(statfsSync(tmpdir()).type) ?? "unknown"],
      [
        "versions",
        versions
          .map(([name, version]) => (version === null ? "" : `${name} ${version}`))
          .filter((text) => text !== "")
          .join(", "),
      ],
      ["peers", peerVersions()],
    ],
  };
}

/** Runnable processes over the last minute: above 0 before a row, others had a part of the machine. */
export function loadNow(): string {
  try {
    return readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  } catch {
    return "unknown";
  }
}

/** The commit that is measured, and whether src/ or bench/ differ from it (results and picture aside). */
export function commitNow(): { commit: string; changed: boolean } {
  const root = join(import.meta.dirname, "..", "..");
  const git = (...args: string[]): string => output("git", ["-C", root, ...args])?.trim() ?? "";
  const paths = ["src", "bench", ":!bench/results.*", ":!bench/growth.svg"];
  return {
    commit: git("rev-parse", "--short", "HEAD") || "unknown",
    changed: git("status", "--porcelain", "--untracked-files=no", "--", ...paths) !== "",
  };
}

/** Versions that the bench itself pins. */
function peerVersions(): string {
  const bench = new URL("../", import.meta.url);
  const pinned: unknown = JSON.parse(readFileSync(new URL("package.json", bench), "utf8"));
  const packages =
    typeof pinned === "object" && pinned !== null && "dependencies" in pinned
      ? Object.entries(pinned.dependencies ?? {})
      : [];
  const python = ["spark", "older", "clickhouse"].flatMap((peer) =>
    readFileSync(new URL(`peers/${peer}/requirements.txt`, bench), "utf8")
      .trim()
      .split("\n"),
  );
  return [
    ...packages.map(([name, version]) => `${name} ${version}`),
    ...python.map((line) => line.replace("==", " ")),
  ].join(", ");
}
