/** `tidemark verify` of a directory, as its users run it: it must find no difference. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { ProcessOptions } from "./tidemark-process.ts";

const MAIN = join(import.meta.dirname, "..", "..", "src", "main.ts");

/** @throws AssertionError with all that it says, when that is more than "no difference" */
export async function requireNoDifference(options: ProcessOptions, note: string): Promise<void> {
  const { data, log = "local", zone = "UTC" } = options;
  const args = [MAIN, "verify", "--data", data, "--log", log, "--timezone", zone];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, `${note}: tidemark verify: ${said}`);
  assert.match(said, /all of it checked against the log\n.*no difference\n$/s, `${note}: tidemark verify: ${said}`);
}
