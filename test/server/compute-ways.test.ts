/** Questions that pass the framework by and the same ones through it: the same bytes, whatever is asked and however. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { Random } from "../../src/core/random.ts";
import { COMPUTE_BODY_BYTES_MAX } from "../../src/server/limits.ts";
import { type Fixture, type FixtureOptions, openFixture } from "./fixture.ts";
import { Line, post } from "./line.ts";

const START = Date.UTC(2020, 0, 13, 14, 12);
const TOKEN = "0123456789abcdef";
const COUNT = '{"temperature":["count"],"from":"2020-01-13 15:12:00","to":"2020-01-13 15:12:09"}';
const PATH = "/compute/metrics";
/** Other spellings of the path, which only the framework knows. */
const FRAMED = ["/compute/metrics?", "/compute/metrics/", "/compute/%6detrics", "http://localhost/compute/metrics"];

async function open(context: TestContext, options: FixtureOptions = {}): Promise<Fixture & { port: number }> {
  const fixture = await openFixture(options);
  context.after(() => fixture.app.close());
  for (let i = 0; i < 60; i++) fixture.engine.add("temperature", [START + i * 1000, i]);
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  return { ...fixture, port };
}

/** The answer to bytes that come in these pieces. */
async function answerTo(port: number, pieces: readonly Buffer[]): Promise<string> {
  const line = new Line(port);
  for (const piece of pieces) {
    line.socket.write(piece);
    if (pieces.length > 1) await new Promise(setImmediate);
  }
  const [answer = "(none)"] = await line.answers(1);
  line.socket.destroy();
  return answer;
}

/** Refusals name the path as it was asked. */
function asPlain(answer: string, path: string): string {
  const [head, body] = answer.split(path).join(PATH).split("\r\n\r\n");
  return `${head.replace(/Content-Length: \d+/, `Content-Length: ${Buffer.byteLength(body, "latin1")}`)}\r\n\r\n${body}`;
}

/** Sends one request both ways. @returns the answer, which is the same */
async function both(port: number, request: (path: string) => Buffer, random: Random): Promise<string> {
  const drawn = FRAMED[random.integer(0, FRAMED.length - 1)];
  // The host of an absolute target counts as its Host, which the plain one then lacks.
  const framed = drawn.startsWith("/") || request(PATH).includes("Host:") ? drawn : FRAMED[0];
  const cut = random.next();
  const [plain, other] = await Promise.all(
    [PATH, framed].map((path) => {
      const bytes = request(path);
      const at = Math.floor(cut * bytes.length);
      return answerTo(port, cut < 0.7 ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)]);
    }),
  );
  assert.equal(
    asPlain(other, framed),
    asPlain(plain, PATH),
    `${framed}\n${request(PATH).toString("latin1").slice(0, 400)}`,
  );
  return plain;
}

function chunked(path: string, body: string): string {
  const parts = [body.slice(0, 20), body.slice(20)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${parts.join("")}0\r\n\r\n`;
}

test("both ways, request by request", async (context) => {
  const random = new Random(1);
  const plain = await open(context);
  const guarded = await open(context, { token: TOKEN });
  const failing = await open(context);
  failing.engine.failure = new Error("BUG: start=5 exceeds end=3");
  const cases: [{ port: number }, number, (path: string) => string][] = [
    [plain, 200, (path) => post(path, COUNT)],
    [plain, 200, (path) => post(path, COUNT, "Content-Type: nonsense", "Connection: close")],
    [plain, 200, (path) => post(path, COUNT.replace("{", '{"wörong € 温度":1,'))],
    [plain, 200, (path) => post(path, COUNT).replace("HTTP/1.1", "HTTP/1.0")],
    [plain, 200, (path) => post(path, COUNT, "Content-Encoding: identity")],
    [plain, 200, (path) => post(path, COUNT, "Origin: http://localhost")],
    [plain, 200, (path) => post(path, COUNT, "Expect: 100-continue").replace("Expect", "X-Expect")],
    [plain, 200, (path) => chunked(path, COUNT)],
    [plain, 400, (path) => post(path, "")],
    [plain, 411, (path) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    [plain, 400, (path) => post(path, '{"temperature":["count"],"from":"gestern"}')],
    [plain, 400, (path) => post(path, '{"temperature":["count"],"from":"2040-01-01","to":"2039"}')],
    [plain, 403, (path) => post(path, COUNT, "Origin: http://evil.example")],
    [plain, 403, (path) => post(path, COUNT).replace("localhost", "evil.example")],
    [plain, 413, (path) => post(path, COUNT + " ".repeat(COMPUTE_BODY_BYTES_MAX))],
    [plain, 413, (path) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n`],
    [plain, 415, (path) => post(path, COUNT, "Content-Encoding: br")],
    [guarded, 401, (path) => post(path, COUNT)],
    [guarded, 200, (path) => post(path, COUNT, `Authorization: Bearer ${TOKEN}`)],
    [failing, 500, (path) => post(path, COUNT)],
  ];
  for (const [{ port }, status, request] of cases) {
    const answer = await both(port, (path) => Buffer.from(request(path)), random);
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), `${request("…").slice(0, 300)}\n${answer}`);
    const { result, code } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
    assert.ok(status < 500 ? result !== undefined : code === "internal", answer);
  }
  assert.deepEqual(plain.bugs, []);
  assert.equal(failing.bugs.length, 2);
});

