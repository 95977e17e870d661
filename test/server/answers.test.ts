/** Routes against what they say of themselves: every one says it, and no answer has a field more or less than its schema (the fixture looks at each). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InjectOptions } from "fastify";
import type { Quarantined, RejectedRecord, Standstill } from "../../src/engine/engine.ts";
import { describeApi } from "../../src/server/openapi.ts";
import { type Api, Described } from "./described.ts";
import { NOON, openFixture } from "./fixture.ts";

test("every route says what it does and what it answers", async () => {
  const { app, server } = await openFixture();
  for (const { method, url, schema } of server.routes) {
    assert.match(schema?.summary ?? "", /^[A-Z].*[^.]$/, `${method} ${url}`);
    if (["/", "/docs", "/page/*"].includes(url)) continue; // pages are no part of the API
    assert.ok(schema?.facts?.answer ?? schema?.facts?.otherwise ?? schema?.facts?.empty, `${method} ${url}`);
  }
  await app.close();
});

const QUARANTINED: Quarantined = {
  id: 1,
  sensor: "humidity",
  device: "d",
  boot: null,
  sequence: null,
  value: 1.5,
  time: NOON * 2,
  judgedAgainst: NOON,
  reason: "ahead",
};

const REJECTED: RejectedRecord = {
  id: 2,
  sensor: "humidity",
  partition: 0,
  offset: 7,
  reading: 0,
  code: "not-a-number",
  reason: "the value is not a number",
  bytes: Buffer.from("x"),
  length: 1,
  arrival: NOON,
};

const post = (url: string, payload: string | object): InjectOptions => ({ method: "POST", url, payload });

const STANDSTILL: Standstill = {
  topic: "temperature",
  partition: 0,
  offset: 12,
  waiting: 3,
  since: NOON,
  reason: "unreadable",
  detail: "the batch at offset 12 is damaged",
  resumeAt: 13,
};

const REQUESTS: [status: number, route: string, asked: InjectOptions][] = [
  [200, "/compute/metrics", post("/compute/metrics", { temperature: ["count", "p50"], pressure: ["mean"], more: 1 })],
  [200, "/compute/metrics", post("/compute/metrics?receipt=true", { temperature: ["median"], from: NOON })],
  [400, "/compute/metrics", post("/compute/metrics", { nothing: [] })],
  [413, "/compute/metrics", post("/compute/metrics", "x".repeat(70_000))],
  [200, "/readings/:sensor", post("/readings/temperature", "1\n2")],
  [200, "/readings/:sensor", post("/readings/temperature", "1\nx\n2\n")],
  [400, "/readings/:sensor", post("/readings/temperature", "x")],
  [404, "/readings/:sensor", post("/readings/nowhere", "1")],
  [413, "/readings/:sensor", post("/readings/temperature", "1".repeat(1_100_000))],
  [200, "/sensors", { url: "/sensors" }],
  [400, "/sensors", { url: "/sensors?limit=0" }],
  [200, "/quarantine", { url: "/quarantine" }],
  [200, "/rejections", { url: "/rejections?sensor=humidity&limit=1" }],
  [404, "/rejections", { url: "/rejections?sensor=x" }],
  [200, "/quarantine/release", post("/quarantine/release", { ids: [1] })],
  [400, "/quarantine/release", post("/quarantine/release", { ids: [-1] })],
  [200, "/rejections/discard", post("/rejections/discard", { ids: [1] })],
  [
    200,
    "/sensors/skip",
    { method: "POST", url: "/sensors/skip", payload: { sensor: "temperature", partition: 0, to: 13 } },
  ],
  [
    400,
    "/sensors/skip",
    { method: "POST", url: "/sensors/skip", payload: { sensor: "temperature", partition: 1, to: 13 } },
  ],
  [
    404,
    "/sensors/skip",
    { method: "POST", url: "/sensors/skip", payload: { sensor: "pressures", partition: 1, to: 13 } },
  ],
  [200, "/livez", { url: "/livez" }],
  [200, "/readyz", { url: "/readyz" }],
];

test("answers have the fields of their schemas, all of them and no others", async () => {
  const { app, engine } = await openFixture({
    lookInto: (records) => {
      const faults = records.flatMap(({ value }, record) =>
        Buffer.from(value).toString() === "x" ? [{ record, at: 0, code: "not-a-number", reason: "it is x" }] : [],
      );
      return { readings: records.length - faults.length, rejected: faults.length, faults };
    },
  });
  engine.notices = ["a partition stands still"];
  engine.standstills = [STANDSTILL];
  engine.unreadKeys = [{ key: "timestamp", count: 2, hint: "did you mean `time`?" }];
  engine.repeatedIds = [{ id: "1234", count: 3, hint: "send it as `device`" }];
  engine.add("temperature", [NOON, 1.5], [NOON + 1000, 2]);
  for (const [status, route, asked] of REQUESTS) {
    engine.quarantine = [QUARANTINED];
    engine.rejections = [REJECTED];
    const response = await app.inject(asked);
    const { method = "GET" } = asked;
    assert.equal(response.statusCode, status, `${method} ${route}: ${response.body}`);
  }
  await app.close();
});

test("a field, a status, a type that is not described is a fault", async () => {
  const { app, server } = await openFixture();
  const described = new Described(describeApi(server.routes, null) as unknown as Api);
  const headers = { "content-type": "application/json; charset=utf-8" };
  const list = { method: "GET", url: "/rejections?limit=1", status: 200, headers };
  const body = (item: object) => JSON.stringify({ items: [item], next: null });
  const shown = (await app.inject({ url: "/sensors?limit=1" })).json();
  assert.equal(described.fault({ ...list, url: "/sensors", body: JSON.stringify(shown) }), null);
  const more = { ...shown, items: [{ ...shown.items[0], hidden: 1 }] };
  assert.match(
    described.fault({ ...list, url: "/sensors", body: JSON.stringify(more) }) ?? "",
    /additional properties/,
  );
  assert.match(described.fault({ ...list, body: body({ id: 1 }) }) ?? "", /must have required property/);
  assert.match(described.fault({ ...list, status: 409, body: "{}" }) ?? "", /status 409 is not described/);
  assert.match(described.fault({ ...list, headers: {}, body: "" }) ?? "", /of the type none/);
  assert.match(described.fault({ ...list, url: "/nowhere", body: "{}" }) ?? "", /of what is not described/);
  await app.close();
});
