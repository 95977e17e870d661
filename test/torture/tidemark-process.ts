/** A real tidemark in a process of its own, to be stopped cleanly or killed at any moment. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Of a busy machine of two cores; what takes longer hangs. */
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
/** What is kept of its output, characters. */
const OUTPUT_MAX = 16_384;

const SOURCES = join(import.meta.dirname, "..", "..");

export interface ProcessOptions {
  readonly data: string;
  /** "local" or kafka://… */
  readonly log?: string;
  readonly sensors?: readonly string[];
  readonly zone?: string;
  /** Default: any free one. */
  readonly port?: number;
  readonly flags?: readonly string[];
  /** A flag of the ones above that is left out, as `flags` has it. */
  readonly without?: string;
  /** Another user than this process's. */
  readonly uid?: number;
  /** The directory that holds src/: a broken copy instead of this one. */
  readonly sources?: string;
  /** Variables beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** States: starting → serving (`port`) → ended (`ended` resolves). Killed with this process at the latest. */
export class TidemarkProcess {
  readonly ended: Promise<Ended>;
  /** The port it listens on; rejects when it ended before. */
  readonly listening: Promise<number>;
  readonly #child: ChildProcess;
  #output = "";
  #errors = "";
  #port = 0;

  constructor(options: ProcessOptions) {
    const {
      data,
      log = "local",
      sensors,
      zone = "UTC",
      port = 0,
      flags = [],
      without,
      uid,
      sources = SOURCES,
      environment,
    } = options;
    const given = Object.entries({
      "--data": data,
      "--log": log,
      "--port": String(port),
      "--timezone": zone,
      "--host": "127.0.0.1",
      ...(sensors === undefined ? {} : { "--sensors": sensors.join(",") }),
    });
    const args = ["serve", ...given.filter(([name]) => name !== without).flat()];
    const script = join(sources, "src", "main.ts");
    const child = spawn(process.execPath, [script, ...args, ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
      ...(uid === undefined ? {} : { uid }),
      ...(environment === undefined ? {} : { env: { ...process.env, ...environment } }),
    });
    this.#child = child;
    const end = (): void => void child.kill("SIGKILL");
    process.once("exit", end);
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        process.off("exit", end);
        resolve({ code, signal });
      });
    });
    this.listening = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`it did not start within ${START_MS_MAX} ms`)), START_MS_MAX);
      child.stdout.on("data", (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString("utf8")).slice(-OUTPUT_MAX);
        const found = /^listening on http:\/\/127\.0\.0\.1:(\d+)/m.exec(this.#output);
        if (found === null || this.#port !== 0) return;
        clearTimeout(timer);
        this.#port = Number(found[1]);
        resolve(this.#port);
      });
      this.ended.then(
        ({ code, signal }) => {
          clearTimeout(timer);
          reject(new Error(`tidemark ended with ${code ?? signal} before it listened: ${this.#errors.trim()}`));
        },
        (error: unknown) => reject(error),
      );
    });
    this.listening.catch(() => {});
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString("utf8")).slice(-OUTPUT_MAX);
    });
  }

  /** Starts one and waits until it listens. @throws Error with what it printed when it ends instead */
  static async start(options: ProcessOptions): Promise<TidemarkProcess> {
    const tidemark = new TidemarkProcess(options);
    await tidemark.listening;
    return tidemark;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** 0 until it listens. */
  get port(): number {
    return this.#port;
  }

  /** What it wrote to stderr. */
  get errors(): string {
    return this.#errors;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Stands still (SIGSTOP) for so long. */
  async pause(ms: number): Promise<void> {
    this.#child.kill("SIGSTOP");
    await delay(ms);
    this.#child.kill("SIGCONT");
  }

  /** kill -9. */
  async kill(): Promise<Ended> {
    this.#child.kill("SIGKILL");
    return this.ended;
  }

  /** SIGTERM. @throws Error when it did not end with code 0 */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS_MAX);
    this.#child.kill("SIGTERM");
    const { code, signal } = await this.ended;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`tidemark ended with ${code ?? signal} on SIGTERM: ${this.#errors.trim()}`);
  }
}