const VALUES = [
  '["count"]',
  '["mean","p90","first","last"]',
  '["count","nonsense","count"]',
  '[1,null,{"a":[]}]',
  "[]",
  "{}",
  "null",
  '"count"',
  "1e999",
];
const TIMES = [
  '"2020-01-13 15:12:30"',
  "1578924720000",
  '"2020-01-13"',
  '"x"',
  "null",
  "[]",
  "-1",
  '"2020-01-13 15:12:03"',
];
const KEYS = ["temperature", "humidity", "pressure", "wrong", "\u6e29", "__proto__", "0", "t\\u0065mperature", ""];

/** Bodies good and bad, about half each. */
function body(random: Random): string {
  const pick = (texts: readonly string[]): string => texts[random.integer(0, texts.length - 1)];
  const fields: string[] = [];
  for (let i = random.integer(0, 4); i > 0; i--) fields.push(`"${pick(KEYS)}":${pick(VALUES)}`);
  if (random.next() < 0.7) fields.push(`"from":${pick(TIMES)}`);
  if (random.next() < 0.7) fields.push(`"to":${pick(TIMES)}`);
  let text = `{${fields.join(",")}${random.next() < 0.3 ? "," : ""}}`;
  if (random.next() < 0.15) text = text.slice(0, random.integer(0, text.length));
  if (random.next() < 0.1) text = pick(["", " ", "[]", "7", "\ufeff{}", "{".repeat(50), COUNT]);
  return text;
}

const HEADERS = [
  "Content-Type: application/json",
  "Content-Type: x",
  "content-type: text/plain; charset=latin1",
  "Connection: close",
  "connection: keep-alive",
  "X-Odd: \u0001".replace("\u0001", "é"),
  "Accept: text/html",
  "Accept-Encoding: gzip, br",
  "Origin: http://localhost",
  "Origin: https://elsewhere.example",
  "Origin: null",
  "Authorization: Bearer x",
  "Sec-Fetch-Site: cross-site",
  "Content-Encoding: identity",
  "Content-Encoding: zstd",
  "X-Long: " + "y".repeat(3000),
];

/** A request as some client may send it, to any path. */
function generate(random: Random): (path: string) => Buffer {
  const sent = body(random);
  const headers: string[] = [];
  for (let i = random.integer(0, 3); i > 0; i--) headers.push(HEADERS[random.integer(0, HEADERS.length - 1)]);
  const way = random.next();
  if (way < 0.1 && sent.length > 20) return (path) => Buffer.from(chunked(path, sent), "latin1");
  if (way < 0.2) {
    const [coding, compressed] = way < 0.15 ? ["gzip", gzipSync(sent)] : ["deflate", deflateSync(sent)];
    const bytes = random.next() < 0.2 ? compressed.subarray(3) : compressed;
    const head = ["Host: localhost", `Content-Encoding: ${coding}`, `Content-Length: ${bytes.length}`].join("\r\n");
    return (path) => Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n\r\n`), bytes]);
  }
  const [version, host] = [way < 0.3 ? "HTTP/1.0" : "HTTP/1.1", way > 0.9 ? "" : "Host: localhost\r\n"];
  return (path) =>
    Buffer.from(
      post(path, sent, ...headers)
        .replace("HTTP/1.1", version)
        .replace("Host: localhost\r\n", host),
    );
}

test("both ways, whatever is generated", async (context) => {
  const random = new Random(20_200_113);
  const { port, bugs } = await open(context);
  const statuses = new Map<string, number>();
  for (let i = 0; i < 600; i++) {
    const answer = await both(port, generate(random), random);
    const status = answer.slice(9, 12);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  context.diagnostic(`answers by status: ${[...statuses].map(([status, count]) => `${status}: ${count}`).join(", ")}`);
  for (const status of ["200", "400", "403", "415"]) assert.ok((statuses.get(status) ?? 0) >= 20, status);
  assert.deepEqual(bugs, []);
});
