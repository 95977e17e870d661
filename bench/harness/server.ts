/** Servers that the bench talks to: started in processes of their own, found by the line they print or the port they open, ended by their id. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

export interface ServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** A server's process. */
export class Server {
  readonly #child: ChildProcess;
  #printed = "";

  constructor({ command, args, env, cwd, uid, gid }: ServerOptions) {
    this.#child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: env === undefined ? process.env : { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#printed = (this.#printed + text).slice(-8000);
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get printed(): string {
    return this.#printed;
  }

  #requireRunning(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new Error(`the server ended: ${this.#printed.slice(-2000)}`);
    }
  }

  /** The first match in what it prints. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + READY_MS_MAX;
    for (;;) {
      const match = pattern.exec(this.#printed);
      if (match !== null) return match;
      this.#requireRunning();
      if (performance.now() > deadline) throw new Error(`the server did not become ready: ${this.#printed}`);
      await delay(2);
    }
  }

  /** Once it takes connections at the port. */
  async listens(port: number): Promise<void> {
    const deadline = performance.now() + READY_MS_MAX;
    while (!(await answers(port))) {
      this.#requireRunning();
      if (performance.now() > deadline) throw new Error(`nothing listens at ${port}: ${this.#printed}`);
      await delay(20);
    }
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS_MAX);
    await ended;
    clearTimeout(timer);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("BUG: a port has no address");
  return address.port;
}
