/** Bodies over real sockets: too large, too many at one time, cut off, asked for with Expect. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import fastify from "fastify";
import { BodyBudget } from "../../src/server/body-budget.ts";
import { takeBodies } from "../../src/server/body-reader.ts";
import { errorHandler } from "../../src/server/error-handler.ts";
import { Ports } from "../../src/server/ports.ts";

const LIMIT = 1000;

async function open(context: TestContext, budget: BodyBudget) {
  const app = fastify();
  const bugs: unknown[] = [];
  app.setErrorHandler(errorHandler((error) => bugs.push(error)));
  const seen: Buffer[] = [];
  let held: (() => void)[] = [];
  app.register(async (scope) => {
    takeBodies(scope, LIMIT, budget);
    scope.post("/now", (request, reply) => {
      const body = request.body as Buffer;
      seen.push(body);
      return reply.send(String(body.length));
    });
    scope.post("/hold", async () => {
      await new Promise<void>((resolve) => held.push(resolve));
      return "held";
    });
  });
  await app.ready();
  const ports = new Ports((request, response) => app.routing(request, response), false);
  const [{ port }] = await ports.open({ hosts: ["127.0.0.1"], port: 0 });
  const release = (): void => {
    for (const resolve of held) resolve();
    held = [];
  };
  context.after(async () => {
    release();
    await ports.close();
    await app.close();
  });
  return { port, seen, bugs, release, waiting: () => held.length };
}

/** All that the server says until it closes the connection, or until `until` has come. */
function read(socket: Socket, until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (until?.test(text)) resolve(text);
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
}

function head(path: string, ...headers: string[]): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers.map((header) => `${header}\r\n`).join("")}\r\n`;
}

test("chunks come together, at the limit and over it", async (context) => {
  const budget = new BodyBudget(10_000);
  const { port, seen } = await open(context, budget);
  const socket = connect(port, "127.0.0.1");
  socket.write(head("/now", "Transfer-Encoding: chunked"));
  for (let i = 0; i < 10; i++) socket.write(`64\r\n${String(i).repeat(100)}\r\n`);
  const first = read(socket, /\r\n\r\n1000$/);
  socket.write("0\r\n\r\n");
  assert.match(await first, /^HTTP\/1.1 200/);
  assert.equal(seen[0].toString(), Array.from({ length: 10 }, (_, i) => String(i).repeat(100)).join(""));

  const answer = read(socket, /"request-too-large"/);
  socket.write(head("/now", "Transfer-Encoding: chunked"));
  for (let i = 0; i < 2000; i++) socket.write(`3e8\r\n${"x".repeat(1000)}\r\n`); // 2 MB: read to its end, then answered
  socket.write("0\r\n\r\n");
  assert.match(await answer, /^HTTP\/1.1 413[\s\S]*was 2000000"/);
  assert.equal(budget.free, 10_000);
});

test("a body that is far too large is not read", async (context) => {
  const budget = new BodyBudget();
  const free = budget.free;
  const { port } = await open(context, budget);
  const socket = connect(port, "127.0.0.1");
  socket.write(head("/now", "Content-Length: 1000000000000"));
  assert.match(await read(socket), /^HTTP\/1.1 413 /);
  const expecting = connect(port, "127.0.0.1");
  expecting.write(head("/now", "Content-Length: 1001", "Expect: 100-continue"));
  assert.match(await read(expecting), /^HTTP\/1.1 413 /);
  const continued = connect(port, "127.0.0.1");
  const goAhead = read(continued, /^HTTP\/1.1 100 Continue\r\n\r\n/);
  continued.write(head("/now", "Content-Length: 3", "Expect: 100-continue"));
  await goAhead;
  continued.write("abc");
  await read(continued, /\r\n\r\n3$/);
  continued.destroy();
  assert.equal(budget.free, free);
});

test("bodies together are bounded: the next is told to come back", async (context) => {
  const budget = new BodyBudget(2000);
  const { port, release, waiting } = await open(context, budget);
  const holders = Array.from({ length: 2 }, () => connect(port, "127.0.0.1"));
  const held = holders.map((socket) => read(socket, /held$/));
  for (const socket of holders) socket.write(head("/hold", "Content-Length: 900") + "x".repeat(900));
  while (waiting() < 2) await new Promise(setImmediate);
  const next = connect(port, "127.0.0.1");
  const answer = read(next);
  next.write(head("/now", "Content-Length: 300") + "y".repeat(300));
  const text = await answer;
  assert.match(text, /^HTTP\/1.1 503[\s\S]*Retry-After: 1\r\n[\s\S]*"too-busy"/);
  assert.equal(budget.free, 200);
  release();
  for (const answer of await Promise.all(held)) assert.match(answer, /^HTTP\/1.1 200/);
  assert.equal(budget.free, 2000);
  for (const socket of [...holders, next]) socket.destroy();
});

test("a client that goes away in the middle leaves nothing behind", async (context) => {
  const budget = new BodyBudget(2000);
  const { port, bugs } = await open(context, budget);
  for (let i = 0; i < 5; i++) {
    const socket = connect(port, "127.0.0.1");
    socket.write(head("/now", "Content-Length: 900") + "x".repeat(800));
    while (budget.free === 2000) await new Promise(setImmediate);
    socket.destroy();
    while (budget.free < 2000) await new Promise(setImmediate);
  }
  assert.deepEqual(bugs, []);
});
