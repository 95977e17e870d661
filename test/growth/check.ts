/** Run in the copy of the sources that has all the growth examples (test/growth.test.ts): each of them works, in one running tidemark. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";

const data = mkdtempSync(join(tmpdir(), "tidemark-growth-"));
const { invocation } = loadConfig(["serve", "--data", data, "--timezone", "UTC"], {}, data);
assert.ok(invocation.command === "serve");

async function run<T>(use: (base: string) => Promise<T>): Promise<T> {
  assert.ok(invocation.command === "serve");
  const app = await openApp({ ...invocation.config, port: 0 });
  try {
    return await use(`http://127.0.0.1:${app.port}`);
  } finally {
    await app.close();
  }
}

async function post(url: string, body?: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: "POST", ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Until the readings are taken in. */
async function result(base: string, metrics: readonly string[], count: number): Promise<unknown> {
  for (;;) {
    const body = JSON.stringify({ temperature: ["count", ...metrics] });
    const { result } = (await post(`${base}/compute/metrics`, body)) as { result: { temperature: { count: number } } };
    if (result.temperature.count === count) return result.temperature;
  }
}

const metrics = ["min", "max", "lateShare"];
try {
  await run(async (base) => {
    await post(`${base}/readings/temperature`, "~21.5,22,23.5");
    assert.deepEqual(await post(`${base}/push/temperature/-4`), { appended: 1 });
    assert.deepEqual(await result(base, metrics, 4), { count: 4, min: -4, max: 23.5, lateShare: 0 });
  });
  const answer = await run((base) => result(base, metrics, 4));
  assert.deepEqual(answer, { count: 4, min: -4, max: 23.5, lateShare: 0 }, "after a restart");
  const db = new DatabaseSync(join(data, "history.db"));
  const most = Number(db.prepare("SELECT readings FROM busiest_commit").get()?.["readings"]);
  db.close();
  assert.ok(most >= 1 && most <= 4, `${most} readings`);
} finally {
  rmSync(data, { recursive: true });
}
