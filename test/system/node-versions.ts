/** Other versions of Node, from npm, kept in .cache/node. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./cli.ts";

/** @returns the folder of its `node`; null where it is not to be had */
export function folderOfNode(version: string): string | null {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(ROOT, ".cache/node", version);
  const folder = join(prefix, "node_modules", name, "bin");
  if (!existsSync(join(folder, "node"))) {
    const args = ["install", "--prefix", prefix, "--no-save", "--prefer-offline", "--no-audit", "--no-fund"];
    spawnSync("npm", [...args, `${name}@${version}`], { stdio: "ignore" });
  }
  return existsSync(join(folder, "node")) ? folder : null;
}
