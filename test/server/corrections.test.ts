/** Corrections over HTTP on a real server: what they answer, and what all else answers then. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type App, openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { EventStream } from "./event-stream.ts";

const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-corrections-"));
let app: App;

before(async () => {
  const { invocation } = loadConfig(["serve", "--data", directory, "--timezone", "UTC"], {}, "/");
  if (invocation.command !== "serve") throw new Error("not serve");
  app = await openApp({ ...invocation.config, port: 0 });
});

after(async () => {
  await app.close();
  rmSync(directory, { recursive: true });
});

type Json = Record<string, unknown>;

async function post(path: string, body: unknown): Promise<{ status: number; body: Json }> {
  const response = await fetch(`http://127.0.0.1:${app.port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

async function get(path: string): Promise<Json> {
  return (await (await fetch(`http://127.0.0.1:${app.port}${path}`)).json()) as Json;
}

/** Counts and sums of sensors in the hour of the readings. */
async function counts(...sensors: string[]): Promise<Json> {
  const asked = Object.fromEntries(sensors.map((sensor) => [sensor, ["count", "sum"]]));
  const { body } = await post("/compute/metrics", { ...asked, from: "2020-01-13 15", to: "2020-01-13 15" });
  return body;
}

/** Sends readings of the seconds from 15:12 on, and waits until they are counted. */
async function send(sensor: string, boot: string, values: readonly number[]): Promise<void> {
  const before = await total(sensor);
  const lines = values.map((value, i) => {
    return JSON.stringify({ device: "d", boot, sequence: i, value, time: Date.UTC(2020, 0, 13, 15, 12, i) });
  });
  assert.equal((await post(`/readings/${sensor}`, lines.join("\n"))).status, 200);
  while ((await total(sensor)) < before + values.length);
}

async function total(sensor: string): Promise<number> {
  const { items } = await get("/sensors");
  const names = (items as { sensor: string; received: number }[]).filter((item) => item.sensor === sensor);
  return names[0]?.received ?? 0;
}

test("deleted, previewed, listed and undone; right values are sent afterwards", async () => {
  await send("warmth", "a", [1, 2, 3, 4]);
  const asked = { sensor: "warmth", from: "2020-01-13 15:12:01", to: "2020-01-13 15:12:02", by: "anna", reason: "sun" };
  const preview = await post("/corrections/delete", { ...asked, dryRun: true });
  assert.deepEqual(preview.body, {
    preview: {
      readings: 2,
      seconds: 2,
      firstTime: "2020-01-13T15:12:01.000Z",
      lastTime: "2020-01-13T15:12:02.000Z",
      before: { count: 4, mean: 2.5, min: 1, max: 4 },
      after: { count: 2, mean: 2.5, min: 1, max: 4 },
    },
  });
  assert.deepEqual((await get("/corrections"))["items"], []);
  const { at, ...made } = (await post("/corrections/delete", asked)).body["correction"] as Json;
  assert.ok(Date.parse(String(at)) > 0);
  const correction = {
    ...{ number: 1, kind: "delete", sensor: "warmth", to: null, device: null, by: "anna", reason: "sun", undone: null },
    ...{ from: "2020-01-13T15:12:01.000Z", toExclusive: "2020-01-13T15:12:03.000Z", readings: 2 },
  };
  assert.deepEqual(made, correction);
  assert.deepEqual(await counts("warmth"), { result: { warmth: { count: 2, sum: 5 } }, errors: [] });
  await send("warmth", "a", [1, 2, 3, 4]);
  assert.deepEqual(await counts("warmth"), { result: { warmth: { count: 2, sum: 5 } }, errors: [] }, "copies");
  await send("warmth", "b", [0, 20]);
  assert.deepEqual(await counts("warmth"), { result: { warmth: { count: 4, sum: 25 } }, errors: [] });
  assert.equal((await post("/corrections/undo", { number: 1, by: "bert" })).status, 200);
  assert.deepEqual(await counts("warmth"), { result: { warmth: { count: 6, sum: 30 } }, errors: [] });
  const { items } = await get("/corrections?limit=1");
  assert.equal((items as { undone: { by: string } }[])[0].undone.by, "bert");
});

