/** The command line as a person has it: real processes, real terminals (util-linux `script`), directories of their own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after } from "node:test";

export const ROOT = resolve(import.meta.dirname, "../..");
const PROGRAM = join(ROOT, "bin/tidemark.js");

/** No step of a test takes so long, also on a machine that has much else to do. */
const STEP_MS_MAX = 120_000;

/** The file by which scripts/install.sh knows what is installed. */
const STAMP = ".tidemark-package-lock.json";

/**
 * Gives a copy of the tree the packages of this one, a link each, as installed for the copy's own lock file: what the copy installs or
 * removes is never what is linked to (npm empties a folder that node_modules is a link to).
 */
export function linkPackages(tree: string): void {
  const packages = join(ROOT, "node_modules");
  const links = join(tree, "node_modules");
  mkdirSync(links);
  for (const name of readdirSync(packages)) if (name !== STAMP) symlinkSync(join(packages, name), join(links, name));
  cpSync(join(tree, "package-lock.json"), join(links, STAMP));
}

/** A test that failed leaves processes behind, and they would keep its file from ending. */
const alive = new Set<ChildProcess>();
after(() => {
  for (const child of alive) child.kill("SIGKILL");
});

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  /** What was written so far, both streams. */
  readonly text: () => string;
  /** Resolves with what was written once it matches. @throws when it ended before, or never does */
  until(pattern: RegExp): Promise<string>;
  write(keys: string): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** The environment without settings of whoever runs the tests, and of test/run.ts. */
function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(TIDEMARK_|NO_COLOR|FORCE_COLOR|MAKE|MFLAGS|NODE_COMPILE_CACHE)/.test(name),
  );
  return { ...Object.fromEntries(own), ...more };
}

export function launch(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Running {
  const child = spawn(command, args, { cwd: options.cwd ?? ROOT, env: cleanEnvironment(options.env) });
  return follow(child, `${command} ${args.join(" ")}`);
}

function follow(child: ChildProcess, name: string): Running {
  alive.add(child);
  child.on("exit", () => alive.delete(child));
  let stdout = "";
  let stderr = "";
  let all = "";
  const watchers = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    all += chunk.toString("utf8");
    for (const watcher of watchers) watcher();
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
    take(chunk);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    take(chunk);
  });
  const ended = new Promise<Ended>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => {
      done({ code, stdout, stderr });
      for (const watcher of watchers) watcher();
    });
  });
  return {
    pid: child.pid ?? 0,
    text: () => all,
    until: (pattern) =>
      new Promise((done, fail) => {
        const look = (): void => {
          const found = pattern.test(all);
          if (!found && child.exitCode === null && child.signalCode === null) return;
          watchers.delete(look);
          clearTimeout(timer);
          if (found) done(all);
          else fail(new Error(`${name} ended without ${pattern}:\n${all}`));
        };
        const timer = setTimeout(() => {
          watchers.delete(look);
          fail(new Error(`${name} did not write ${pattern}:\n${all}`));
        }, STEP_MS_MAX);
        watchers.add(look);
        look();
      }),
    write: (keys) => {
      child.stdin?.write(keys);
    },
    kill: (signal) => {
      child.kill(signal);
    },
    ended,
  };
}

/** `tidemark ARGS`, running. */
export function tidemark(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return launch(process.execPath, [PROGRAM, ...args], { env });
}

/** `tidemark ARGS` to its end. */
export async function done(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return await tidemark(args, env).ended;
}

/** As `done`, and it succeeded. @returns stdout */
export async function succeeded(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await done(args, env);
  assert.equal(code, 0, `tidemark ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** False, or why there is no terminal to test in. */
export function skipWithoutTerminal(): string | false {
  const { status } = spawnSync("script", ["-qec", "true", "/dev/null"]);
  return status === 0 ? false : "no util-linux script(1): install bsdutils";
}

/** A shell command in a terminal of 110 × 30; its exit code is the command's. */
export function inTerminal(command: string, cwd: string, env: Readonly<Record<string, string>> = {}): Running {
  const line = `stty cols 110 rows 30; ${command}`;
  return launch("script", ["-qec", line, "/dev/null"], { cwd, env: { TERM: "xterm-256color", ...env } });
}

/** An empty directory that is removed by the returned function; what runs on it is stopped first. */
export function dataDirectory(): { readonly path: string; remove(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), "tidemark-cli-"));
  return {
    path,
    remove: async () => {
      await done(["stop", "--data", path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Asks until `check` no longer throws. @throws what it threw last */
export async function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  for (const startedAt = performance.now(); ; ) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() - startedAt > STEP_MS_MAX) throw error;
      await new Promise((again) => setTimeout(again, 50));
    }
  }
}
