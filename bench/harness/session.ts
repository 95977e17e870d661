/** A program that stays and answers each line of JSON that it is sent with one: for peers that take long to start and to warm up. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import type { Lap, Run } from "./child.ts";

const SECONDS_MAX = 600;
/** Of what it printed to standard error before it ended. */
const PRINTED_MAX = 3000;

export class Session {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #errors = "";

  constructor({ command, args, env, secondsMax = SECONDS_MAX }: Run) {
    this.#child = spawn(command, args, {
      ...{ stdio: ["pipe", "pipe", "pipe"], timeout: secondsMax * 1000, killSignal: "SIGKILL" },
      env: { ...process.env, ...env },
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error(`${command} has no output`);
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-PRINTED_MAX);
    });
    this.#child.on("error", (error) => {
      this.#errors += String(error);
    });
    this.#child.stdin?.on("error", () => {}); // it has ended: the next line that is missing says so
    this.#reader = createInterface({ input: stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Sends a question and waits for its lap. @throws Error with what it printed when it ends instead */
  async ask(question: unknown): Promise<Lap> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.#child.spawnfile} ended without an answer:\n${this.#errors}`);
    const lap: Lap = JSON.parse(value);
    return lap;
  }

  /** Lets it end by itself. */
  async close(): Promise<void> {
    const isOver = this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
    const exit = isOver ? null : once(this.#child, "exit");
    this.#child.stdin?.end();
    this.#reader.close();
    await exit;
  }
}
