/** Processes that run plans, each on a disk of its own. One that dies or hangs is a fault of its plan. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Counts } from "./counts.ts";
import { Disk } from "./disk.ts";
import type { Done, Task } from "./worker.ts";

/** A history leaves much behind that is young: with V8's own sizes half of the time is its collector's, most of it in threads of its own. */
const FLAGS = ["--single-threaded-gc", "--min-semi-space-size=16"];

/** No plan takes so long, also on a machine that has much else to do. */
const PLAN_MS_MAX = 120_000;

/** States: idle → busy → idle; a process is started with the first task, and anew after one that died. */
export class Worker {
  readonly #disk: Disk;
  readonly #sources: string;
  readonly counts: Counts = new Map();
  #child: ChildProcess | null = null;
  #errors = "";
  #answer: ((line: string | null) => void) | null = null;

  private constructor(disk: Disk, sources: string) {
    this.#disk = disk;
    this.#sources = sources;
  }

  /** @param sources the directory that holds test/: a broken copy instead of this one. @returns null without a C compiler */
  static create(sources = join(import.meta.dirname, "..", "..")): Worker | null {
    const disk = Disk.create();
    return disk === null ? null : new Worker(disk, sources);
  }

  async run(task: Task): Promise<Done> {
    const line = await this.#ask(JSON.stringify(task));
    if (line !== null) return JSON.parse(line) as Done;
    const errors = this.#errors;
    this.#kill();
    return { fault: `the process ended in the middle\n${errors}`, readings: 0 };
  }

  #ask(line: string): Promise<string | null> {
    const child = (this.#child ??= this.#start());
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#kill(), PLAN_MS_MAX);
      this.#answer = (answer) => {
        clearTimeout(timer);
        this.#answer = null;
        resolve(answer);
      };
      child.stdin?.write(`${line}\n`);
    });
  }

  #start(): ChildProcess {
    const script = join(this.#sources, "test", "simulation", "worker.ts");
    const env = { ...process.env, ...this.#disk.environment };
    const child = spawn(process.execPath, [...FLAGS, script], { stdio: ["pipe", "pipe", "pipe"], env });
    this.#errors = "";
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString("utf8")).slice(-4000);
    });
    child.stdin.on("error", () => {}); // it is gone: that is told by its end
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith('{"counts"')) this.#add(line);
      else this.#answer?.(line);
    });
    child.on("close", () => this.#answer?.(null));
    return child;
  }

  #add(line: string): void {
    const { counts } = JSON.parse(line) as { counts: [string, number][] };
    for (const [name, times] of counts) this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  #kill(): void {
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }

  /** Ends its process; then `counts` are whole. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child !== null) {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.stdin?.end();
      await closed;
    }
    this.#disk.dispose();
  }
}
