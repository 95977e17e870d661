/** Tokens by role: what each may, how several are valid at once, and that none is told to anybody. */
import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { type GivenToken, ROLES, type Role, Tokens } from "../../src/core/tokens.ts";
import { TokenGuard } from "../../src/server/guard.ts";
import { RateLimit } from "../../src/server/rate-limit.ts";
import { describe, type RouteFacts, saysWho } from "../../src/server/route-schema.ts";
import { Sessions } from "../../src/server/sessions.ts";
import { type Fixture, openFixture } from "./fixture.ts";

const TEXTS: Readonly<Record<Role | "all", string>> = {
  read: "reader-0123456789",
  write: "writer-0123456789",
  admin: "keeper-0123456789",
  all: "everything-012345",
};
const GIVEN: readonly GivenToken[] = [
  { text: TEXTS.read, roles: ["read"] },
  { text: TEXTS.write, roles: ["write"] },
  { text: TEXTS.admin, roles: ["admin"] },
  { text: TEXTS.all, roles: ROLES },
];
const MAY: Readonly<Record<keyof typeof TEXTS, readonly Role[]>> = {
  read: ["read"],
  write: ["write"],
  admin: ["read", "admin"],
  all: ["read", "write", "admin"],
};
const HOST = "tidemark.lan:5000";

async function open(t: TestContext, tokens = new Tokens(GIVEN)): Promise<Fixture> {
  const fixture = await openFixture({ tokens });
  t.after(() => fixture.app.close());
  return fixture;
}

/** Requests that work, of each role. */
const REQUESTS: readonly [Role | null, "GET" | "POST" | "PUT" | "DELETE", string, string?][] = [
  ["read", "GET", "/sensors"],
  ["read", "GET", "/quarantine"],
  ["read", "GET", "/rejections?limit=1"],
  ["read", "GET", "/metrics"],
  ["read", "GET", "/series?sensor=temperature"],
  ["read", "GET", "/graphite/metrics/find?query=*"],
  ["read", "POST", "/compute/metrics", '{"temperature":["count"]}'],
  ["read", "POST", "/compute/metrics?receipt=true", '{"temperature":["count"]}'],
  ["write", "POST", "/readings/temperature", "21.5"],
  ["write", "POST", "/write", "m value=1"],
  ["write", "POST", "/api/v2/write", "m value=1"],
  ["write", "GET", "/query?q=SHOW%20DATABASES"],
  ["admin", "POST", "/quarantine/release", '{"ids":[1]}'],
  ["admin", "POST", "/quarantine/discard", '{"ids":[1]}'],
  ["admin", "POST", "/rejections/release", '{"ids":[1]}'],
  ["admin", "POST", "/rejections/discard", '{"ids":[1]}'],
  ["admin", "POST", "/sensors/skip", '{"sensor":"temperature","partition":0,"to":13}'],
  ["read", "GET", "/corrections"],
  ["admin", "POST", "/corrections/delete", '{"sensor":"temperature","from":"now-1h","to":"now"}'],
  ["admin", "POST", "/corrections/rename", '{"sensor":"temperature","to":"warmth"}'],
  ["admin", "POST", "/corrections/undo", '{"number":1}'],
  ["read", "GET", "/alerts"],
  ["read", "GET", "/alerts/rules"],
  ["read", "POST", "/alerts/try", '{"rule":{"sensor":"temperature","noDataFor":"1m"},"from":"now-1h"}'],
  ["admin", "PUT", "/alerts/rules/silent", '{"sensor":"temperature","noDataFor":"1m"}'],
  ["admin", "DELETE", "/alerts/rules/silent"],
  [null, "GET", "/about"],
  [null, "GET", "/openapi.json"],
  [null, "GET", "/docs/ERRORS.md"],
];

