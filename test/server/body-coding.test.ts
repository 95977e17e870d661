/** Compressed bodies: the same readings as plain ones, bounded, and clear words about those that cannot be read. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import type { FastifyInstance } from "fastify";
import { BodyBudget } from "../../src/server/body-budget.ts";
import { decodeBody } from "../../src/server/body-coding.ts";
import { READINGS_BODY_BYTES_MAX } from "../../src/server/limits.ts";
import { type MemoryLog, openFixture } from "./fixture.ts";

let app: FastifyInstance;
let log: MemoryLog;
let bugs: unknown[];

before(async () => {
  ({ app, log, bugs } = await openFixture());
});

after(() => app.close());

function post(payload: Buffer, coding: string) {
  const headers = { "content-encoding": coding };
  return app.inject({ method: "POST", url: "/readings/temperature", payload, headers });
}

const READINGS = '{"value":1}\n{"value":2}\n';

test("gzip and deflate, in all the forms that clients send", async () => {
  const sent: [Buffer, string][] = [
    [gzipSync(READINGS), "gzip"],
    [gzipSync(READINGS, { level: 0 }), "GZIP"],
    [gzipSync(READINGS), "x-gzip"],
    [Buffer.concat([gzipSync(READINGS.slice(0, 12)), gzipSync(READINGS.slice(12))]), "gzip"],
    [deflateSync(READINGS), "deflate"],
    [deflateRawSync(READINGS), "deflate"],
    [Buffer.from(READINGS), "identity"],
  ];
  for (const [payload, coding] of sent) {
    const response = await post(payload, coding);
    assert.equal(response.statusCode, 200, `${coding}: ${response.body}`);
    assert.deepEqual(log.last(), ['{"value":1}', '{"value":2}']);
  }
});

test("what cannot be inflated is told so", async () => {
  const whole = gzipSync(READINGS);
  for (const [payload, coding] of [
    [whole.subarray(0, 20), "gzip"],
    [Buffer.from(READINGS), "gzip"],
    [Buffer.from(READINGS), "deflate"],
    [Buffer.alloc(0), "gzip"],
    [Buffer.concat([whole.subarray(0, 15), Buffer.from([whole[15] ^ 1]), whole.subarray(16)]), "gzip"],
  ] as const) {
    const response = await post(payload, coding);
    assert.equal(response.statusCode, 400, response.body);
    assert.match(response.json().detail, /^Cannot (read the request body: expected (gzip|deflate), |append)/);
  }
  for (const coding of ["br", "zstd", "gzip, deflate", "compress"]) {
    const response = await post(brotliCompressSync(READINGS), coding);
    assert.equal(response.statusCode, 415);
    const text = `Cannot read the request body: expected the Content-Encoding gzip or deflate, was ${coding}`;
    assert.equal(response.json().detail, text);
  }
  assert.deepEqual(bugs, []);
});

test("a small body that inflates to a large one is refused at the limit", async () => {
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024, "1\n"));
  assert.ok(bomb.length < READINGS_BODY_BYTES_MAX);
  const rss = process.memoryUsage().rss;
  const response = await post(bomb, "gzip");
  assert.equal(response.statusCode, 413);
  assert.match(response.json().detail, /expected <= 4194304 bytes, was more \(gzip\)$/);
  assert.ok(process.memoryUsage().rss - rss < 64 * 1024 * 1024);
});

test("what is inflated counts among the bodies in memory, before and after", async () => {
  const limit = 1000;
  const sent = gzipSync("x".repeat(900));
  const decode = (budget: BodyBudget) =>
    new Promise<Error | Buffer>((resolve) => {
      assert.ok(budget.take(sent.length));
      decodeBody("gzip", sent, limit, budget, (error, body) => resolve(body ?? error ?? new Error("neither")));
    });
  const budget = new BodyBudget(2000);
  const result = decode(budget);
  assert.equal(budget.free, 2000 - sent.length - limit);
  assert.equal((await result).toString(), "x".repeat(900));
  assert.equal(budget.free, 2000 - 900);
  const full = new BodyBudget(limit + sent.length - 1);
  assert.match(String(await decode(full)), /too many others are in memory/);
  assert.equal(full.free, limit + sent.length - 1);
});