test("a renamed sensor is asked, fed and listed under its names, and no more under one that is taken back", async () => {
  await send("noise", "a", [1, 2]);
  const stream = await EventStream.open(app.port);
  assert.ok((await stream.next()).rows.some(({ sensor }) => sensor === "noise"));
  const { body } = await post("/corrections/rename", { sensor: "noise", to: "loudness" });
  const { number } = body["correction"] as { number: number };
  const both = { noise: { count: 2, sum: 3 }, loudness: { count: 2, sum: 3 } };
  assert.deepEqual(await counts("noise", "loudness"), { result: both, errors: [] });
  while ((await stream.block()) !== null); // it ends: who comes back is told all sensors anew
  const again = await EventStream.open(app.port);
  const names = (await again.next()).rows.map(({ sensor }) => sensor);
  again.close();
  assert.ok(names.includes("loudness") && !names.includes("noise"), String(names));
  for (const [name, boot] of [
    ["noise", "b"],
    ["loudness", "c"],
  ]) {
    const before = await total("loudness");
    assert.equal(
      (await post(`/readings/${name}`, JSON.stringify({ boot, sequence: 1, value: 10, time: "2020-01-13T15:30:00Z" })))
        .status,
      200,
    );
    while ((await total("loudness")) === before);
  }
  assert.deepEqual(await counts("loudness"), { result: { loudness: { count: 4, sum: 23 } }, errors: [] });
  assert.equal((await post("/corrections/rename", { sensor: "warmth", to: "noise" })).status, 409);
  assert.equal((await post("/corrections/undo", { number })).status, 200);
  const unknown = ["Unexpected key loudness in the request body"];
  assert.deepEqual(await counts("noise", "loudness"), { result: { noise: { count: 4, sum: 23 } }, errors: unknown });
});

test("a receipt of devices that there are none of yet claims nothing", async () => {
  await post("/readings/silent", "none");
  const { body } = await post("/readings/silent", '{"device":"d","value":1,"time":"2099-01-01T00:00:00Z"}');
  assert.equal(body["appended"], 1);
  while ((await total("silent")) === 0);
  const asked = { silent: ["max"], from: "2020-01-13", to: "2020-01-13" };
  const answer = await post("/compute/metrics?receipt=true&by=device", asked);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal((answer.body["receipt"] as Json)["completeUntil"], null);
});

test("what cannot be read or done is refused, and says what was expected", async () => {
  const refused: readonly [path: string, body: unknown, status: number, detail: RegExp][] = [
    ["delete", { sensor: "warmth", from: "2020" }, 400, /expected to or toExclusive/],
    ["delete", { sensor: "warmth", to: "2020" }, 400, /from/],
    ["delete", { sensor: "warmth", from: "soon", to: "now" }, 400, /Unreadable time "soon" in from/],
    ["delete", { sensor: "warmth", from: "2021", to: "2020" }, 400, /expected from <= to/],
    ["delete", { sensor: "warmth", from: "2020", to: "2020", timezone: "Mars" }, 400, /timezone/],
    ["delete", { sensor: "attic", from: "2020", to: "2020" }, 404, /expected one of/],
    ["delete", { sensor: "warmth", from: "2020", to: "2020", by: "" }, 400, /by/],
    ["rename", { sensor: "warmth", to: "from" }, 400, /Cannot rename "warmth"/],
    ["rename", { sensor: "warmth", to: "warmth" }, 409, /there is a sensor of that name/],
    ["undo", { number: 1 }, 409, /undone already/],
    ["undo", { number: 99 }, 404, /there is none/],
  ];
  for (const [path, body, status, detail] of refused) {
    const answer = await post(`/corrections/${path}`, body);
    assert.equal(answer.status, status, JSON.stringify([path, body, answer.body]));
    assert.match(String(answer.body["detail"]), detail);
  }
  const empty = await post("/corrections/delete", {
    sensor: "warmth",
    device: "nobody",
    from: "2020",
    to: "2020",
    dryRun: true,
  });
  assert.equal((empty.body["preview"] as Json)["readings"], 0);
});