test("a token may what it is for; to all else the answer is 403, and says which role is needed", async (t) => {
  const { app, log } = await open(t);
  for (const [role, method, url, payload] of REQUESTS) {
    for (const [name, text] of Object.entries(TEXTS) as [keyof typeof TEXTS, string][]) {
      const appends = log.appends.length;
      const headers = { authorization: `Bearer ${text}` };
      const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
      const what = `${method} ${url} by ${name}`;
      if (role === null || MAY[name].includes(role)) {
        assert.ok(![401, 403].includes(answer.statusCode), `${what}: ${answer.statusCode} ${answer.body}`);
        continue;
      }
      assert.equal(answer.statusCode, 403, what);
      assert.match(
        answer.body,
        new RegExp(`expected a token of the role ${role}, was one of ${MAY[name].join(" and ")}`),
      );
      assert.equal(log.appends.length, appends);
      if (!url.startsWith("/compute")) assert.equal(answer.json().code, "role-missing");
      assert.equal(answer.headers["www-authenticate"], undefined);
    }
    const none = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
    assert.equal(none.statusCode, 401, url);
  }
});

test("a route that does more than read says who may use it, or the server does not start", async (t) => {
  const { server } = await open(t);
  for (const route of server.routes) assert.ok(saysWho(route), route.url);
  const facts: RouteFacts = { group: "Readings", summary: "a new door", errors: [] };
  const route = { url: "/new", handler: () => {} };
  assert.ok(!saysWho({ ...route, method: "POST", schema: describe(facts) }));
  assert.ok(saysWho({ ...route, method: "POST", schema: describe({ ...facts, role: "write" }) }));
  assert.ok(saysWho({ ...route, method: "GET", schema: describe(facts) }));
});

test("unknown paths and methods are told to anyone with a token, and to nobody else", async (t) => {
  const { app } = await open(t);
  for (const [url, method, status] of [
    ["/nowhere", "GET", 404],
    ["/sensors", "PUT", 405],
    ["/sensors", "OPTIONS", 204],
  ] as const) {
    const headers = { authorization: `Bearer ${TEXTS.write}` };
    assert.equal((await app.inject({ url, method, headers })).statusCode, status);
    assert.equal((await app.inject({ url, method })).statusCode, 401);
  }
});

test("a door whose protocol has tokens elsewhere says where, and the guard looks there", () => {
  const tokens = new Tokens(GIVEN);
  const clock = new ManualClock(0);
  const guard = new TokenGuard(tokens, new Sessions(tokens, clock), [], new RateLimit(null, clock));
  const request = new IncomingMessage(new Socket());
  request.method = "POST";
  request.url = "/write?p=not-shown";
  request.headers.authorization = "Basic not-shown";
  assert.equal(guard.refusal(request, "write", TEXTS.write), null);
  assert.equal(guard.refusal(request, "write", TEXTS.all), null);
  assert.equal(guard.refusal(request, "write", TEXTS.read)?.code, "role-missing");
  for (const given of ["another-one", undefined]) {
    const refusal = guard.refusal(request, "write", given);
    assert.equal(refusal?.code, "not-authorized");
    assert.doesNotMatch(refusal.message, /another-one|not-shown/);
  }
});

