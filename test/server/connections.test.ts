/** Connections on which something is odd: bytes that are no request, no Host, no length, half closed, one too many. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import {
  CONNECTIONS_MAX,
  CONNECTIONS_PER_ADDRESS_MAX,
  SPARE_CONNECTIONS_MAX,
  SPARE_CONNECTIONS_PER_ADDRESS_MAX,
} from "../../src/server/limits.ts";
import { Ports } from "../../src/server/ports.ts";
import { type Fixture, openFixture } from "./fixture.ts";
import { Line, post } from "./line.ts";

async function open(context: TestContext): Promise<Fixture & { port: number }> {
  const fixture = await openFixture();
  context.after(() => fixture.app.close());
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  return { ...fixture, port };
}

/** Everything that is answered until the server closes. */
async function all(port: number, ...pieces: string[]): Promise<string[]> {
  const line = new Line(port);
  for (const piece of pieces) {
    line.socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, pieces.length > 1 ? 50 : 0));
  }
  return await line.answers(Number.POSITIVE_INFINITY);
}

const statuses = (answers: readonly string[]): string[] => answers.map((answer) => answer.slice(9, 12));
const READING = post("/readings/temperature", "42");

test("answers that are due go out before what is said of bytes that are no request", async (context) => {
  const { port, log } = await open(context);
  log.hold = new Promise((resolve) => setTimeout(resolve, 50));
  for (const more of ["nonsense\r\n\r\n", "\0", "43\n", "GET / HTTP/9.9\r\n\r\n"]) {
    const answers = await all(port, READING + more);
    assert.deepEqual(statuses(answers), ["200", "400"], more);
    assert.match(answers[0], /\{"appended":1\}$/);
    assert.match(answers[1], /Connection: close\r\n[\s\S]*expected HTTP\/1.1, was something else/);
  }
  const several = await all(port, `${READING}${READING}GET /livez HTTP/1.1\r\n\r\n${READING}{}`);
  assert.deepEqual(statuses(several), ["200", "200", "200", "200", "400"]);
  assert.equal(log.appends.length, 7);
  for (const sizes of [
    "Content-Length: 2, 3",
    "Content-Length: -1",
    "Content-Length: 2\r\nTransfer-Encoding: chunked",
  ]) {
    const answers = await all(port, post("/readings/temperature", "42").replace("Content-Length: 2", sizes));
    assert.match(answers[0], /expected one Content-Length in digits/, sizes);
  }
  // A request that cannot be read to its end has no answer of its own.
  const broken = post("/readings/temperature", "").replace("Content-Length: 0", "Transfer-Encoding: chunked");
  assert.deepEqual(statuses(await all(port, `${READING}${broken}zz\r\n`)), ["200", "400"]);
  assert.deepEqual(statuses(await all(port, READING, `${READING}nonsense`)), ["200", "200", "400"]);
  assert.deepEqual(statuses(await all(port, READING, "nonsense\r\n\r\n", "nonsense\r\n\r\n")), ["200", "400"]);
});

test("a body without a length is told so, in one segment or in two", async (context) => {
  const { port, log } = await open(context);
  const head = "POST /readings/temperature HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const pieces of [[`${head}21.5`], [head, "21.5"], [`${head}{"value":1}\n`], [head]]) {
    const answers = await all(port, ...pieces);
    assert.deepEqual(statuses(answers), ["411"], pieces.join("|"));
    assert.match(answers[0], /expected a Content-Length, there was none/);
  }
  assert.deepEqual(log.appends, []);
});

test("a client that shuts its half after its last request gets its answers", async (context) => {
  const { port, log } = await open(context);
  log.hold = new Promise((resolve) => setTimeout(resolve, 50));
  const line = new Line(port);
  line.socket.end(READING + READING);
  assert.deepEqual(statuses(await line.answers(Number.POSITIVE_INFINITY)), ["200", "200"]);
  const short = new Line(port);
  short.socket.end(READING.slice(0, -1));
  const [answer] = await short.answers(1);
  assert.match(answer, /^HTTP\/1.1 400 [\s\S]*the connection ended within it/);
  const stream = connect(port, "127.0.0.1");
  const ended = new Promise((resolve) => stream.once("close", resolve));
  stream.once("data", () => stream.end());
  stream.write("GET /live HTTP/1.1\r\n\r\n");
  await ended; // a stream that nobody listens to is not kept
});

