/** Processes that try flips. One that dies or hangs is a fault of the flip that it was at. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Subject } from "./subject.ts";
import type { Flip } from "./trial.ts";
import type { Told } from "./worker.ts";

/** No flip takes so long, nor does learning what a large directory answers, also on a machine that has much else to do first. */
const FLIP_MS_MAX = 1_200_000;

/** A file of a directory. */
export interface FileBytes {
  readonly file: string;
  readonly bytes: number;
}

/** States: started → ready, with `files` → ended; a process that ends in the middle is started anew. */
export class FlipWorker {
  readonly #subject: Subject;
  readonly #healthy: string;
  readonly #work: string;
  #child: ChildProcess | null = null;
  #errors = "";
  /** That were not asked for yet; null: its end. */
  #lines: (string | null)[] = [];
  #onLine: () => void = () => {};

  /** @param healthy the undamaged directory @param work that does not exist yet */
  constructor(subject: Subject, healthy: string, work: string) {
    [this.#subject, this.#healthy, this.#work] = [subject, healthy, work];
  }

  /** @throws Error when it cannot learn what is right */
  async start(): Promise<readonly FileBytes[]> {
    rmSync(this.#work, { recursive: true, force: true });
    mkdirSync(this.#work);
    const script = join(import.meta.dirname, "worker.ts");
    const args = [script, JSON.stringify(this.#subject), this.#healthy, this.#work];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    this.#errors = "";
    this.#lines = [];
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString("utf8")).slice(-4000);
    });
    child.stdin.on("error", () => {}); // it is gone: that is told by its end
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(child, line));
    child.on("close", () => this.#take(child, null));
    const line = await this.#next();
    if (line === null) throw new Error(`the worker ended: ${this.#errors}`);
    return JSON.parse(line) as FileBytes[];
  }

  #take(child: ChildProcess, line: string | null): void {
    if (child !== this.#child) return;
    this.#lines.push(line);
    this.#onLine();
  }

  /** Tries some. */
  async run(flips: readonly Flip[], onTold: (told: Told) => void): Promise<void> {
    this.#child?.stdin?.write(`${JSON.stringify(flips)}\n`);
    for (const [i, flip] of flips.entries()) {
      const line = await this.#next();
      if (line !== null) {
        onTold(JSON.parse(line) as Told);
        continue;
      }
      onTold({ flip, fault: `the process ended, or hung\n${this.#errors}` });
      await this.start();
      await this.run(flips.slice(i + 1), onTold);
      return;
    }
  }

  /** The next line; null: there is none any more. */
  async #next(): Promise<string | null> {
    const timer = setTimeout(() => this.#child?.kill("SIGKILL"), FLIP_MS_MAX);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onLine = resolve;
    if (this.#lines.length === 0) await promise;
    clearTimeout(timer);
    return this.#lines.shift() ?? null;
  }

  end(): void {
    this.#child?.kill("SIGKILL");
  }
}
