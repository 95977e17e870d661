/** Starts src/main.ts with the code that was compiled before; and a server with the heap of a server. */
import { openCompiledCode } from "./compiled-code.js";

// Node would open a debugger to everybody on this machine.
process.on("SIGUSR1", () => {});

// Node 22 says at each start that node:sqlite may change; package.json says which versions have what is used of it.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).startsWith("SQLite is an experimental feature")) emitWarning.call(process, warning, ...rest);
};

openCompiledCode();

if (process.argv[2] === "serve") {
  const { missingServerFlags } = await import("../src/runtime/server-flags.ts");
  const { execPath, execArgv, argv, env } = process;
  const missing = missingServerFlags(execArgv);
  // The same process goes on with them, 30 ms later. Windows has no execve, and does without.
  if (missing.length > 0 && process.execve !== undefined) {
    process.execve(execPath, [execPath, ...missing, ...execArgv, ...argv.slice(1)], env);
  }
}

await import("../src/main.ts");