test("no Host is no fault of a program, and none that a browser could make", async (context) => {
  const { port, log } = await open(context);
  const hostless = READING.replace("Host: localhost\r\n", "");
  assert.deepEqual(statuses(await all(port, hostless.replace("\r\n", "\r\nConnection: close\r\n"))), ["200"]);
  for (const header of ["Origin: http://localhost", "Sec-Fetch-Site: none", "Referer: http://evil.example/"]) {
    const [answer] = await all(port, hostless.replace("\r\n", `\r\nConnection: close\r\n${header}\r\n`));
    assert.match(answer, /^HTTP\/1.1 403 [\s\S]*"origin-refused"/, header);
  }
  assert.equal(log.appends.length, 1);
});

function opened(port: number, localAddress = "127.0.0.1"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress }, () => resolve(socket));
    socket.once("error", reject);
  });
}

test("one connection too many is told so, the probe is answered all the same", async (context) => {
  const { port } = await open(context);
  const sockets: Socket[] = [];
  context.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  while (sockets.length < CONNECTIONS_PER_ADDRESS_MAX) sockets.push(await opened(port));
  const [ofAddress] = await all(port, READING);
  assert.match(
    ofAddress,
    new RegExp(`^HTTP/1.1 503 [^]*expected <= ${CONNECTIONS_PER_ADDRESS_MAX} from one address, were more`),
  );
  while (sockets.length < CONNECTIONS_MAX) sockets.push(await opened(port, "127.0.0.2")); // others still have their places
  const over = await all(port, READING);
  assert.deepEqual(statuses(over), ["503"]);
  assert.match(over[0], /Connection: close\r\nRetry-After: 1\r\n[\s\S]*"code":"too-busy","retryable":true/);
  assert.match(over[0], new RegExp(`expected <= ${CONNECTIONS_MAX} at one time, were more`));
  const silent = await all(port); // without a word it is told so, too
  assert.deepEqual(statuses(silent), ["503"]);
  const alive = await all(port, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assert.match(alive[0], /^HTTP\/1.1 200 [\s\S]*Connection: close\r\n/);
  const { connections } = JSON.parse(alive[0].slice(alive[0].indexOf("\r\n\r\n")));
  assert.deepEqual(connections, { open: CONNECTIONS_MAX, most: CONNECTIONS_MAX, refused: 3 });

  const spareOf = (address: string) =>
    Array.from({ length: SPARE_CONNECTIONS_PER_ADDRESS_MAX }, () => new Line(port, address));
  const spare = spareOf("127.0.0.1");
  assert.deepEqual(await new Line(port).answers(1), []); // cut
  const other = new Line(port, "127.0.0.2");
  other.socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assert.deepEqual(statuses(await other.answers(1)), ["200"]);
  for (const line of spare) assert.deepEqual(statuses(await line.answers(1)), ["503"]);
  const all64 = Array.from({ length: SPARE_CONNECTIONS_MAX / SPARE_CONNECTIONS_PER_ADDRESS_MAX }, (_, i) =>
    spareOf(`127.0.1.${i}`),
  ).flat();
  assert.deepEqual(await new Line(port, "127.0.0.9").answers(1), []);
  for (const line of all64) assert.deepEqual(statuses(await line.answers(1)), ["503"]);

  const closed = new Promise((resolve) => sockets[0].once("close", resolve));
  sockets[0].destroy();
  await closed;
  let answer = "";
  while (!answer.startsWith("HTTP/1.1 200"))
    [answer = ""] = await all(port, READING.replace("Host", "Connection: close\r\nHost"));
});

test("a client that was told to go keeps no place, whatever it goes on sending", async (context) => {
  const { port } = await open(context);
  const clients = await Promise.all(Array.from({ length: 20 }, () => opened(port)));
  const counts = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/livez`, { headers: { connection: "close" } });
    const body = (await answer.json()) as { connections: { open: number } };
    return body.connections.open;
  };
  const chatter = setInterval(() => {
    for (const client of clients) client.write("x");
  }, 20);
  context.after(() => clearInterval(chatter));
  for (const client of clients) {
    client.on("error", () => {}); // it is cut in the middle of a write
    client.pause(); // and reads nothing
    client.write("nonsense\r\n\r\n");
  }
  while ((await counts()) > 1);
});

test("what is not answered for long gets 503, not a connection that is cut; an answer that came to a stop is cut", async (context) => {
  const held: ServerResponse[] = [];
  const ports = new Ports((_request, response) => void held.push(response), false, null, 50);
  context.after(() => ports.close());
  const [{ port }] = await ports.open({ hosts: ["127.0.0.1"], port: 0 });
  const [answer] = await all(port, READING);
  assert.match(answer, /^HTTP\/1.1 503 [\s\S]*Connection: close\r\n[\s\S]*"code":"too-busy"/);
  const stuck = new Line(port);
  stuck.socket.write(READING);
  while (held.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  held[1].writeHead(200, { "content-length": 10 }).write("half");
  assert.deepEqual(await stuck.answers(Number.POSITIVE_INFINITY), []); // half of one
});
