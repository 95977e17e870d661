/** Other versions of Node, from npm. */
import { join } from "node:path";
import { kept, run } from "../cache.ts";

/** @returns the folder of its `node`; null where it is not to be had */
export async function folderOfNode(version: string): Promise<string | null> {
  const name = `node-${process.platform}-${process.arch}`;
  const options = ["--no-save", "--prefer-offline", "--no-audit", "--no-fund"];
  try {
    const home = await kept(`node-${version}`, (partial) =>
      run("npm", ["install", "--prefix", partial, ...options, `${name}@${version}`]),
    );
    return join(home, "node_modules", name, "bin");
  } catch {
    return null;
  }
}
