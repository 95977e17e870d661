/** `POST /compute/metrics` as a client sees it: the contract's texts, statuses and shapes. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { Random } from "../../src/core/random.ts";
import { METRICS } from "../../src/metrics/registry.ts";
import { COMPUTE_BODY_BYTES_MAX, METRICS_PER_SENSOR_MAX } from "../../src/server/limits.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";
import { ScanEngine } from "./scan-engine.ts";

/** 15:12:00 in Berlin, winter. */
const START = Date.UTC(2020, 0, 13, 14, 12);

let fixture: Fixture;
let app: FastifyInstance;

before(async () => {
  fixture = await openFixture();
  app = fixture.app;
  const { engine } = fixture;
  // A reading a second from 15:11:55 to 15:13:05, off the whole second, values that no integer path could hide behind.
  for (let i = -5; i <= 65; i++) {
    engine.add("temperature", [START + i * 1000 + 250, 2 + ((i + 71) % 7) * 0.5, i % 10 === 0]);
    engine.add("humidity", [START + i * 1000 + 750, i === 30 ? 98 : 40 + i / 3]);
  }
});

after(() => app?.close()); // none when no test of the file was asked for

function ask(body: unknown, query = "", headers: Record<string, string> = {}): Promise<LightMyRequestResponse> {
  const payload = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  // What is injected has no length of its own when it is empty.
  const length = payload.length === 0 ? { "content-length": "0" } : {};
  return app.inject({ method: "POST", url: `/compute/metrics${query}`, payload, headers: { ...length, ...headers } });
}

async function answers(body: unknown, status: number, expected: unknown): Promise<void> {
  const response = await ask(body);
  assert.equal(response.statusCode, status, response.body);
  assert.match(String(response.headers["content-type"]), /^application\/json/);
  assert.deepEqual(JSON.parse(response.body), expected);
}

async function refuses(body: unknown, ...errors: (string | RegExp)[]): Promise<void> {
  const response = await ask(body);
  assert.equal(response.statusCode, 400, response.body);
  const parsed = response.json<{ result: object; errors: string[] }>();
  assert.deepEqual(Object.keys(parsed), ["result", "errors"]);
  assert.deepEqual(parsed.result, {});
  assert.equal(parsed.errors.length, errors.length, response.body);
  for (const [i, error] of errors.entries()) {
    if (typeof error === "string") assert.equal(parsed.errors[i], error);
    else assert.match(parsed.errors[i], error);
  }
}

const CONTRACT = `{
	"temperature" : ["count", "min"],
	"humidity" : ["average", "max"],
	"from": "2020-01-13 15:12:00",
	"to": "2020-01-13 15:13:00",
}`;

test("the contract's own body, trailing comma included, under any Content-Type or none", async () => {
  const types = ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=x", "nonsense", ""];
  let humidity = 0;
  for (let i = 0; i <= 60; i++) humidity += i === 30 ? 98 : 40 + i / 3;
  for (const type of types) {
    const response = await ask(CONTRACT, "", type === "" ? {} : { "content-type": type });
    assert.equal(response.statusCode, 200, `${type}: ${response.body}`);
    const { result, errors } = response.json();
    assert.deepEqual(errors, []);
    assert.deepEqual(Object.keys(result), ["temperature", "humidity"]);
    assert.deepEqual(result.temperature, { count: 61, min: 2 });
    assert.equal(result.humidity.max, 98);
    assert.ok(Math.abs(result.humidity.average - humidity / 61) < 1e-12);
  }
});

test("the answer's text is JSON.stringify's of what it says, for every metric", async () => {
  const names = [...METRICS.map((metric) => metric.name), "p0", "p99.9", "p100"];
  for (const from of ["2020-01-13 15:12", "2019-12-31 23:59:59.9"]) {
    const response = await ask({ temperature: names, pressure: names, humidity: ["sum"], from });
    const { result } = response.json();
    assert.deepEqual(Object.keys(result.temperature), names);
    assert.equal(response.body, JSON.stringify(JSON.parse(response.body)));
    for (const name of names) {
      const zero = ["count", "sum", "rate", "seconds"].includes(name);
      assert.equal(result.pressure[name], zero ? 0 : null, `${name} without data`);
    }
  }
});

