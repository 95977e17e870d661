/** Where clients of InfluxDB write: what is appended, what is answered, and the ways to bring a token. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { FastifyInstance } from "fastify";
import { type ErrorCode, TidemarkError } from "../../src/core/errors.ts";
import { RECORD_BYTES_MAX } from "../../src/core/limits.ts";
import { INFLUX_BODY_BYTES_MAX } from "../../src/server/limits.ts";
import { type MemoryLog, openFixture } from "./fixture.ts";
import { ScanEngine } from "./scan-engine.ts";

const TOKEN = "0123456789abcdef";
const LINE = "cpu,host=a usage=1.5 1578928320000000000";

let app: FastifyInstance;
let log: MemoryLog;
let bugs: unknown[];

/** Takes in lines, as a server without a closed list of sensors does. */
class OpenEngine extends ScanEngine {
  override refusal(): TidemarkError | null {
    return null;
  }
  override async admit(): Promise<void> {}
}

before(async () => {
  ({ app, log, bugs } = await openFixture({}, new OpenEngine()));
});

after(() => app?.close());

function write(payload: string | Buffer, url = "/api/v2/write?bucket=b&org=o", headers: Record<string, string> = {}) {
  return app.inject({ method: "POST", url, payload, headers });
}

test("lines go to the log as they are, behind a header of what they need", async () => {
  const cases: [string, string][] = [
    ["/api/v2/write?bucket=b&org=o", "#influx\n"],
    ["/write", "#influx\n"],
    ["/write?db=d&rp=autogen&consistency=any&precision=n", "#influx\n"],
    ["/write?db=d&precision=ms", '#influx {"precision":"ms"}\n'],
    ["/api/v2/write/?precision=s&orgID=1&whatever=2", '#influx {"precision":"s"}\n'],
  ];
  for (const [url, header] of cases) {
    const response = await write(`\n${LINE}\r\n# a comment\n${LINE}\n`, url);
    assert.equal(response.statusCode, 204, response.body);
    assert.equal(response.body, "");
    assert.equal(response.headers["x-influxdb-version"]?.toString().startsWith("1.8-tidemark"), true);
    assert.deepEqual(log.last(), [`${header}${LINE}\r\n# a comment\n${LINE}`], url);
    assert.equal(log.appends.at(-1)?.topic, "influx");
  }
  for (const payload of [gzipSync(LINE), Buffer.from(LINE)]) {
    const headers = payload[0] === 0x1f ? { "content-encoding": "gzip" } : { "content-encoding": "identity" };
    assert.equal((await write(payload, "/write", { ...headers, "content-type": "text/plain" })).statusCode, 204);
    assert.deepEqual(log.last(), [`#influx\n${LINE}`]);
  }
});

test("nothing to write is 204 and no append; lines that are none are appended all the same", async () => {
  const before = log.appends.length;
  for (const empty of ["", "\n", " \r\n\t", "# nothing\n"]) {
    const headers = { "content-length": String(empty.length) };
    assert.equal((await write(empty, "/write", headers)).statusCode, 204);
  }
  assert.equal(log.appends.length, before);
  assert.equal((await write("this is no line")).statusCode, 204);
  assert.deepEqual(log.last(), ["#influx\nthis is no line"]);
});

test("what is too large, or of no known unit, is refused", async () => {
  assert.equal((await write(Buffer.alloc(INFLUX_BODY_BYTES_MAX + 1, "a"))).statusCode, 413);
  const long = await write(`m s="${"x".repeat(RECORD_BYTES_MAX)}"`);
  assert.equal(long.statusCode, 413);
  assert.equal(long.json().code, "record-too-large");
  const unit = await write(LINE, "/write?precision=d");
  assert.equal(unit.statusCode, 400);
  assert.match(unit.json().detail, /precision must be ns or n or us/);
});

