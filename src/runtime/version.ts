/** Which tidemark this is. */
import { readFileSync } from "node:fs";

let version: string | null = null;

/** The version in package.json; read once. */
export function programVersion(): string {
  version ??= String(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version);
  return version;
}