test("what is not understood is named, in the order of the body, and the rest computed", async () => {
  const body = {
    wrongKey: 1,
    temperature: ["count", "wrongMetric", "count", 5, null, { a: [1] }, "wrongMetric", "toString", "__proto__"],
    constructor: ["count"],
    from: "2020-01-13 15:12:00",
    to: "2020-01-13 15:13:00",
    humidity: [],
  };
  await answers(body, 200, {
    result: { temperature: { count: 61 } },
    errors: [
      "Unexpected key wrongKey in the request body",
      "Unexpected metric wrongMetric to compute for the sensor temperature",
      "Unexpected metric 5 to compute for the sensor temperature",
      "Unexpected metric null to compute for the sensor temperature",
      'Unexpected metric {"a":[1]} to compute for the sensor temperature',
      "Unexpected metric toString to compute for the sensor temperature",
      "Unexpected metric __proto__ to compute for the sensor temperature",
      "Unexpected key constructor in the request body",
    ],
  });
});

test("keys that look like array indexes stay in their place", async () => {
  const body = `{"b":1,"7":["count"],"temperature":["count"],"3":1,"a\\"\\u0062":{"9":[",}"],"x":"y"},"3":2,"from":"2020-01-13 15:12:00","1":0}`;
  await answers(body, 200, {
    result: { temperature: { count: 66 } },
    errors: ["b", "7", "3", 'a"b', "1"].map((key) => `Unexpected key ${key} in the request body`),
  });
});

test("__proto__ is a key like any other wrong one", async () => {
  const response = await ask('{"__proto__":{"polluted":["count"]},"temperature":["count"],"from":1578924720000}');
  const { errors } = response.json();
  assert.deepEqual(errors, ["Unexpected key __proto__ in the request body"]);
  assert.equal("polluted" in {}, false);
});

test("nothing to compute is a 400 with the errors alone", async () => {
  await refuses({ wrongKey: ["count"] }, "Unexpected key wrongKey in the request body");
  await refuses({ temperature: ["nope"] }, "Unexpected metric nope to compute for the sensor temperature");
  const nothing = /^Nothing to compute: expected at least one sensor \(temperature, humidity, pressure\)/;
  await refuses({}, nothing);
  await refuses({ temperature: [] }, nothing);
  await refuses({ from: "2020-01-13", to: "2020-01-13" }, nothing);
});

test("a list that is none refuses the whole, and says what it was", async () => {
  const wanted = 'expected a list of metrics such as ["count","average"]';
  const text = (was: string) => `Cannot compute metrics for the sensor temperature: ${wanted}, was ${was}`;
  for (const list of ["count", null, 5, true, { count: true }]) {
    await refuses({ humidity: ["max"], temperature: list }, text(JSON.stringify(list)));
  }
  await refuses({ x: 1, temperature: "count", y: 1 }, /key x/, text('"count"'), /key y/);
  const many = Array.from({ length: METRICS_PER_SENSOR_MAX + 1 }, (_, i) => `p${i / 2}`);
  await refuses({ temperature: many }, /expected at most 128 metrics, were 129$/);
  assert.equal((await ask({ temperature: many.slice(1) })).statusCode, 200);
});

test("unreadable bodies say what was expected", async () => {
  const expected = /^Unreadable request body: expected a JSON object such as \{.*\}; /;
  for (const body of ["", "  \n", "nope", "[1,]", '"temperature"', "42", "null", "{", '{"a":,}', "{,}", "{'a':1}"]) {
    await refuses(body, expected);
  }
  await refuses("{// no\n}", expected);
  await refuses("[]", /it is a list$/);
  await refuses("\u0000", expected);
  await refuses("", /it is empty$/);
  const deep = 20_000;
  for (const nest of ["[".repeat(deep) + "]".repeat(deep), '{"a":'.repeat(5000) + "1" + "}".repeat(5000)]) {
    await refuses(`{"temperature":["count",${nest}]}`, /nested more than 32 deep$/);
    await refuses(`{"temperature":["count"],"from":${nest}}`, /nested more than 32 deep$/);
    await refuses(`{"temperature":${nest}}`, /nested more than 32 deep$/);
  }
});