test("what may pass is 503 where a sender would drop its lines", async () => {
  const cases: [ErrorCode, number, number][] = [
    ["log-full", 503, 429],
    ["log-unreachable", 503, 503],
    ["disk-full", 503, 503],
  ];
  for (const [code, version1, version2] of cases) {
    log.failure = new TidemarkError(code, "it is so");
    for (const [url, status] of [
      ["/write", version1],
      ["/api/v2/write", version2],
    ] as const) {
      const response = await write(LINE, url);
      assert.equal(response.statusCode, status, code);
      assert.equal(response.headers["retry-after"], "1");
      assert.equal(response.json().detail, "it is so");
    }
  }
  log.failure = null;
  class Closed extends ScanEngine {
    override refusal(): TidemarkError {
      return new TidemarkError("not-found", "expected one of temperature");
    }
  }
  const closed = await openFixture({}, new Closed());
  const refused = await closed.app.inject({ method: "POST", url: "/write", payload: LINE });
  assert.equal(refused.statusCode, 503);
  assert.equal(refused.json().code, "topic-missing");
  await closed.app.close();
  assert.deepEqual(bugs, []);
});

test("the token in each way, and in none", async () => {
  const { app: guarded, log: guardedLog } = await openFixture({ token: TOKEN }, new OpenEngine());
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
  const cases: [string, string | undefined, number][] = [
    ["", undefined, 401],
    ["", `Token ${TOKEN}`, 204],
    ["", `token ${TOKEN} `, 204],
    ["", `Token anyone:${TOKEN}`, 204],
    ["", `Bearer ${TOKEN}`, 204],
    ["", basic(`anyone:${TOKEN}`), 204],
    ["", basic(TOKEN), 401],
    ["", basic(`anyone:${TOKEN}x`), 401],
    ["", `Token ${TOKEN}x`, 401],
    ["?u=anyone&p=0123456789abcdef", undefined, 204],
    ["?u=anyone&p=0123456789abcde%66", undefined, 204],
    ["?u=anyone&p=secret-of-others", undefined, 401],
    [`?u=anyone&p=${TOKEN}`, `Token ${TOKEN}x`, 401],
  ];
  for (const url of ["/write", "/api/v2/write"]) {
    for (const [query, authorization, status] of cases) {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await guarded.inject({ method: "POST", url: url + query, payload: LINE, headers });
      assert.equal(response.statusCode, status, `${url}${query} ${authorization}`);
      assert.doesNotMatch(response.body, /secret-of-others|0123456789abcdef/);
    }
  }
  assert.equal(guardedLog.appends.length, 2 * cases.filter(([, , status]) => status === 204).length);
  for (const url of ["/ping", "/ping?verbose=true", "/health"]) {
    assert.ok((await guarded.inject(url)).statusCode < 300, url);
  }
  assert.equal((await guarded.inject("/query?q=SHOW%20DATABASES")).statusCode, 401);
  await guarded.close();
});

test("what clients ask before they write", async () => {
  const ping = await app.inject("/ping");
  assert.equal(ping.statusCode, 204);
  assert.match(String(ping.headers["x-influxdb-version"]), /^1\.8-tidemark-/);
  assert.equal((await app.inject({ method: "HEAD", url: "/ping" })).statusCode, 204);
  assert.equal((await app.inject("/ping?verbose=true&u=a&p=b")).statusCode, 200);
  const health = await app.inject("/health");
  assert.equal(health.statusCode, 200);
  assert.equal(health.json().status, "pass");
  const databases = await app.inject("/query?q=SHOW%20DATABASES%3B&db=x");
  assert.deepEqual(databases.json().results[0].series[0].values, [["influx"]]);
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const create = await app.inject({ method: "POST", url: "/query", payload: "q=CREATE+DATABASE+%22home%22", headers });
  assert.deepEqual(create.json(), { results: [{ statement_id: 0 }] });
  const question = await app.inject("/query?q=SELECT%20*%20FROM%20cpu");
  assert.equal(question.statusCode, 400);
  assert.match(question.json().detail, /POST \/compute\/metrics/);
});

test("a server in trouble fails its health", async () => {
  class Stuck extends ScanEngine {
    override trouble = "the disk is gone";
  }
  const stuck = await openFixture({}, new Stuck());
  const health = await stuck.app.inject("/health");
  assert.equal(health.statusCode, 503);
  assert.equal(health.json().status, "fail");
  assert.doesNotMatch(health.body, /disk/);
  await stuck.app.close();
});
