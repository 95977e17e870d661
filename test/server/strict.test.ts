/** What is read of HTTP, byte by byte: the table of docs/HTTP.md, "What is read of HTTP". */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { HEADER_FIELDS_MAX } from "../../src/server/limits.ts";
import { type Fixture, openFixture } from "./fixture.ts";
import { ask } from "./line.ts";

const H = "Host: localhost\r\n";
const L = "Content-Length: 2\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const CHUNKS = "\r\n2\r\n42\r\n0\r\n\r\n";
const get = (headers: string, target = "/sensors", version = "1.1") =>
  `GET ${target} HTTP/${version}\r\n${headers}\r\n`;
const post = (headers: string, body = "\r\n42", version = "1.1") =>
  `POST /readings/temperature HTTP/${version}\r\n${headers}${body}`;
const fields = (count: number) => "X: 1\r\n".repeat(count);

const CASES: readonly (readonly [name: string, bytes: string, status: number])[] = [
  ["two Hosts", get(`${H}Host: evil\r\n`), 400],
  ["the same Host twice", get(H + H), 400],
  ["a Host that is none", get("Host: a b\r\n"), 400],
  ["a Host with a path", get("Host: localhost/x\r\n"), 400],
  ["no Host", get(""), 200],
  ["no Host in 1.0", get("", "/sensors", "1.0"), 200],
  ["no Host, and a browser's mark", get("Sec-Fetch-Site: cross-site\r\n"), 403],
  ["another machine's Host", get("Host: evil\r\n"), 403],
  ["a length and chunks", post(H + L + CHUNKED, CHUNKS), 400],
  ["chunks and a length", post(H + CHUNKED + L, CHUNKS), 400],
  ["chunked twice", post(H + CHUNKED + CHUNKED, CHUNKS), 400],
  ["chunks in 1.0", post(H + CHUNKED, CHUNKS, "1.0"), 400],
  ["gzip before chunked", post(`${H}Transfer-Encoding: gzip, chunked\r\n`, CHUNKS), 501],
  ["nearly chunked", post(`${H}Transfer-Encoding: xchunked\r\n`, CHUNKS), 501],
  ["identity after chunked", post(`${H}Transfer-Encoding: chunked, identity\r\n`, CHUNKS), 400],
  ["chunked behind a control character", post(`${H}Transfer-Encoding: \x0bchunked\r\n`, CHUNKS), 400],
  ["chunked in capitals", post(`${H}Transfer-Encoding: Chunked\r\n`, CHUNKS), 200],
  ["a chunk with an extension, and a trailer", post(H + CHUNKED, "\r\n2;x=1\r\n42\r\n0\r\nX: y\r\n\r\n"), 200],
  ["a chunk's size with a space", post(H + CHUNKED, "\r\n2 \r\n42\r\n0\r\n\r\n"), 400],
  ["chunks with bare line feeds", post(H + CHUNKED, "\r\n2\n42\n0\n\n"), 400],
  ["two lengths", post(`${H + L}Content-Length: 3\r\n`), 400],
  ["the same length twice", post(H + L + L), 400],
  ["a list of lengths", post(`${H}Content-Length: 2, 2\r\n`), 400],
  ["a length with a sign", post(`${H}Content-Length: +2\r\n`), 400],
  ["a length in hexadecimal", post(`${H}Content-Length: 0x2\r\n`), 400],
  ["a length below zero", post(`${H}Content-Length: -1\r\n`), 400],
  ["a length past all numbers", post(`${H}Content-Length: ${"9".repeat(30)}\r\n`), 400],
  ["a folded header", get(`${H}X: a\r\n b\r\n`), 400],
  ["a space before the colon", get(`${H}X : a\r\n`), 400],
  ["bare line feeds", "GET /sensors HTTP/1.1\nHost: localhost\n\n", 400],
  ["a bare carriage return", get(`${H}X: a\rb\r\n`), 400],
  ["a NUL", get(`${H}X: a\0b\r\n`), 400],
  ["another expectation", post(`${H + L}Expect: 200-maybe\r\n`), 417],
  ["another expectation of a question", "POST /compute/metrics HTTP/1.1\r\nHost: localhost\r\nExpect: x\r\n\r\n", 417],
  ["the expectation that there is", post(`${H + L}Expect: 100-continue\r\n`), 100],
  ["TRACE", `TRACE /sensors HTTP/1.1\r\n${H}\r\n`, 405],
  ["CONNECT", "CONNECT evil:80 HTTP/1.1\r\nHost: evil:80\r\n\r\n", 501],
  ["our own address as target", get(H, "http://localhost/sensors"), 200],
  ["our own address, and another's Host", get("Host: evil\r\n", "http://localhost/sensors"), 200],
  ["another's address as target, and our Host", get(H, "http://evil/sensors"), 403],
  ["an address without a host", get(H, "http:///sensors"), 400],
  ["another scheme", get(H, "ftp://localhost/sensors"), 400],
  ["a target without a slash", get(H, "sensors"), 400],
  ["GET *", get(H, "*"), 400],
  ["OPTIONS *", `OPTIONS * HTTP/1.1\r\n${H}\r\n`, 204],
  ["a fragment", get(H, "/sensors#x"), 400],
  ["as many fields as may be", get(H + fields(HEADER_FIELDS_MAX - 1)), 200],
  ["one field more", get(H + fields(HEADER_FIELDS_MAX)), 431],
  ["more fields than Node counts", get(`${H}${"a:\r\n".repeat(3000)}`), 431],
  ["a long header", get(`${H}X: ${"x".repeat(17_000)}\r\n`), 431],
  ["a long target", get(H, `/${"x".repeat(17_000)}`), 431],
  ["HTTP/0.9", "GET /sensors\r\n\r\n", 505],
  ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ["another version", get(H, "/sensors", "3.0"), 400],
  ["a method in small letters", `get /sensors HTTP/1.1\r\n${H}\r\n`, 400],
  ["an upgrade to a WebSocket", get(`${H}Connection: Upgrade\r\nUpgrade: websocket\r\n`), 200],
  ["an upgrade to HTTP/2", get(`${H}Connection: Upgrade\r\nUpgrade: h2c\r\n`), 200],
  ["two Origins", get(`${H}Origin: http://localhost\r\nOrigin: http://evil\r\n`), 403],
];

