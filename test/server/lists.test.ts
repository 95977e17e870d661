/** Sensors, quarantine and rejections: what is listed, and what release and discard do. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { FastifyInstance } from "fastify";
import type { Quarantined, RejectedRecord } from "../../src/engine/engine.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";

let fixture: Fixture;
let app: FastifyInstance;

before(async () => {
  fixture = await openFixture();
  app = fixture.app;
});

after(() => app?.close()); // none when no test of the file was asked for

function quarantined(id: number, sensor: string, time: number): Quarantined {
  const reason = time > NOON ? "ahead" : "before-2000";
  return { id, sensor, device: "küche", boot: null, sequence: id, value: 0.1, time, judgedAgainst: NOON, reason };
}

function rejected(id: number, bytes: Uint8Array, length = bytes.length): RejectedRecord {
  const [sensor, code, reason] = ["humidity", "not-a-number", "the value is not a number"];
  return { id, sensor, partition: 2, offset: 40 + id, reading: 0, code, reason, bytes, length, arrival: NOON };
}

async function list(url: string) {
  const response = await app.inject(url);
  assert.equal(response.statusCode, 200, response.body);
  assert.equal(response.headers["cache-control"], "no-store");
  return response.json();
}

async function post(url: string, payload: string | object, headers: Record<string, string> = {}) {
  // What is injected has no length of its own when it is empty.
  const length = payload === "" ? { "content-length": "0" } : {};
  const response = await app.inject({ method: "POST", url, payload, headers: { ...length, ...headers } });
  return { status: response.statusCode, body: response.json() };
}

test("sensors with their totals and UTC times", async () => {
  fixture.engine.add("temperature", [NOON, 3], [NOON + 1500, 4]);
  const { items, next } = await list("/sensors");
  assert.equal(next, null);
  assert.deepEqual(
    items.map((item: { sensor: string }) => item.sensor),
    ["temperature", "humidity", "pressure"],
  );
  const { counted, received, firstTime, lastTime, lastValue, lastArrival, completeUntil } = items[0];
  assert.deepEqual([counted, received, lastValue], [2, 2, 4]);
  assert.deepEqual([firstTime, lastTime], ["2020-01-13T12:00:00.000Z", "2020-01-13T12:00:01.500Z"]);
  assert.deepEqual([lastArrival, completeUntil], [null, "2020-01-13T12:00:01.500Z"]);
  assert.deepEqual([items[2].firstTime, items[2].counted], [null, 0]);
  const page = await list("/sensors?limit=2");
  assert.deepEqual([page.items.length, page.next], [2, 2]);
  assert.deepEqual((await list(`/sensors?limit=2&after=${page.next}`)).next, null);
});

test("quarantine: paged, by sensor, released and discarded", async () => {
  const { engine } = fixture;
  engine.quarantine = [1, 2, 3, 4, 5].map((id) =>
    quarantined(id, id === 3 ? "pressure" : "humidity", NOON * (id % 2) * 2),
  );
  const first = await list("/quarantine?limit=2");
  assert.deepEqual(
    first.items.map((item: { id: number }) => item.id),
    [1, 2],
  );
  const second = await list(`/quarantine?limit=2&after=${first.next}`);
  assert.deepEqual(
    second.items.map((item: { id: number }) => item.id),
    [3, 4],
  );
  assert.equal((await list("/quarantine?after=4")).next, null);
  const { items } = await list("/quarantine?sensor=pressure");
  const [time, judgedAgainst] = ["2070-01-25T00:00:00.000Z", "2020-01-13T12:00:00.000Z"];
  assert.deepEqual(items, [{ ...quarantined(3, "pressure", NOON * 2), time, judgedAgainst }]);

  assert.deepEqual(await post("/quarantine/release", { ids: [1, 3, 3, 77] }), {
    status: 200,
    body: { asked: 3, released: 2 },
  });
  assert.equal(engine.status("pressure").totals.counted, 1);
  // As curl sends it when nobody says otherwise.
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.deepEqual(await post("/quarantine/discard", '{"ids":[2,4,],}', form), {
    status: 200,
    body: { asked: 2, discarded: 2 },
  });
  assert.deepEqual(
    (await list("/quarantine")).items.map((item: { id: number }) => item.id),
    [5],
  );
});

test("released and discarded all at once, of a sensor, of a device", async () => {
  const { engine } = fixture;
  const all = [1, 2, 3, 4, 5].map((id) => quarantined(id, id < 3 ? "pressure" : "humidity", NOON * 2));
  engine.quarantine = all.map((item) => (item.id === 4 ? { ...item, device: "" } : item));
  const left = () => engine.quarantine.map(({ id }) => id);
  assert.deepEqual(await post("/quarantine/release", { sensor: "pressure" }), { status: 200, body: { released: 2 } });
  assert.deepEqual(left(), [3, 4, 5]);
  assert.deepEqual(await post("/quarantine/discard", { sensor: "humidity", device: "" }), {
    status: 200,
    body: { discarded: 1 },
  });
  assert.deepEqual(left(), [3, 5]);
  assert.equal((await post("/quarantine/release", { sensor: "nowhere" })).status, 404);
  for (const body of [
    { all: true, device: "küche" },
    { ids: [3], sensor: "humidity" },
    { all: false },
    { device: 5 },
  ]) {
    assert.equal((await post("/quarantine/release", body)).status, 400, JSON.stringify(body));
  }
  assert.deepEqual(left(), [3, 5]);
  assert.deepEqual((await post("/quarantine/discard", { device: "küche" })).body, { discarded: 2 });
  engine.rejections = [rejected(1, Buffer.from("a")), rejected(2, Buffer.from("b"))];
  const ofDevice = await post("/rejections/discard", { device: "küche" });
  assert.equal(ofDevice.status, 400);
  assert.match(ofDevice.body.detail, /expected one of {"ids":\[…\]}, {"all":true} and {"sensor":…}$/);
  assert.deepEqual((await post("/rejections/discard", { all: true })).body, { discarded: 2 });
});

test("rejections: bytes as text where they are UTF-8, else base64, and labelled", async () => {
  const euro = Buffer.from("€".repeat(1400)); // 4,200 bytes of three each: a cut at 4,096 is within one
  fixture.engine.rejections = [
    rejected(1, Buffer.from('"42"')),
    rejected(2, Buffer.from([0xff, 0x00, 0x41])),
    rejected(3, euro.subarray(0, 4096), euro.length),
    rejected(4, Buffer.from([0x41, 0xc3])),
    rejected(5, new Uint8Array(0)),
  ];
  const { items } = await list("/rejections?sensor=humidity");
  const shown = items.map((item: Record<string, unknown>) => [item.bytesEncoding, item.bytes, item.length, item.cut]);
  assert.deepEqual(shown, [
    ["utf8", '"42"', 4, false],
    ["base64", "/wBB", 3, false],
    ["utf8", "€".repeat(1365), 4200, true],
    ["base64", "QcM=", 2, false],
    ["utf8", "", 0, false],
  ]);
  const { id, sensor, partition, offset, code, reason, arrival } = items[0];
  assert.deepEqual([id, sensor, partition, offset, code], [1, "humidity", 2, 41, "not-a-number"]);
  assert.deepEqual([reason, arrival], ["the value is not a number", "2020-01-13T12:00:00.000Z"]);
  assert.deepEqual(await post("/rejections/release", { ids: [1] }), { status: 200, body: { asked: 1, released: 0 } });
  assert.deepEqual(await post("/rejections/discard", { ids: [1, 2] }), {
    status: 200,
    body: { asked: 2, discarded: 2 },
  });
});

test("what is asked wrongly changes nothing and is a problem", async () => {
  const { engine } = fixture;
  engine.quarantine = [0, 1].map((id) => quarantined(id, "humidity", NOON * 2));
  const bodies: (string | object)[] = [
    "",
    "{",
    "[1]",
    "null",
    "5",
    {},
    { ids: [] },
    { ids: 1 },
    { ids: ["1"] },
    { ids: [true] },
    { ids: [null] },
    { ids: [1.5] },
    { ids: [-1] },
    { ids: [1], more: 1 },
    '{"ids":[1],"__proto__":{"ids":[1]}}',
    { ids: Array.from({ length: 1001 }, (_, i) => i) },
  ];
  for (const body of bodies) {
    const { status, body: answer } = await post("/quarantine/release", body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.deepEqual([answer.code, answer.status], ["request-invalid", 400]);
    assert.match(answer.detail, /^Cannot read the request/);
  }
  for (const path of ["/quarantine/release", "/quarantine/discard", "/rejections/release", "/rejections/discard"]) {
    for (const deep of [
      `{"ids":${"[".repeat(4500)}${"]".repeat(4500)}}`,
      `{"ids":${'{"a":'.repeat(4500)}1${"}".repeat(4500)}}`,
    ]) {
      const answer = await post(path, deep);
      assert.equal(answer.status, 400);
      assert.match(answer.body.detail, /was nested more than 32 deep/);
    }
  }
  assert.equal((await post("/quarantine/release", `{"ids":[${" ".repeat(40_000)}1]}`)).status, 413);
  assert.equal(engine.quarantine.length, 2);
  for (const query of [
    "limit=0",
    "limit=1001",
    "limit=x",
    "limit=-1",
    "limit=1&limit=2",
    "after=1.5",
    "after=",
    "limit=1e2",
  ]) {
    for (const path of ["/quarantine", "/rejections", "/sensors"]) {
      const { statusCode, body } = await app.inject(`${path}?${query}`);
      assert.equal(statusCode, 400, `${path}?${query}: ${body}`);
    }
  }
  const unknown = await app.inject("/rejections?sensor=toString");
  assert.equal(unknown.statusCode, 404);
  assert.match(unknown.json().detail, /expected one of temperature, humidity, pressure$/);
});
