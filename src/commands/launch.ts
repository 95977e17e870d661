/** Processes that outlive the command that starts them. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Environment } from "../config/settings.ts";
import { SERVER_FLAGS } from "../runtime/server-flags.ts";
import { rotate } from "./bounded-log.ts";
import { logFileOf, SERVER } from "./run-files.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/tidemark.js", import.meta.url));

/** `tidemark ARGS` in a session of its own, without input, with its log file for output. */
export function launch(data: string, name: string, args: readonly string[], environment: Environment): ChildProcess {
  const logFile = logFileOf(data, name);
  rotate(logFile);
  const descriptor = openSync(logFile, "a", 0o600);
  try {
    const child = spawn(process.execPath, [...(name === SERVER ? SERVER_FLAGS : []), PROGRAM, ...args], {
      detached: true,
      stdio: ["ignore", descriptor, descriptor],
      env: environment,
    });
    child.on("error", () => {}); // told by its end
    child.unref();
    return child;
  } finally {
    closeSync(descriptor);
  }
}
