/** A server's memory as a person has it, started by the command: a backfill at full speed, and then questions about all of it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runningServer } from "../../src/commands/run-files.ts";
import { Random } from "../../src/core/random.ts";
import { SERVER_FLAGS } from "../../src/runtime/server-flags.ts";
import { dataDirectory, freePort, ROOT, type Running, succeeded, tidemark } from "./cli.ts";

/** Resident, MB: measured 240–270 in a backfill (readings wait for a commit) and 140–155 under questions; with V8's own limits 320–340 and 180–220. */
const BACKFILL_MB_MAX = 310;
const QUESTIONS_MB_MAX = 175;

const WEEK_SECONDS = 7 * 86_400;
const FROM_MS = Date.UTC(2024, 0, 1);
const QUESTIONS = 4800;
const TOGETHER = 16;
const SEED = 5;

/** The largest resident set so far, as Linux says. */
function peakMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

function assertFlags(pid: number): void {
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  assert.deepEqual(command.slice(1, 1 + SERVER_FLAGS.length), SERVER_FLAGS);
}

async function serve(data: string, port: number): Promise<Running> {
  const server = tidemark(["serve", "--data", data, "--port", String(port), "--sensors", "temperature,humidity"]);
  await server.until(/listening on/);
  assertFlags(server.pid);
  return server;
}

async function end(server: Running): Promise<void> {
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
}

async function ask(port: number, random: Random, questions: number): Promise<void> {
  for (let i = 0; i < questions; i++) {
    const from = FROM_MS + random.integer(0, WEEK_SECONDS - 1) * 1000;
    const to = from + random.integer(0, 86_400_000);
    const body = JSON.stringify({ temperature: ["median", "p99", "mean"], humidity: ["count"], from, to });
    const response = await fetch(`http://127.0.0.1:${port}/compute/metrics`, { method: "POST", body });
    const answer = await response.text();
    assert.equal(response.status, 200, answer);
  }
}

describe("memory", { skip: existsSync("/proc/self/status") ? false : "no /proc here" }, () => {
  test("a server stays small in a backfill and under questions", { timeout: 300_000 }, async (t) => {
    const data = dataDirectory();
    const port = await freePort();
    const first = await serve(data.path, port);
    const backfills = ["temperature", "humidity"].map((sensor, i) =>
      succeeded([
        ...["sensor", sensor, "--port", String(port), "--from", new Date(FROM_MS).toISOString()],
        ...["--count", String(WEEK_SECONDS), "--seed", String(i), "--late", "0.05", "--duplicates", "0.1"],
      ]),
    );
    await Promise.all(backfills);
    const backfill = peakMb(first.pid);
    await end(first);

    const second = await serve(data.path, port);
    const random = new Random(SEED);
    await Promise.all(Array.from({ length: TOGETHER }, () => ask(port, random, QUESTIONS / TOGETHER)));
    const counted = await succeeded(["query", "humidity", "count", "--port", String(port), "--from", "2024-01-01"]);
    assert.match(counted.replaceAll(",", ""), new RegExp(`\\b${WEEK_SECONDS}\\b`));
    const questions = peakMb(second.pid);
    await end(second);

    t.diagnostic(`${backfill} MB in the backfill, ${questions} MB under questions`);
    assert.ok(backfill < BACKFILL_MB_MAX, `${backfill} MB`);
    assert.ok(questions < QUESTIONS_MB_MAX, `${questions} MB`);
    await data.remove();
  });

  test("a server in the background has the same flags; compiled code is kept beside the dependencies", async () => {
    const data = dataDirectory();
    await succeeded(["start", "--data", data.path, "--port", String(await freePort()), "--sensors", "a"]);
    assertFlags(runningServer(data.path)?.pid ?? 0);
    assert.ok(existsSync(join(ROOT, "node_modules/.cache/tidemark")));
    await data.remove();
  });
});
