/** `/in/{name}`, `/doors`, `/unrouted`: what senders are answered, what reaches the log, and what is listed instead. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { FastifyInstance } from "fastify";
import { TidemarkError } from "../../src/core/errors.ts";
import { type MemoryLog, openFixture } from "./fixture.ts";
import { ScanEngine } from "./scan-engine.ts";

const MAPS = [
  { name: "boiler room", readings: [{ at: "t", sensor: "temperature" }], time: { at: "at", as: "s" }, id: "time" },
  { name: "burst", like: "rtl_433" },
  { name: "door", readings: [{ at: "v", sensor: "opening" }], device: "{device}", changed: true },
  { name: "text", readings: [{ at: "v", sensor: "x" }] },
];

const FORM = { "content-type": "application/x-www-form-urlencoded" };

const sample = (file: string) => readFileSync(join(import.meta.dirname, "../doors/samples", file));

function openEngine(): ScanEngine {
  const engine = new ScanEngine();
  engine.isOpen = true;
  return engine;
}

let app: FastifyInstance;
let log: MemoryLog;

before(async () => {
  ({ app, log } = await openFixture({}, openEngine(), MAPS));
});
after(() => app?.close());

async function post(name: string, payload: string | Buffer, headers: Record<string, string> = {}) {
  const { statusCode, body } = await app.inject({ method: "POST", url: `/in/${name}`, payload, headers });
  return { status: statusCode, answer: JSON.parse(body) };
}

/** What was appended by `act`, by sensor. */
async function appended(act: () => Promise<unknown>): Promise<Record<string, unknown[]>> {
  const before = log.appends.length;
  await act();
  const made: Record<string, unknown[]> = {};
  for (const { topic, records } of log.appends.slice(before)) {
    made[topic] = records.map(({ value }) => JSON.parse(Buffer.from(value).toString()));
  }
  return made;
}

