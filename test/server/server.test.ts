/** The server itself: who may pass, what every path answers, how it closes. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import type { FastifyInstance } from "fastify";
import { TidemarkError } from "../../src/core/errors.ts";
import { COMPUTE_BODY_BYTES_MAX, HEADERS_BYTES_MAX } from "../../src/server/limits.ts";
import { type Fixture, type FixtureOptions, openFixture } from "./fixture.ts";

const TOKEN = "0123456789abcdef";
const ROUTES = ["/about", "/sensors", "/quarantine", "/rejections", "/docs/ERRORS.md"];

/** A server that is closed whatever becomes of the test. */
async function open(context: TestContext, options: FixtureOptions = {}): Promise<Fixture> {
  const fixture = await openFixture(options);
  context.after(() => fixture.app.close());
  return fixture;
}

function problemOf(response: { headers: Record<string, unknown>; json: () => Record<string, unknown> }) {
  assert.match(String(response.headers["content-type"]), /^application\/problem\+json; charset=utf-8$/);
  const body = response.json();
  assert.deepEqual(Object.keys(body), ["type", "title", "status", "detail", "code", "retryable"]);
  assert.equal(body.type, `/docs/ERRORS.md#${body.code}`);
  return body;
}

test("with a token every route asks for it, except the probes and the page", async (context) => {
  const { app } = await open(context, { token: TOKEN });
  const wrong = [
    "",
    "Bearer",
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer x ${TOKEN}`,
    TOKEN,
  ];
  for (const url of [...ROUTES, "/live", "/nowhere", "/compute/metrics"]) {
    for (const authorization of wrong) {
      const response = await app.inject({ url, headers: authorization === "" ? {} : { authorization } });
      assert.equal(response.statusCode, 401, `${url} with ${authorization}`);
      assert.equal(response.headers["www-authenticate"], 'Bearer realm="tidemark"');
      const { code, detail } = problemOf(response);
      assert.equal(code, "not-authorized");
      assert.doesNotMatch(String(detail), /0123/);
    }
  }
  const payload = '{"temperature":["count"]}';
  const refused = await app.inject({ method: "POST", url: "/compute/metrics", payload });
  assert.equal(refused.statusCode, 401);
  assert.deepEqual(Object.keys(refused.json()), ["result", "errors"]);
  for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN} `]) {
    const headers = { authorization, origin: "http://elsewhere.example", host: "tidemark.example" };
    for (const url of ROUTES) assert.equal((await app.inject({ url, headers })).statusCode, 200, url);
    const answer = await app.inject({ method: "POST", url: "/compute/metrics", payload, headers });
    assert.equal(answer.statusCode, 200);
  }
  for (const url of ["/livez", "/readyz", "/"]) assert.equal((await app.inject(url)).statusCode, 200);
});

test("without a token no other site's page gets in, programs do", async (context) => {
  const { app, server, log } = await open(context);
  const post = (headers: Record<string, string>) =>
    app.inject({ method: "POST", url: "/readings/temperature", payload: "42", headers });
  for (const host of ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "127.1.2.3", "LOCALHOST"]) {
    assert.equal((await post({ host })).statusCode, 200, host);
    assert.equal((await post({ host, origin: `http://${host}` })).statusCode, 200, host);
  }
  const appends = log.appends.length;
  for (const origin of [
    "http://evil.example",
    "http://localhost:8080",
    "null",
    "https://127.0.0.1:5000.evil.example",
  ]) {
    const response = await post({ host: "127.0.0.1:5000", origin });
    assert.equal(response.statusCode, 403, origin);
    assert.equal(problemOf(response).code, "origin-refused");
  }
  assert.equal(log.appends.length, appends);
  const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
  for (const host of ["evil.example", "localhost.evil.example:5000", "127.0.0.1.evil.example", "192.168.1.7"]) {
    assert.equal(await statusAs(port, host), 403, host);
  }
  assert.equal(await statusAs(port, `localhost:${port}`), 200);
  const { server: anonymous } = await open(context, { allowAnonymous: true });
  const [address] = await anonymous.listen({ hosts: ["127.0.0.1"], port: 0 });
  assert.equal(await statusAs(address.port, "tidemark.example"), 200);
});