describe("what is read of HTTP", () => {
  let fixture: Fixture;
  let port: number;
  before(async () => {
    fixture = await openFixture();
    [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  });
  after(() => fixture.app.close());

  for (const [name, bytes, status] of CASES) {
    test(`${name}: ${status}`, async () => {
      const appends = fixture.log.appends.length;
      const answer = await ask(port, bytes);
      const [head, body = ""] = answer.split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), answer);
      if (status < 400) return;
      assert.match(head, /^content-type: application\/problem\+json/im);
      assert.equal(JSON.parse(body).status, status);
      assert.equal(fixture.log.appends.length, appends, "nothing of it is a reading");
      if (![403, 405].includes(status) && name !== "a fragment") assert.match(head, /^connection: close/im);
    });
  }

  test("what follows a request that was refused is no second one", async () => {
    const smuggled = "GET /quarantine HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (const bytes of [
      post(`${H}Content-Length: ${smuggled.length}\r\n${CHUNKED}`, `\r\n0\r\n\r\n${smuggled}`),
      post(`${H}Transfer-Encoding: xchunked\r\n`, `\r\n0\r\n\r\n${smuggled}`),
      `${get(`${H}Host: evil\r\n`)}${smuggled}`,
    ]) {
      const answers = (await ask(port, bytes)).match(/HTTP\/1\.1 /g) ?? [];
      assert.equal(answers.length, 1);
    }
  });
});

test("of two Authorization headers none is a token", async () => {
  const token = "a-token-of-some-length";
  const { server, app } = await openFixture({ token });
  const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const header = (text: string) => `Authorization: Bearer ${text}\r\n`;
  assert.match(await ask(port, get(H + header(token))), /^HTTP\/1.1 200 /);
  for (const headers of [header(token) + header("other"), header("other") + header(token), header(token).repeat(2)]) {
    assert.match(await ask(port, get(H + headers)), /^HTTP\/1.1 401 /);
  }
  await app.close();
});
