/** How many requests a second: guessing is slowed down, and who is honest does not notice. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { ROLES, Tokens } from "../../src/core/tokens.ts";
import { RATE_KEYS_MAX, WRONG_TOKENS_BURST } from "../../src/server/limits.ts";
import { RateLimit } from "../../src/server/rate-limit.ts";
import { type Fixture, type FixtureOptions, openFixture } from "./fixture.ts";
import { ask, post } from "./line.ts";

const [OLD, NEW] = ["the-old-token-0123", "the-new-token-0123"];
const PAYLOAD = '{"temperature":["count"]}';

async function open(t: TestContext, options: FixtureOptions = {}): Promise<Fixture> {
  const tokens = new Tokens([OLD, NEW].map((text) => ({ text, roles: ROLES })));
  const fixture = await openFixture({ tokens, ...options });
  t.after(() => fixture.app.close());
  return fixture;
}

function asking({ app }: Fixture) {
  return async (token: string, remoteAddress = "192.0.2.1", url = "/sensors") => {
    const headers = { authorization: `Bearer ${token}`, host: "localhost" };
    const post = url === "/compute/metrics" ? { method: "POST" as const, payload: PAYLOAD } : {};
    return await app.inject({ url, headers, remoteAddress, ...post });
  };
}

async function counted(fixture: Fixture): Promise<Record<string, number>> {
  const headers = { accept: "application/json", authorization: `Bearer ${OLD}`, host: "localhost" };
  return (await fixture.app.inject({ url: "/metrics", headers, remoteAddress: "198.51.100.9" })).json();
}

test("past so many wrong tokens none of the address is looked at, the right one neither; others go on", async (t) => {
  const fixture = await open(t);
  const asked = asking(fixture);
  assert.equal((await asked(OLD)).statusCode, 200); // known from there from now on
  for (let i = 0; i < WRONG_TOKENS_BURST; i++) {
    assert.equal(
      (await asked(`guess-${i}-0123456789`, undefined, i % 2 ? "/compute/metrics" : "/sensors")).statusCode,
      401,
    );
  }
  for (const [token, address, status] of [
    ["another-guess-0123456", "192.0.2.1", 429],
    [NEW, "192.0.2.1", 429],
    [OLD, "192.0.2.1", 200],
    [NEW, "192.0.2.2", 200],
    ["another-guess-0123456", "192.0.2.2", 401],
  ] as const) {
    const answer = await asked(token, address);
    assert.equal(answer.statusCode, status, `${token} of ${address}`);
    if (status === 429) assert.equal(answer.headers["retry-after"], "1");
  }
  const payload = JSON.stringify({ token: NEW });
  const session = { method: "POST", url: "/session", payload, remoteAddress: "192.0.2.1" } as const;
  assert.equal((await fixture.app.inject(session)).statusCode, 429, "no way around it");
  const ready = await asked(NEW, "192.0.2.1", "/readyz");
  assert.equal(ready.statusCode, 200, "probes are answered");
  fixture.clock.advance(1000);
  assert.equal((await asked(NEW)).statusCode, 200);
  const counts = await counted(fixture);
  assert.equal(counts["tidemark_tokens_wrong_total"], WRONG_TOKENS_BURST + 1);
  assert.ok(Number(counts["tidemark_tokens_blocked_total"]) >= 3);
});

test("a question that is refused in front of the framework is one guess, not two", async (t) => {
  const fixture = await open(t);
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const answer = await ask(port, post("/compute/metrics", PAYLOAD, "Authorization: Bearer a-guess-0123456789"));
  assert.match(answer, /^HTTP\/1.1 401 /);
  assert.equal((await counted(fixture))["tidemark_tokens_wrong_total"], 1);
});

test("requests without a token, and those that work, are no guesses", async (t) => {
  const fixture = await open(t);
  const asked = asking(fixture);
  for (let i = 0; i < 3 * WRONG_TOKENS_BURST; i++) {
    assert.equal((await fixture.app.inject({ url: "/sensors", remoteAddress: "192.0.2.1" })).statusCode, 401);
  }
  for (let second = 0; second < 4; second++) {
    // 32 sensors and a page, from one address.
    for (let i = 0; i < 40; i++) assert.equal((await asked(NEW)).statusCode, 200);
    fixture.clock.advance(1000);
  }
});

test("a fleet that was not told of the new token does not keep out those that were", async (t) => {
  const fixture = await open(t);
  const asked = asking(fixture);
  const [told, untold] = [new Set<number>(), 64];
  for (let second = 0; second < 60 && told.size < 8; second++) {
    for (let i = 0; i < untold; i++) {
      await asked("the-older-token-0123");
      if (i < 8 && (await asked(NEW)).statusCode === 200) told.add(i);
    }
    fixture.clock.advance(1000);
  }
  assert.equal(told.size, 8);
});

test("clients of InfluxDB's version 1 are refused with 503, as they drop their lines on a 429", async (t) => {
  const fixture = await openFixture({ requestsPerSecond: 1 });
  t.after(() => fixture.app.close());
  const write = (url: string) =>
    fixture.app.inject({ method: "POST", url, payload: "\n", headers: { host: "localhost" } });
  assert.equal((await write("/write")).statusCode, 204);
  const refused = await write("/write");
  assert.deepEqual([refused.statusCode, refused.json().code, refused.headers["retry-after"]], [503, "too-busy", "1"]);
  assert.match(refused.json().detail, /--rate-limit/);
  assert.equal((await write("/api/v2/write")).statusCode, 429);
});

test("--rate-limit bounds an address and a token, probes excepted", async (t) => {
  const fixture = await open(t, { requestsPerSecond: 5 });
  const asked = asking(fixture);
  const statuses = async (token: string, address: string) => {
    const all: number[] = [];
    for (let i = 0; i < 7; i++)
      all.push((await asked(token, address, i % 2 ? "/compute/metrics" : "/sensors")).statusCode);
    return all;
  };
  assert.deepEqual(await statuses(OLD, "192.0.2.1"), [200, 200, 200, 200, 200, 429, 429]);
  assert.deepEqual(await statuses(NEW, "192.0.2.1"), [429, 429, 429, 429, 429, 429, 429], "the address");
  assert.deepEqual(await statuses(OLD, "192.0.2.2"), [429, 429, 429, 429, 429, 429, 429], "the token");
  for (let i = 0; i < 20; i++) {
    const answer = await fixture.app.inject({ url: "/livez", remoteAddress: "192.0.2.1" });
    assert.equal(answer.statusCode, 200);
  }
  fixture.clock.advance(400);
  assert.deepEqual(await statuses(OLD, "192.0.2.1"), [200, 200, 429, 429, 429, 429, 429]);
  const anonymous = await openFixture({ requestsPerSecond: 1 });
  t.after(() => anonymous.app.close());
  const request = { url: "/sensors", headers: { host: "localhost" } };
  assert.equal((await anonymous.app.inject(request)).statusCode, 200);
  const refused = await anonymous.app.inject(request);
  assert.deepEqual([refused.statusCode, refused.json().code], [429, "too-many-requests"]);
  anonymous.clock.advance(1000);
  assert.equal((await anonymous.app.inject({ ...request, url: "/metrics" })).statusCode, 200);
});

test("what is remembered is bounded, and what was forgotten is counted", () => {
  const rate = new RateLimit(null, new ManualClock(0));
  const from = (address: string) => ({ socket: { remoteAddress: address } }) as never;
  const wrong = (address: string) => rate.judge(from(address), null);
  for (let i = 0; i < WRONG_TOKENS_BURST; i++) assert.equal(wrong("192.0.2.1"), null);
  assert.equal(wrong("192.0.2.1")?.code, "too-many-requests");
  for (let i = 0; i < RATE_KEYS_MAX; i++) wrong(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  assert.equal(rate.counts.forgotten, 1);
  assert.equal(wrong("192.0.2.1"), null, "the oldest was forgotten");
  for (let i = 0; i < WRONG_TOKENS_BURST; i++) wrong(`2001:db8:1:2::${i}`);
  assert.equal(wrong("2001:db8:1:2:3::4")?.code, "too-many-requests", "one network of IPv6");
});