describe("in", () => {
  test("a map by its name; the device may stand in the address", async () => {
    assert.deepEqual(
      await appended(async () =>
        assert.deepEqual(await post("boiler%20room/left", '{"t":60.5,"at":1700000000.25}'), {
          status: 200,
          answer: { appended: 1 },
        }),
      ),
      { temperature: [{ device: "left", value: 60.5, time: 1700000000250, sequence: 0 }] },
    );
  });

  test("a preset by its name; forms, and the query of a GET", async () => {
    const made = await appended(async () => {
      assert.deepEqual((await post("ecowitt", sample("ecowitt.txt"), FORM)).answer, { appended: 7 });
      const url = `/in/wunderground?${sample("wunderground.txt").toString().trim()}`;
      assert.equal((await app.inject(url)).body, '{"appended":5}');
    });
    assert.deepEqual(made["wind_gust"], undefined);
    assert.deepEqual(made["temperature"], [{ device: "MYSTATION", value: 4.16666666667 }]);
  });

  test("webhooks", async () => {
    for (const [name, file, readings] of [
      ["chirpstack", "chirpstack-v4-up.json", 2],
      ["things-stack", "tts-up.json", 2],
      ["thingsboard", "thingsboard-ts.json", 4],
      ["sensor-community", "sensor-community.json", 4],
      ["senml", "senml.json", 4],
    ] as const) {
      assert.deepEqual((await post(name, sample(file))).answer, { appended: readings }, name);
    }
    const join = '{"deduplicationId":"x","time":"2022-07-18T09:34:15+00:00","deviceInfo":{"devEui":"1"},"devAddr":"1"}';
    assert.deepEqual((await post("chirpstack?event=join", join)).answer, { appended: 0, passed: 1 }, "no uplink");
  });

  test("CloudEvents in both modes are one event", async () => {
    const structured = sample("cloudevents.txt");
    const { data, specversion, type, source, id, time } = JSON.parse(structured.toString());
    const attributes = { specversion, type, source, id, time };
    const headers = Object.fromEntries(Object.entries(attributes).map(([name, text]) => [`ce-${name}`, String(text)]));
    const first = await appended(() =>
      post("cloudevents", structured, { "content-type": "application/cloudevents+json" }),
    );
    const second = await appended(() => post("cloudevents", JSON.stringify(data), headers));
    assert.deepEqual(first, {
      "room.temperature": [{ device: source, value: 21.5, time: Date.parse(time), id: `${source} ${id}` }],
    });
    assert.deepEqual(second, first);
  });

  test("what a transmitter repeats is taken once, and what has not changed", async () => {
    const [first, second, third] = sample("rtl433-burst.txt").toString().trim().split("\n");
    assert.deepEqual((await post("burst", first)).answer, { appended: 1 });
    assert.deepEqual((await post("burst", second)).answer, { appended: 0, repeats: 1 });
    assert.deepEqual((await post("burst", third)).answer, { appended: 1 });
    assert.deepEqual((await post("door/a", '{"v":1}')).answer, { appended: 1 });
    assert.deepEqual((await post("door/a", '{"v":1}')).answer, { appended: 0, unchanged: 1 });
    assert.deepEqual((await post("door/b", '{"v":1}')).answer, { appended: 1 });
    assert.deepEqual((await post("door/a", '{"v":2}')).answer, { appended: 1 });
  });

  test("what repeats a reading that was lost is no repeat", async () => {
    log.failure = new TidemarkError("log-full", "Cannot append: full");
    assert.equal((await post("door/c", '{"v":1}')).status, 429);
    log.failure = null;
    assert.deepEqual((await post("door/c", '{"v":1}')).answer, { appended: 1 });
  });

  test("a repeat is answered when what it repeats is durable", async () => {
    let durable = (): void => {};
    log.hold = new Promise((resolve) => {
      durable = resolve;
    });
    const answered: string[] = [];
    const first = post("door/d", '{"v":1}').then(() => answered.push("first"));
    await app.inject("/livez");
    const second = post("door/d", '{"v":1}').then(() => answered.push("second"));
    await app.inject("/livez");
    assert.deepEqual(answered, []);
    durable();
    await Promise.all([first, second]);
    log.hold = Promise.resolve();
  });

  test("what cannot be read is said, counted, and kept with its last payload", async () => {
    const { status, answer } = await post("boiler%20room", '{"t":"warm","at":1}');
    assert.equal(status, 400);
    assert.equal(
      answer.detail,
      'Cannot read a message for "boiler room": t: expected a number, was "warm" (not-a-number)',
    );
    assert.equal((await post("text", '{"v":"21.5"}')).answer.detail.includes('"as": "text" reads it'), true);
    assert.equal((await post("boiler%20room", '{"t":1,"at":"x"}')).status, 400);
    assert.equal((await post("boiler%20room", "{")).status, 400);
    const mixed = '[{"n":"a","v":1},{"n":"b","v":1e200}]';
    const found = await post("senml", mixed);
    assert.deepEqual([found.status, found.answer.appended, found.answer.rejected], [200, 1, 1]);
    const { items } = (await app.inject("/doors")).json();
    const problem = items[0].problems.find(({ code }: { code: string }) => code === "not-a-number");
    assert.deepEqual([problem.map, problem.count, problem.payload], ["text", 1, '{"v":"21.5"}']);
    assert.ok(items[0].counts.refused >= 5);
  });

  test("a name that no map has is listed, with a map that would fit and takes the next one", async () => {
    const body = '{"name":"cellar","when":"2026-01-31T12:00:00Z","celsius":12.5}';
    assert.equal((await post("cellar", body)).status, 404);
    assert.equal((await post("cellar", body)).status, 404);
    const { items } = (await app.inject("/unrouted")).json();
    const [{ map, last, ...rest }] = items;
    assert.deepEqual(rest, { door: "in", topic: "cellar", count: 2 });
    assert.equal(last.payload, body);
    const other = await openFixture({}, openEngine(), [map]);
    const taken = await other.app.inject({ method: "POST", url: "/in/cellar", payload: body });
    assert.equal(taken.body, '{"appended":1}');
    assert.equal(other.log.appends[0].topic, "celsius");
    await other.app.close();
  });

  test("a message of a known device in which nothing is read is passed over, and named", async () => {
    const before = (await app.inject("/doors")).json().items[0].counts.passed;
    const meter = '{"Time":"2026-01-31T12:00:00","MT681":{"Total_in":7}}';
    assert.deepEqual((await post("tasmota", meter)).answer, { appended: 0, passed: 1 });
    assert.deepEqual((await post("tasmota", " ")).answer, { appended: 0, passed: 1 });
    const { counts, passedOver } = (await app.inject("/doors")).json().items[0];
    assert.equal(counts.passed, before + 2);
    const { map, code, count, payload } = passedOver[0];
    assert.deepEqual(
      { map, code, count, payload },
      { map: "tasmota", code: "nothing-in-it", count: 1, payload: meter },
    );
  });

  test("nothing is written by HEAD, and nothing without a Content-Length", async () => {
    const before = log.appends.length;
    assert.equal((await app.inject({ method: "HEAD", url: "/in/wunderground?ID=x&tempf=50" })).statusCode, 405);
    assert.equal((await app.inject({ method: "PUT", url: "/in/door", payload: "{}" })).statusCode, 405);
    assert.equal(log.appends.length, before);
  });

  test("a GET of another site's page writes nothing", async () => {
    const ask = async (headers: Record<string, string>) =>
      (await app.inject({ url: "/in/wunderground?ID=x&tempf=50", headers: { host: "localhost:5000", ...headers } }))
        .statusCode;
    assert.equal(await ask({ "sec-fetch-site": "cross-site" }), 403);
    assert.equal(await ask({ "sec-fetch-site": "same-site" }), 403);
    assert.equal(await ask({ referer: "http://localhost:8080/page" }), 403);
    assert.equal(await ask({ referer: "http://localhost:5000/docs", "sec-fetch-site": "same-origin" }), 200);
    assert.equal(await ask({}), 200);
  });

  test("counters", async () => {
    const text = (await app.inject("/metrics")).body;
    assert.match(text, /^tidemark_door_repeats_total\{door="in"\} 1$/m);
    assert.match(text, /^tidemark_door_unrouted_total\{door="in"\} [1-9]/m);
    assert.match(text, /^tidemark_door_open\{door="in"\} 1$/m);
  });
});

test("the token, where senders can put it", async () => {
  const token = "0123456789abcdef";
  const guarded = await openFixture({ token });
  const ask = async (url: string, authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization };
    return (await guarded.app.inject({ url, headers })).statusCode;
  };
  const url = "/in/wunderground?ID=x&tempf=50";
  const basic = (password: string) => `Basic ${Buffer.from(`station:${password}`).toString("base64")}`;
  assert.equal(await ask(url), 401);
  assert.equal(await ask(`${url}&token=${token}`), 200);
  assert.equal(await ask(`${url}&token=${token}x`), 401);
  assert.equal(await ask(url, `Bearer ${token}`), 200);
  assert.equal(await ask(url, basic(token)), 200);
  assert.equal(await ask(url, basic("x")), 401);
  assert.equal(await ask(`/unrouted?token=${token}`), 401, "only where it is needed");
  const stored = guarded.log.appends.flatMap(({ records }) =>
    records.map(({ value }) => Buffer.from(value).toString()),
  );
  assert.ok(stored.length === 3 && stored.every((text) => !text.includes(token)));
  await guarded.app.close();
});
