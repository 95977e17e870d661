/** A real broker, mosquitto, and its publisher. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { eventually, freePort } from "../system/cli.ts";

/** False, or why there is no broker to test with. */
export function skipWithoutMosquitto(): string | false {
  const isThere = ["mosquitto", "mosquitto_pub"].every((program) => spawnSync(program, ["-h"]).error === undefined);
  return isThere ? false : "no mosquitto: install mosquitto and mosquitto-clients";
}

const alive = new Set<ChildProcess>();
after(() => {
  for (const child of alive) child.kill("SIGKILL");
});

export class Mosquitto {
  readonly port: number;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** @param more lines of its configuration */
  static async start(...more: readonly string[]): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort(), mkdtempSync(join(tmpdir(), "tidemark-mosquitto-")));
    const lines = [
      `listener ${broker.port} 127.0.0.1`,
      "persistence true",
      `persistence_location ${broker.#folder}/`,
      "max_queued_messages 0",
      ...(more.length === 0 ? ["allow_anonymous true"] : more),
    ];
    if (process.getuid?.() === 0) lines.push("user root");
    writeFileSync(join(broker.#folder, "mosquitto.conf"), lines.join("\n"));
    await broker.restart();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    const child = spawn("mosquitto", ["-c", join(this.#folder, "mosquitto.conf")], { stdio: "ignore" });
    alive.add(child);
    child.on("exit", () => alive.delete(child));
    this.#child = child;
    await eventually(
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(this.port, "127.0.0.1", () => {
            socket.destroy();
            resolve();
          });
          socket.on("error", reject);
        }),
    );
  }

  /** @param signal SIGUSR1 has it write its queues, SIGKILL is sudden */
  async kill(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
    this.#child = null;
  }

  save(): void {
    this.#child?.kill("SIGUSR1");
  }

  async remove(): Promise<void> {
    await this.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A message a line, quality of service 1; resolves when the broker has them all. */
  async publish(topic: string, lines: readonly string[], ...more: readonly string[]): Promise<void> {
    const args = ["-p", String(this.port), "-h", "127.0.0.1", "-q", "1", "-t", topic, "-l", ...more];
    const child = spawn("mosquitto_pub", args, { stdio: ["pipe", "inherit", "inherit"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.end(lines.map((line) => `${line}\n`).join(""));
    assert.equal(await ended, 0);
  }
}