test("a sensor or a bound that is there twice is refused, not answered by the last one", async () => {
  const twice = (key: string) => `Cannot use ${key} of the request body: expected it once, was there 2 times`;
  await refuses('{"temperature":["count"],"temperature":["max"]}', twice("temperature"));
  await refuses('{"temperature":["count"],"humidity":["max"],"t\\u0065mperature":["max"]}', twice("temperature"));
  await refuses('{"x":1,"from":"2020-01-13","temperature":["count"],"from":"2020-01-14",}', /key x/, twice("from"));
  await refuses('{"to":1,"to":2,"humidity":[],"humidity":[]}', twice("to"), twice("humidity"));
  // A key that means nothing is one error, and what is inside of it is of no interest.
  const { result, errors } = (await ask('{"temperature":["count"],"x":{"a":1,"a":2},"x":3}')).json();
  assert.deepEqual([result, errors], [{ temperature: { count: 71 } }, ["Unexpected key x in the request body"]]);
});

test("times that are none, in the order of the body", async () => {
  const from = /^Unreadable time "someday" in from: expected "YYYY-MM-DD"/;
  const to = /^Unreadable time \[1\] in to: /;
  await refuses({ temperature: ["count"], from: "someday" }, from);
  await refuses({ a: 1, to: [1], b: 1, from: "someday", c: 1 }, /key a/, to, /key b/, from, /key c/);
  await refuses({ from: "someday", temperature: ["nope"], to: [1] }, from, /metric nope/, to);
  const reversed =
    /^from after to: from is 2020-01-14 .* and to is \[2020-01-13 .*\) in Europe\/Berlin, expected from <= to$/;
  const bounds = { from: "2020-01-14", to: "2020-01-13" };
  await refuses({ a: 1, ...bounds, b: 1, temperature: ["count"] }, /key a/, reversed, /key b/);
  await refuses({ to: "2020-01-13", a: 1, from: "2020-01-14", b: 1 }, /key a/, reversed, /key b/);
  const ahead =
    /^from after now: from is 2020-01-15 .* and now is 2020-01-13 13:00:00 in Europe\/Berlin, expected from <= now/;
  await refuses({ temperature: ["count"], from: "2020-01-15", x: 1 }, ahead, /key x/);
  const both = { from: "2020-01-13", to: "2020-01-13", toExclusive: "2020-01-14" };
  await refuses({ temperature: ["count"], ...both, x: 1 }, /^Cannot use to and toExclusive together/, /key x/);
  assert.equal((await ask({ temperature: ["count"], from: "2020-01-13", to: "2020-01-13" })).statusCode, 200);
});

test("an empty window, a relative one, one that ends before its end bound, another zone: the header tells which it is", async () => {
  const window = async (bounds: object, query = "") => {
    const response = await ask({ temperature: ["count", "rate", "mean"], ...bounds }, query);
    assert.equal(response.statusCode, 200, response.body);
    const { result } = response.json();
    return [response.headers["tidemark-window"], result.temperature.count, result.temperature.rate];
  };
  const all = { from: "2020-01-13 15:12:00", to: "2020-01-13 15:12:59" };
  assert.deepEqual(await window(all), ["2020-01-13T14:12:00Z/2020-01-13T14:13:00Z", 60, 1]);
  const half = { from: "2020-01-13 15:12:00", toExclusive: "2020-01-13 15:12:30" };
  assert.deepEqual(await window(half), ["2020-01-13T14:12:00Z/2020-01-13T14:12:30Z", 30, 1]);
  // The hour that the clock leaves out, and what comes after the newest reading (14:13:05Z).
  const gap = { from: "2020-03-29 02:00:00", to: "2020-03-29 02:59:59" };
  assert.deepEqual(await window(gap), ["2020-03-29T01:00:00Z/2020-03-29T01:00:00Z", 0, 0]);
  assert.deepEqual(await window({ from: "2020-01-13 16:00:00Z" }), ["2020-01-13T16:00:00Z/2020-01-13T16:00:00Z", 0, 0]);
  assert.deepEqual(await window({ from: "now+3h/h", to: "now+3h/h" }), [
    "2020-01-13T15:00:00Z/2020-01-13T16:00:00Z",
    0,
    0,
  ]);
  assert.equal((await window({ from: "today", to: "today" }))[0], "2020-01-12T23:00:00Z/2020-01-13T23:00:00Z");
  assert.equal(
    (await window({ from: "today", to: "today" }, "?timezone=Asia/Tokyo"))[0],
    "2020-01-12T15:00:00Z/2020-01-13T15:00:00Z",
  );
  assert.deepEqual(await window({ from: "2020-01-13 14:12:00", to: "2020-01-13 14:12:59" }, "?timezone=UTC"), [
    "2020-01-13T14:12:00Z/2020-01-13T14:13:00Z",
    60,
    1,
  ]);
  const refused = await ask({ temperature: ["count"] }, "?timezone=Mars/Phobos");
  assert.equal(refused.statusCode, 400);
  assert.match(
    refused.json().errors[0],
    /^Unexpected timezone "Mars\/Phobos" in the query: expected an IANA name such as/,
  );
  const receipt = (await ask({ temperature: ["count"], ...gap }, "?receipt=true")).json().receipt;
  assert.deepEqual([receipt.window.seconds, receipt.sensors.temperature.coverage], [0, 0]);
});

