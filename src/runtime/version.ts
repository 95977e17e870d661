/** Which tidemark this is. */
import { readFileSync } from "node:fs";

let description: { readonly version: string; readonly node: string } | null = null;

function describe() {
  if (description === null) {
    const { version, engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    description = { version: String(version), node: /[\d.]+/.exec(String(engines?.node))?.[0] ?? "0" };
  }
  return description;
}

/** The version in package.json; read once. */
export function programVersion(): string {
  return describe().version;
}

/** The oldest Node that it runs on. */
export function requiredNode(): string {
  return describe().node;
}
