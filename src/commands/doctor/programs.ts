/** Versions and settings: what runs here, and what it is told. */
import type { DoctorConfig } from "../../config/doctor-config.ts";
import { variableOf } from "../../config/option-table.ts";
import { isReadByOthers } from "../../config/secret-file.ts";
import { reloadedFiles } from "../../config/server-config.ts";
import { programVersion, requiredNode } from "../../runtime/version.ts";
import { type Finding, failure, ok, warning } from "./finding.ts";

const TOKENS = ["token", "token-read", "token-write", "token-admin"] as const;

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
export function checkSettings({ config, given, shown, warnings, configFile }: DoctorConfig): Finding[] {
  const parts = [...given].map(([id, { by }]) => `${by}: ${shown[id] ?? (id.startsWith("token") ? "set" : "…")}`);
  const findings = [ok("settings", parts.length === 0 ? "defaults" : parts.join(", "))];
  for (const text of warnings) findings.push(warning("settings", text, "unset it, or correct its name"));
  const tokens = TOKENS.flatMap((id) => given.get(id) ?? []);
  if (tokens.some(({ by }) => by.includes(configFile.name)) && isReadByOthers(configFile.path)) {
    const says = `${configFile.path} holds the token, and other users may read it`;
    findings.push(warning("settings", says, `chmod 600 ${configFile.path}`));
  }
  for (const { isFlag, by } of tokens) {
    if (!isFlag) continue;
    const says = "the token is on the command line, where other users see it";
    findings.push(warning("settings", says, `give it as ${variableOf(by.slice(2))}`));
  }
  for (const path of reloadedFiles(config)) {
    if (!isReadByOthers(path)) continue;
    findings.push(warning("settings", `${path} holds a secret, and other users may read it`, `chmod 600 ${path}`));
  }
  return findings;
}