test("bounds: null is not given; open ones come from the named sensors", async () => {
  const count = async (body: object) => (await ask(body)).json().result.temperature;
  const asked = { temperature: ["count", "seconds", "rate"] };
  assert.deepEqual(await count({ ...asked, from: null, to: null }), await count(asked));
  // First reading 15:11:55.250; now (12:00Z) is before the newest counted one (14:13:05Z), which then is the end.
  assert.deepEqual(await count(asked), { count: 71, seconds: 71, rate: 1 });
  fixture.clock.set(Date.UTC(2020, 0, 13, 14, 13, 59, 999));
  assert.deepEqual(await count(asked), { count: 71, seconds: 71, rate: 71 / 125 });
  fixture.clock.set(NOON);
  const { result } = (await ask({ pressure: ["count", "rate"] })).json();
  assert.deepEqual(result.pressure, { count: 0, rate: 0 });
});

test("the receipt says what the answer rests on", async () => {
  fixture.engine.totals.set("temperature", { duplicates: 3, conflicts: 1, quarantined: 2, rejected: 4, gapRecords: 9 });
  fixture.clock.set(START + 70_000);
  const body = {
    temperature: ["count"],
    humidity: ["p90"],
    from: "2020-01-13 15:12:00",
    to: "2020-01-13 15:13:59",
    x: 1,
  };
  const response = await ask(body, "?receipt=true");
  fixture.clock.set(NOON);
  const { receipt, errors } = response.json();
  assert.equal(errors.length, 1);
  assert.deepEqual(receipt.window, { from: "2020-01-13T14:12:00Z", toExclusive: "2020-01-13T14:14:00Z", seconds: 120 });
  assert.equal(receipt.completeUntil, "2020-01-13T14:13:05.250Z");
  const { temperature, humidity } = receipt.sensors;
  assert.equal(temperature.counted, 66);
  assert.equal(temperature.late, 7);
  assert.equal(temperature.coverage, 66 / 120);
  assert.equal(temperature.lastAgeMs, 4750);
  assert.equal(temperature.quantiles, null);
  assert.deepEqual(humidity.quantiles, {
    method: "exact",
    keptBits: 64,
    intervals: { p90: [response.json().result.humidity.p90, response.json().result.humidity.p90] },
  });
  assert.deepEqual(temperature.identity, { inUse: "sequence", readings: { explicit: 0, sequence: 71, offset: 0 } });
  const { totals } = temperature;
  assert.equal(totals.received, totals.counted + totals.duplicates + totals.quarantined + totals.rejected);
  assert.deepEqual(
    [totals.duplicates, totals.conflicts, totals.quarantined, totals.rejected, totals.gaps],
    [3, 1, 2, 4, 9],
  );
  assert.deepEqual([receipt.cost.pages, receipt.cost.buckets], [2, 132]);

  assert.deepEqual(Object.keys((await ask(body)).json()), ["result", "errors"]);
  assert.deepEqual(Object.keys((await ask(body, "?receipt=false")).json()), ["result", "errors"]);
  for (const query of ["?receipt=yes", "?receipt", "?receipt=true&receipt=true"]) {
    const refused = await ask(body, query);
    assert.equal(refused.statusCode, 400);
    assert.match(
      refused.json().errors[0],
      /^Cannot read the request: receipt must be true or false, was ("yes"|""|\["true","true"\])$/,
    );
  }
});

