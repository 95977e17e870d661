/** Questions over real sockets, where the framework is passed by: the same bytes as through it, in order, and what becomes of them at the end. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { TURN_ANSWERS_MAX } from "../../src/server/limits.ts";
import { type Fixture, type FixtureOptions, openFixture } from "./fixture.ts";
import { ask, Line, post } from "./line.ts";

const START = Date.UTC(2020, 0, 13, 14, 12);
const COUNT = '{"temperature":["count"],"from":"2020-01-13 15:12:00","to":"2020-01-13 15:12:09"}';
/** What the framework's own route is asked with: the same question. */
const FRAMED = "/compute/metrics?";

async function open(context: TestContext, options: FixtureOptions = {}): Promise<Fixture & { port: number }> {
  const fixture = await openFixture(options);
  context.after(() => fixture.app.close());
  for (let i = 0; i < 60; i++) fixture.engine.add("temperature", [START + i * 1000, i]);
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  return { ...fixture, port };
}

test("an answer, byte for byte", async (context) => {
  const { port } = await open(context);
  const body = '{"result":{"temperature":{"count":10}},"errors":[]}';
  const head = [
    "HTTP/1.1 200 OK",
    "Tidemark-Window: 2020-01-13T14:12:00Z/2020-01-13T14:12:10Z",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${body.length}`,
    "Date: X",
    "Connection: keep-alive",
    "Keep-Alive: timeout=72",
  ];
  assert.equal(await ask(port, post("/compute/metrics", COUNT)), `${head.join("\r\n")}\r\n\r\n${body}`);
});

test("other methods and spellings of the path are none of its business", async (context) => {
  const { port } = await open(context);
  for (const [start, status] of [
    ["GET /compute/metrics", 405],
    ["PUT /compute/metrics", 405],
    ["OPTIONS /compute/metrics", 204],
    ["POST /compute/metrics/", 200],
    ["POST /COMPUTE/metrics", 404],
    ["POST /compute/%6detrics", 200],
    ["POST http://localhost/compute/metrics", 200],
    ["POST /compute/metrics?receipt=nonsense", 400],
  ] as const) {
    const answer = await ask(port, post("/x", COUNT).replace("POST /x", start));
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), `${start}\n${answer}`);
  }
});

test("requests sent without waiting are answered in their order, the framework's among them", async (context) => {
  const { port } = await open(context);
  const line = new Line(port);
  const asked: string[] = [];
  for (let i = 0; i < 60; i++) {
    const body = COUNT.replace("12:09", `12:${String(i).padStart(2, "0")}`);
    asked.push(
      i % 7 === 3
        ? "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        : post(i % 5 === 0 ? FRAMED : "/compute/metrics", body),
    );
  }
  line.socket.write(asked.join(""));
  const answers = await line.answers(asked.length);
  assert.equal(answers.length, asked.length);
  for (const [i, answer] of answers.entries()) {
    assert.ok(
      answer.includes(i % 7 === 3 ? '{"status":"alive",' : `{"count":${i + 1}}},"errors":[]}`),
      `${i}: ${answer}`,
    );
  }
  line.socket.destroy();
});

test("many connections at one time: each gets its own answers, and one that goes away takes none along", async (context) => {
  const { port, bugs } = await open(context);
  const lines = Array.from({ length: 2 * TURN_ANSWERS_MAX + 5 }, () => new Line(port));
  for (let round = 0; round < 3; round++) {
    for (const [i, line] of lines.entries()) {
      const body = COUNT.replace("12:09", `12:${String((i + round) % 60).padStart(2, "0")}`);
      line.socket.write(post("/compute/metrics", body));
      if (i % 9 === round) line.socket.destroy();
    }
    for (const [i, line] of lines.entries()) {
      if (i % 9 <= round) continue;
      const answers = await line.answers(round + 1);
      assert.equal(answers.length, round + 1);
      assert.ok(answers[round].endsWith(`{"count":${((i + round) % 60) + 1}}},"errors":[]}`), answers[round]);
    }
  }
  for (const line of lines) line.socket.destroy();
  assert.deepEqual(bugs, []);
});

test("who asks first whether to send the body is told to", async (context) => {
  const { port } = await open(context);
  const line = new Line(port);
  const [head, body] = post("/compute/metrics", COUNT, "Expect: 100-continue").split("\r\n\r\n");
  line.socket.write(`${head}\r\n\r\n`);
  assert.deepEqual(await line.answers(1), ["HTTP/1.1 100 Continue\r\n\r\n"]);
  line.socket.write(body);
  assert.match((await line.answers(2))[1], /^HTTP\/1.1 200 OK[\s\S]*"count":10/);
  line.socket.destroy();
});

test("a question that is half here when the server closes is answered, and its connection closed", async (context) => {
  const { app, port } = await open(context);
  const line = new Line(port);
  const bytes = post("/compute/metrics", COUNT);
  line.socket.write(post("/compute/metrics", COUNT));
  await line.answers(1);
  line.socket.write(bytes.slice(0, -10));
  // The server has the first half once it has answered somebody who came later.
  await ask(port, bytes);
  const closing = app.close();
  line.socket.write(bytes.slice(-10));
  const [, answer] = await line.answers(2);
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n[\s\S]*connection: close\r\n[\s\S]*"count":10/i);
  await closing;
});

test("an answer that is still to be written when the server closes is written", async (context) => {
  const { app, engine, port } = await open(context);
  const query = engine.query.bind(engine);
  let closing: Promise<void> | null = null;
  engine.query = (...asked) => {
    closing = app.close();
    return query(...asked);
  };
  const answer = await ask(port, post("/compute/metrics", COUNT));
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n[\s\S]*"count":10/);
  await closing;
});
