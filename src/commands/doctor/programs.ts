/** Versions and settings: what runs here, and what it is told. */
import { statSync } from "node:fs";
import type { DoctorConfig } from "../../config/doctor-config.ts";
import { programVersion, requiredNode } from "../../runtime/version.ts";
import { type Finding, failure, ok, warning } from "./finding.ts";

/** Bits of a file's mode by which others than its owner may read it. */
const OTHERS_READ = 0o044;

/** tidemark, Node and SQLite. */
export function checkVersions(): Finding {
  const { versions, platform, arch, version } = process;
  const says = `tidemark ${programVersion()}, Node ${version}, SQLite ${versions["sqlite"] ?? "none"}, ${platform} ${arch}`;
  const required = requiredNode();
  const isOld = compare(versions.node, required) < 0;
  return isOld ? failure("versions", says, `expected Node ${required} or later`) : ok("versions", says);
}

/** "24.21.0" and "24.6": negative when the first is older. */
function compare(one: string, other: string): number {
  const [a, b] = [one, other].map((text) => text.split(".").map(Number));
  for (const [i, number] of b.entries()) if ((a[i] ?? 0) !== number) return (a[i] ?? 0) - number;
  return 0;
}

/** What differs from the defaults, and by what. */
export function checkSettings({ given, shown, warnings, configFile }: DoctorConfig): Finding[] {
  const parts = [...given].map(([id, { by }]) => `${by}: ${shown[id] ?? (id === "token" ? "set" : "…")}`);
  const findings = [ok("settings", parts.length === 0 ? "defaults" : parts.join(", "))];
  for (const text of warnings) findings.push(warning("settings", text, "unset it, or correct its name"));
  if (given.get("token")?.by.includes(configFile.name) === true && (modeOf(configFile.path) & OTHERS_READ) !== 0) {
    const says = `${configFile.path} holds the token, and other users may read it`;
    findings.push(warning("settings", says, `chmod 600 ${configFile.path}`));
  }
  if (given.get("token")?.isFlag === true) {
    const says = "the token is on the command line, where other users see it";
    findings.push(warning("settings", says, "give it as TIDEMARK_TOKEN"));
  }
  return findings;
}

function modeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
}