test("a receipt says why it cannot say until when an answer is complete", async () => {
  const engine = new ScanEngine();
  const { app: other } = await openFixture({}, engine);
  engine.add("humidity", [START, 1]);
  const receipt = async (...sensors: string[]) => {
    const payload = Object.fromEntries(sensors.map((sensor) => [sensor, ["count"]]));
    return (await other.inject({ method: "POST", url: "/compute/metrics?receipt=true", payload })).json().receipt;
  };
  const first = await receipt("temperature", "humidity", "pressure");
  assert.equal(first.completeUntil, null);
  const note = "temperature: no reading was counted yet; pressure: no reading was counted yet";
  assert.equal(first.completeUntilNote, note);
  assert.equal(first.sensors.temperature.completeUntilNote, "no reading was counted yet");
  assert.deepEqual(Object.keys(first.sensors.humidity).includes("completeUntilNote"), false);
  assert.deepEqual(Object.keys(await receipt("humidity")), ["window", "backlog", "completeUntil", "sensors", "cost"]);
  const status = engine.status.bind(engine);
  for (const [lag, note] of [
    [7, "the log is not read to its end yet"],
    [0, "no device was heard from since the server started"],
  ] as const) {
    engine.status = (sensor) => ({ ...status(sensor), completeUntil: null, lag });
    assert.equal((await receipt("humidity")).sensors.humidity.completeUntilNote, note);
  }
  await other.close();
});

test("a body over the limit is a 413 in the same shape, at the limit it is read", async () => {
  const padded = (bytes: number) => CONTRACT + " ".repeat(bytes - CONTRACT.length);
  assert.equal((await ask(padded(COMPUTE_BODY_BYTES_MAX))).statusCode, 200);
  const response = await ask(padded(COMPUTE_BODY_BYTES_MAX + 1));
  assert.equal(response.statusCode, 413);
  const error = "Cannot read the request body: expected <= 65536 bytes, was 65537";
  assert.deepEqual(response.json(), { result: {}, errors: [error] });
  const coded = await ask(CONTRACT, "", { "content-encoding": "br" });
  assert.equal(coded.statusCode, 415);
  assert.match(coded.json().errors[0], /expected the Content-Encoding gzip or deflate, was br$/);
});

test("sensors named like integers or like things of every object", async () => {
  const engine = new ScanEngine(["constructor", "10", "2"]);
  for (const { name } of engine.sensors.list()) engine.add(name, [START, name.length]);
  const { app: other } = await openFixture({}, engine);
  const payload = '{"10":["max"],"constructor":["max"],"2":["max"],}';
  const response = await other.inject({ method: "POST", url: "/compute/metrics?receipt=true", payload });
  const result = '{"result":{"10":{"max":2},"constructor":{"max":11},"2":{"max":1}},"errors":[],';
  assert.ok(response.body.startsWith(result), response.body);
  assert.match(response.body, /"sensors":\{"10":.*"constructor":.*"2":/);
  await other.close();
});

test("our own failures are no secret spilled: 500 as a problem, reported", async () => {
  const { app: other, engine, bugs } = await openFixture();
  engine.failure = new Error("BUG: start=5 exceeds end=3");
  const response = await other.inject({ method: "POST", url: "/compute/metrics", payload: '{"humidity":["max"]}' });
  assert.equal(response.statusCode, 500);
  assert.equal(response.json().code, "internal");
  assert.doesNotMatch(response.body, /start=5/);
  assert.deepEqual(bugs, [engine.failure]);
  await other.close();
});

test("no bytes of a body make a 500", async () => {
  const random = new Random(20200113);
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    '"temperature"',
    '"count"',
    "from",
    "1e999",
    "\u00e9",
    "\xff",
    "null",
    " ",
  ];
  for (let i = 0; i < 1000; i++) {
    let text = random.chance(0.5) ? CONTRACT : "";
    for (let n = random.integer(1, 12); n > 0; n--) {
      const at = random.integer(0, text.length);
      text = text.slice(0, at) + random.pick(pieces) + text.slice(at + random.integer(0, 2));
    }
    const response = await ask(Buffer.from(text, random.chance(0.5) ? "utf8" : "latin1"));
    assert.ok(response.statusCode === 200 || response.statusCode === 400, `${response.statusCode} for ${text}`);
    const { result, errors } = response.json();
    assert.equal(response.statusCode === 200, Object.keys(result).length > 0, text);
    assert.ok(response.statusCode === 200 || errors.length > 0, text);
  }
  assert.deepEqual(fixture.bugs, []);
});
