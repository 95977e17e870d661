/**
 * Fills the cache of compiled code (bin/compiled-code.js), so that the first start is as quick and small as the next. Nothing depends on it: who loads
 * a file that is not there, or has changed, compiles it.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openCompiledCode } from "../bin/compiled-code.js";

const SRC = new URL("../src/", import.meta.url);
const PROGRAM = fileURLToPath(new URL("../bin/tidemark.js", import.meta.url));
const SELF = fileURLToPath(import.meta.url);

/**
 * Loads everything but main.ts, which acts when it is loaded. The files of threads refuse to be loaded here, but after they were compiled; that of
 * the page makes it.
 */
async function loadAll() {
  openCompiledCode();
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".ts") && file !== "main.ts") await import(new URL(file, SRC).href).catch(() => {});
  }
}

function run(args) {
  return new Promise((done, fail) => {
    const env = { ...process.env, NODE_NO_WARNINGS: "1" }; // the stripper of types for the page is experimental
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], env });
    child.on("error", fail);
    child.on("close", (code) => (code === 0 ? done() : fail(new Error(`${args.join(" ")} ended with ${code}`))));
  });
}

if (process.argv[2] === "all") await loadAll();
else {
  const { SERVER_FLAGS } = await import("../src/runtime/server-flags.ts");
  // Compiled code is good for the flags that it was compiled under.
  for (const [flags, args] of [
    [[], ["--version"]],
    [SERVER_FLAGS, ["serve", "--help"]],
  ]) {
    await Promise.all([run([...flags, SELF, "all"]), run([...flags, PROGRAM, ...args])]);
  }
}