test("behind a proxy the pages of the public URL get in, under its name or under ours", async (context) => {
  const publicUrls = ["https://tidemark.example", "https://lab.example:8443"];
  const { server, log } = await open(context, { publicUrls });
  const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const cases: [number, string, string | null][] = [
    [200, "tidemark.example", "https://tidemark.example"],
    [200, "127.0.0.1:5000", "https://tidemark.example"],
    [200, "lab.example:8443", "https://lab.example:8443"],
    [200, "tidemark.example", null],
    [403, "tidemark.example", "https://evil.example"],
    [403, "tidemark.example", "https://tidemark.example.evil.example"],
    [403, "127.0.0.1:5000", "http://tidemark.example"],
    [403, "lab.example", null],
    [403, "evil.example", null],
  ];
  for (const [status, host, origin] of cases) {
    const headers = [`Host: ${host}`, ...(origin === null ? [] : [`Origin: ${origin}`]), "Content-Length: 2"];
    const bytes = `POST /readings/temperature HTTP/1.1\r\nConnection: close\r\n${headers.join("\r\n")}\r\n\r\n42`;
    assert.match(await exchange(port, bytes), new RegExp(`^HTTP/1.1 ${status} `), `${host} ${origin}`);
  }
  assert.equal(log.appends.length, 4);
});

test("pages of configured origins may ask and read, others may not", async (context) => {
  const page = "https://grafana.example";
  for (const token of [null, TOKEN]) {
    const { app } = await open(context, { token, corsOrigins: [page] });
    const headers = {
      host: "localhost:5000",
      origin: page,
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    const asked = { host: "localhost:5000", origin: page, "access-control-request-method": "POST" };
    for (const url of ["/compute/metrics", "/readings/temperature", "/livez", "/nowhere"]) {
      const preflight = await app.inject({ method: "OPTIONS", url, headers: asked });
      assert.equal(preflight.statusCode, 204, url);
      assert.equal(preflight.headers["access-control-allow-origin"], page);
      assert.match(String(preflight.headers["access-control-allow-methods"]), /\bPOST\b/);
      assert.match(String(preflight.headers["access-control-allow-headers"]), /Authorization.*Content-Type/);
      assert.equal(preflight.headers["access-control-allow-credentials"], undefined);
    }
    for (const [url, status] of [
      ["/compute/metrics", 400],
      ["/readings/temperature", 200],
      ["/quarantine/release", 400],
    ] as const) {
      const response = await app.inject({ method: "POST", url, headers, payload: "42" });
      assert.equal(response.statusCode, status, url);
      assert.equal(response.headers["access-control-allow-origin"], page);
      assert.equal(response.headers.vary, "Origin");
    }
    const other = { ...headers, origin: "https://evil.example" };
    const response = await app.inject({ url: "/sensors", headers: other });
    assert.equal(response.statusCode, token === null ? 403 : 200);
    assert.equal(response.headers["access-control-allow-origin"], undefined);
    const refused = await app.inject({
      method: "OPTIONS",
      url: "/sensors",
      headers: { ...asked, origin: "https://evil.example" },
    });
    assert.equal(refused.headers["access-control-allow-origin"], undefined);
    assert.equal(refused.statusCode, token === null ? 403 : 401);
  }
});

/** The status of GET /sensors under a name. */
function statusAs(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: "/sensors", headers: { host }, agent: false };
    const request = httpRequest(options, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    request.on("error", reject);
    request.end();
  });
}

test("notices are told by the probe that says ready", async (context) => {
  const { app, engine } = await open(context);
  assert.deepEqual((await app.inject("/readyz")).json(), { status: "ready" });
  engine.notices = ['cannot read "temperature" partition 0'];
  assert.deepEqual((await app.inject("/readyz")).json(), { status: "ready", notices: engine.notices });
});