test("a session may what its token may, and ends with it; several of one browser may what any of them may", async (t) => {
  const tokens = new Tokens(GIVEN);
  const fixture = await open(t, tokens);
  const begin = async (name: keyof typeof TEXTS) => {
    const payload = JSON.stringify({ token: TEXTS[name] });
    const headers = { host: HOST, origin: `http://${HOST}` };
    const answer = await fixture.app.inject({ method: "POST", url: "/session", payload, headers });
    assert.deepEqual(answer.json().roles, MAY[name]);
    return String(answer.headers["set-cookie"]).split(";")[0];
  };
  const status = async (cookie: string, role: Role) => {
    const [, method, url, payload] = REQUESTS.find(([its]) => its === role) ?? [];
    const headers = { host: HOST, origin: `http://${HOST}`, cookie };
    const sent = payload === undefined ? {} : { payload };
    return (await fixture.app.inject({ method: method ?? "GET", url: url ?? "/", headers, ...sent })).statusCode;
  };
  const [reader, writer] = [await begin("read"), await begin("write")];
  assert.deepEqual([await status(reader, "read"), await status(reader, "write")], [200, 403]);
  assert.deepEqual([await status(writer, "read"), await status(writer, "write")], [403, 200]);
  const both = `${reader}; ${writer}`;
  assert.deepEqual(
    [await status(both, "read"), await status(both, "write"), await status(both, "admin")],
    [200, 200, 403],
  );
  const about = await fixture.app.inject({ url: "/about", headers: { host: HOST, cookie: both } });
  assert.deepEqual(about.json().roles, ["read", "write"]);
  tokens.replace(GIVEN.filter(({ text }) => text !== TEXTS.read));
  assert.deepEqual([await status(reader, "read"), await status(writer, "write")], [401, 200]);
  const { headers } = await fixture.app.inject({ method: "DELETE", url: "/session", headers: { host: HOST } });
  assert.equal([headers["set-cookie"]].flat().length, GIVEN.length - 1);
});

test("a new token is valid beside the old one until that is gone", async (t) => {
  const [old, next] = ["the-old-token-0123", "the-new-token-0123"];
  const tokens = new Tokens([{ text: old, roles: ["read"] }]);
  const { app } = await open(t, tokens);
  const status = async (text: string) =>
    (await app.inject({ url: "/sensors", headers: { authorization: `Bearer ${text}` } })).statusCode;
  assert.deepEqual([await status(old), await status(next)], [200, 401]);
  const of = (...texts: string[]): GivenToken[] => texts.map((text) => ({ text, roles: ["read"] }));
  tokens.replace(of(old, next));
  assert.deepEqual([await status(old), await status(next)], [200, 200]);
  tokens.replace(of(next));
  assert.deepEqual([await status(old), await status(next)], [401, 200]);
});

test("a token of two roles has both, and lengths and prefixes are as wrong as all else", () => {
  const tokens = new Tokens([
    { text: TEXTS.read, roles: ["read"] },
    { text: TEXTS.read, roles: ["write"] },
  ]);
  assert.deepEqual(tokens.find(TEXTS.read)?.roles, ["read", "write"]);
  for (const text of ["", TEXTS.read.slice(1), TEXTS.read.slice(0, -1), `${TEXTS.read}0`, "x".repeat(10_000)]) {
    assert.equal(tokens.find(text), null);
  }
});

test("no answer holds a token, wherever it was sent", async (t) => {
  const { app } = await open(t);
  const secret = "a-secret-that-is-nowhere";
  for (const url of [`/sensors?token=${secret}`, `/nowhere?access_token=${secret}`, `/live?token=${secret}`]) {
    for (const authorization of ["", `Bearer ${secret}`, `Bearer ${TEXTS.read}`]) {
      const answer = await app.inject({ url, headers: authorization === "" ? {} : { authorization } });
      assert.notEqual(answer.statusCode, 200, "a query is no place for a token");
      if (authorization !== `Bearer ${TEXTS.read}`) assert.equal(answer.statusCode, 401);
      assert.ok(!(answer.body + JSON.stringify(answer.headers)).includes(TEXTS.read));
      if (answer.statusCode === 401) assert.ok(!answer.body.includes(secret), answer.body);
    }
  }
});

test("why it is not ready is told to those who administer", async (t) => {
  const { app, engine } = await open(t);
  engine.trouble = "Cannot write /var/lib/tidemark/log.db";
  for (const [name, text] of Object.entries(TEXTS) as [keyof typeof TEXTS, string][]) {
    const { body } = await app.inject({ url: "/readyz", headers: { authorization: `Bearer ${text}` } });
    assert.equal(body.includes("log.db"), MAY[name].includes("admin"), name);
  }
});
