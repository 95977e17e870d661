/** What the figures were measured on. */
import { readFileSync, statfsSync } from "node:fs";
import { cpus, release, tmpdir, totalmem, type } from "node:os";
import { output } from "./install.ts";

export interface Machine {
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
  return {
    rows: [
      ["CPU", `${cores[0]?.model.trim() ?? "unknown"}, ${cores.length} cores`],
      ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
      ["system", `${type()} ${release()}`],
      ["temporary files on", FILE_SYSTEMS.get(statfsSync(tmpdir()).type) ?? "unknown"],
      ["load before", loadBefore()],
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

/** Runnable processes over the last minute: above 0 others had a part of the machine. */
function loadBefore(): string {
  try {
    return readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  } catch {
    return "unknown";
  }
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