test("probes", async (context) => {
  const { app, engine } = await open(context);
  assert.equal((await app.inject("/livez")).json().status, "alive");
  assert.deepEqual((await app.inject("/readyz")).json(), { status: "ready" });
  engine.trouble = "the log cannot be reached";
  assert.equal((await app.inject("/livez")).statusCode, 200);
  const response = await app.inject("/readyz");
  assert.equal(response.statusCode, 503);
  assert.equal(response.headers["retry-after"], "1");
  const { code, detail, retryable } = problemOf(response);
  assert.deepEqual([code, retryable], ["not-ready", true]);
  assert.equal(detail, "Cannot take in readings: the log cannot be reached");
  engine.trouble = null;
  engine.damage = new TidemarkError("history-corrupt", "page 7 of history.db is not what was written");
  const damaged = await app.inject("/readyz");
  assert.deepEqual([damaged.statusCode, problemOf(damaged).code], [500, "history-corrupt"]);
  assert.match(String(problemOf(damaged).detail), /^page 7 of history\.db/);
});

test("after a start the probe and complete=true say what is left of the log", async (context) => {
  const { app, engine } = await open(context);
  const ask = (url: string) => app.inject({ method: "POST", url, payload: '{"temperature":["count"]}' });
  assert.equal((await ask("/compute/metrics?complete=true")).headers["tidemark-backlog"], undefined);
  engine.backlog = 7;
  for (const response of [await app.inject("/readyz"), await ask("/compute/metrics?complete=true")]) {
    assert.equal(response.statusCode, 503);
    assert.equal(problemOf(response).code, "catching-up");
    assert.match(String(problemOf(response).detail), /7 of its records are left/);
  }
  assert.equal((await app.inject("/series?sensor=temperature&complete=true")).statusCode, 503);
  for (const response of [await ask("/compute/metrics"), await app.inject("/series?sensor=temperature")]) {
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers["tidemark-backlog"], "7");
  }
  assert.equal((await ask("/compute/metrics?receipt=true")).json().receipt.backlog, 7);
});

test("without the token a probe tells no paths or addresses", async () => {
  const { app, engine } = await openFixture({ token: "secret" });
  engine.trouble = "Cannot write /var/lib/tidemark/log.db";
  const authorization = "Bearer secret";
  assert.match((await app.inject({ url: "/readyz", headers: { authorization } })).body, /log\.db/);
  const closed = await app.inject("/readyz");
  assert.equal(closed.statusCode, 503);
  assert.match(closed.body, /Cannot take in readings: the reason is for clients with a token of the role admin/);
  engine.trouble = null;
  engine.notices = ["waiting for topics of kafka-1:9092"];
  assert.deepEqual((await app.inject("/readyz")).json().notices, ["1, for clients with a token of the role admin"]);
  assert.deepEqual((await app.inject({ url: "/readyz", headers: { authorization } })).json().notices, engine.notices);
  await app.close();
});

