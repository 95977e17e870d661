/** Sessions of browsers: what begins and ends one, and what its cookie may do. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SESSION_MS_MAX } from "../../src/server/limits.ts";
import { type Fixture, type FixtureOptions, openFixture } from "./fixture.ts";

const TOKEN = "0123456789abcdef";
const HOST = "tidemark.lan:5000";
const ORIGIN = `http://${HOST}`;

async function open(t: TestContext, options: FixtureOptions = {}): Promise<Fixture> {
  const fixture = await openFixture({ token: TOKEN, ...options });
  t.after(() => fixture.app.close());
  return fixture;
}

function begin(
  { app }: Fixture,
  body: unknown = { token: TOKEN },
  headers: Record<string, string> = { origin: ORIGIN },
) {
  return app.inject({
    method: "POST",
    url: "/session",
    payload: JSON.stringify(body),
    headers: { host: HOST, ...headers },
  });
}

async function cookieOf(fixture: Fixture): Promise<string> {
  const { headers } = await begin(fixture);
  return String(headers["set-cookie"]).split(";")[0];
}

test("the token begins a session of a month, whose cookie scripts and other sites do not get", async (t) => {
  const fixture = await open(t);
  const { statusCode, headers, body } = await begin(fixture);
  assert.equal(statusCode, 200, body);
  assert.deepEqual(JSON.parse(body), { expires: "2020-02-12T12:00:00.000Z", roles: ["read", "write", "admin"] });
  const cookie = String(headers["set-cookie"]);
  assert.match(cookie, /^tidemark-[0-9a-f]{8}=[\w.-]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/);
  assert.doesNotMatch(cookie, new RegExp(TOKEN));
  assert.notEqual(String((await begin(fixture)).headers["set-cookie"]), cookie);
});

test("over TLS the cookie is for TLS only", async (t) => {
  const fixture = await open(t, { publicUrls: ["https://tidemark.example"] });
  for (const headers of [{ origin: "https://tidemark.example" }, { origin: `https://${HOST}` }]) {
    assert.match(String((await begin(fixture, undefined, headers)).headers["set-cookie"]), /; Secure$/);
  }
});

test("nothing else begins one", async (t) => {
  const fixture = await open(t);
  for (const token of ["", TOKEN.slice(1), `${TOKEN}x`, "é"]) {
    const { statusCode, headers } = await begin(fixture, { token });
    assert.equal(statusCode, 401, token);
    assert.equal(headers["set-cookie"], undefined);
  }
  for (const body of [{}, { token: 7 }, [], { token: TOKEN, more: 1 }]) {
    assert.equal((await begin(fixture, body)).statusCode, 400, JSON.stringify(body));
  }
  assert.equal((await begin(fixture, undefined, { origin: "http://localhost:8080" })).statusCode, 403);
  assert.equal((await begin(fixture, { token: "x".repeat(5000) })).statusCode, 413);
  assert.equal((await begin(await open(t, { token: null }))).statusCode, 400);
});

test("its cookie stands for the token", async (t) => {
  const fixture = await open(t);
  const { app } = fixture;
  const cookie = `theme=dark; ${await cookieOf(fixture)}; other=1`;
  const headers = { host: HOST, cookie };
  assert.equal((await app.inject({ url: "/sensors", headers })).statusCode, 200);
  const payload = '{"temperature":["count"]}';
  const own = { ...headers, origin: ORIGIN };
  assert.equal((await app.inject({ method: "POST", url: "/compute/metrics", payload, headers: own })).statusCode, 200);
  assert.equal(
    (await app.inject({ method: "POST", url: "/readings/temperature", payload: "1", headers: own })).statusCode,
    200,
  );
});

test("no other page acts with it: not one of another port, nor a request that hides where it is from", async (t) => {
  const fixture = await open(t, { corsOrigins: ["https://grafana.example"] });
  const cookie = await cookieOf(fixture);
  for (const origin of ["http://tidemark.lan:8080", "https://grafana.example", "null", undefined]) {
    const headers = { host: HOST, cookie, ...(origin === undefined ? {} : { origin }) };
    const answer = await fixture.app.inject({ method: "POST", url: "/readings/temperature", payload: "1", headers });
    assert.equal(answer.statusCode, 403, origin);
    assert.equal(answer.json().code, "origin-refused");
  }
  assert.equal(fixture.log.appends.length, 0);
  const headers = { host: HOST, cookie, origin: "http://tidemark.lan:8080" };
  assert.equal((await fixture.app.inject({ url: "/sensors", headers })).statusCode, 403);
});

test("a cookie that is altered, or of another token, or too old, stands for nothing", async (t) => {
  const fixture = await open(t);
  const cookie = await cookieOf(fixture);
  const [name, value] = cookie.split("=");
  const [expires, nonce, mac] = value.split(".");
  const status = async (given: string, { app } = fixture) =>
    (await app.inject({ url: "/sensors", headers: { host: HOST, cookie: given } })).statusCode;
  assert.equal(await status(cookie), 200);
  const later = `${name}=${Number(expires) + 1}.${nonce}.${mac}`;
  const forged = `${name}=${expires}.${nonce}.${mac.startsWith("A") ? "B" : "A"}${mac.slice(1)}`;
  for (const given of [later, forged, `${name}=`, `${name}=${TOKEN}`, `other=${value}`, ""]) {
    assert.equal(await status(given), 401, given);
  }
  assert.equal(await status(cookie, await open(t, { token: `${TOKEN}0` })), 401);
  assert.equal(await status(cookie, await open(t)), 200, "after a restart it is still good");
  fixture.clock.advance(SESSION_MS_MAX - 1);
  assert.equal(await status(cookie), 200);
  fixture.clock.advance(1);
  assert.equal(await status(cookie), 401);
});

test("a wrong header is not mended by a cookie", async (t) => {
  const fixture = await open(t);
  const headers = { host: HOST, cookie: await cookieOf(fixture), authorization: "Bearer wrong" };
  assert.equal((await fixture.app.inject({ url: "/sensors", headers })).statusCode, 401);
});

test("DELETE has it forgotten", async (t) => {
  const { app } = await open(t);
  const { statusCode, headers } = await app.inject({
    method: "DELETE",
    url: "/session",
    headers: { host: HOST, origin: ORIGIN },
  });
  assert.equal(statusCode, 200);
  assert.match(String(headers["set-cookie"]), /^tidemark-[0-9a-f]{8}=; Path=\/; Max-Age=0; HttpOnly; SameSite=Strict$/);
});