test("paths and methods that there are not", async (context) => {
  const { app, bugs } = await open(context);
  for (const url of [
    "/nowhere",
    "/compute",
    "/compute/metrics/x",
    "/readings",
    "/readings/",
    "/readings/a/b",
    "/..%2f",
  ]) {
    for (const method of ["GET", "POST", "DELETE"] as const) {
      const payload = method === "GET" ? undefined : "{not json";
      const response = await app.inject({
        method,
        url,
        headers: { "content-type": "application/json" },
        ...(payload === undefined ? {} : { payload }),
      });
      assert.equal(response.statusCode, 404, `${method} ${url}`);
      assert.equal(problemOf(response).code, "not-found");
    }
  }
  const allowed: [string, string][] = [
    ["/compute/metrics", "POST, OPTIONS"],
    ["/readings/temperature", "POST, OPTIONS"],
    ["/compute/metrics/", "POST, OPTIONS"],
    ["/live", "GET, HEAD, OPTIONS"],
    ["/sensors", "GET, HEAD, OPTIONS"],
    ["/rejections", "GET, HEAD, OPTIONS"],
    ["/quarantine/discard", "POST, OPTIONS"],
    ["/livez", "GET, HEAD, OPTIONS"],
  ];
  for (const [url, allow] of allowed) {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const) {
      if (allow.includes(method) && method !== "OPTIONS") continue;
      const response = await app.inject({ method, url, ...(method === "PUT" ? { payload: "x" } : {}) });
      assert.equal(response.statusCode, method === "OPTIONS" ? 204 : 405, `${method} ${url}`);
      assert.equal(response.headers.allow, allow, `${method} ${url}`);
      assert.equal(response.headers["access-control-allow-origin"], undefined);
      if (method === "PUT") assert.equal(problemOf(response).code, "method-not-allowed");
    }
  }
  for (const url of ["/sensors", "/livez"]) {
    const [head, get] = [await app.inject({ method: "HEAD", url }), await app.inject(url)];
    assert.deepEqual([head.statusCode, head.body], [200, ""]);
    assert.equal(head.headers["content-length"], get.headers["content-length"]);
  }
  for (const [url, status] of [
    ["/%zz", 400],
    [`/readings/${"a".repeat(300)}`, 414],
  ] as const) {
    const response = await app.inject(url);
    assert.equal(response.statusCode, status);
    assert.equal(problemOf(response).code, "request-invalid");
  }
  assert.deepEqual(bugs, []);
});

/** What a server says to these bytes until it closes. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

test("what is no HTTP is told so", async (context) => {
  const { server } = await open(context);
  const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const cases: [string, number, string][] = [
    ["nonsense\r\n\r\n", 400, "request-invalid"],
    [`GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(HEADERS_BYTES_MAX)}\r\n\r\n`, 431, "request-too-large"],
    [
      "POST /readings/temperature HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
      "request-invalid",
    ],
  ];
  for (const [bytes, status, code] of cases) {
    const text = await exchange(port, bytes);
    const [head, body] = text.split("\r\n\r\n");
    assert.ok(head.startsWith(`HTTP/1.1 ${status} `), text);
    assert.equal(JSON.parse(body).code, code);
  }
});

test("closing answers what has begun, closes idle connections, takes in nothing new", async (context) => {
  const { app, server, log } = await open(context);
  const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
  let durable = (): void => {};
  log.hold = new Promise((resolve) => {
    durable = resolve;
  });
  const idle = connect(port, "127.0.0.1");
  const idleClosed = new Promise((resolve) => idle.once("close", resolve));
  const answer = exchange(
    port,
    "POST /readings/temperature HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n42",
  );
  const arrived = new Promise<void>((resolve) => {
    const append = log.append.bind(log);
    log.append = (topic, records) => {
      resolve();
      return append(topic, records);
    };
  });
  await arrived;
  let closed = false;
  const closing = app.close().then(() => {
    closed = true;
  });
  await idleClosed;
  await assert.rejects(exchange(port, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"), { code: "ECONNREFUSED" });
  assert.equal(closed, false);
  durable();
  assert.match(await answer, /^HTTP\/1.1 200 OK[\s\S]*\{"appended":1\}$/);
  await closing;
});

test("a client that waits with its whole body reads the answer to one that is too large", async (context) => {
  const { server } = await open(context);
  const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const body = "x".repeat(4 * 1024 * 1024);
  for (let i = 0; i < 5; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/compute/metrics`, { method: "POST", body });
    assert.equal(response.status, 413);
    const { errors } = (await response.json()) as { errors: string[] };
    assert.match(errors[0], new RegExp(`<= ${COMPUTE_BODY_BYTES_MAX} bytes, was ${body.length}$`));
  }
});

test("the server shows the page that its problems link to", async (context) => {
  const { app } = await open(context);
  const docs = await page(app);
  for (const code of ["not-found", "log-full", "internal"]) assert.ok(docs.includes(`\n### ${code}\n`), code);
});

async function page(app: FastifyInstance): Promise<string> {
  const response = await app.inject("/docs/ERRORS.md");
  assert.equal(response.statusCode, 200);
  assert.match(String(response.headers["content-type"]), /^text\/markdown/);
  return response.body;
}
