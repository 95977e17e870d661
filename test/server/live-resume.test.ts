/** Clients of the live stream that come back, or ask for some sensors only. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EventStream } from "./event-stream.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";
import { ScanEngine } from "./scan-engine.ts";

async function open(context: TestContext): Promise<Fixture & { readonly port: number }> {
  const fixture = await openFixture();
  context.after(() => fixture.app.close());
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  fixture.clock.set(NOON + 3_600_000); // the last minute is empty: nothing moves by itself
  return { ...fixture, port };
}

const SECOND = { cause: "reading", from: NOON, toExclusive: NOON + 1000 };

test("who comes back is told what changed meanwhile, of every sensor as it is now", async (context) => {
  const { engine, port, app } = await open(context);
  engine.add("temperature", [NOON, 1]);
  const first = await EventStream.open(port);
  assert.equal((await first.next()).data.resumed, false);
  engine.add("temperature", [NOON, 2]);
  const { id, rows } = await first.next();
  assert.deepEqual(rows[0].changes, [SECOND]);
  first.close();
  engine.add("humidity", [NOON, 3]);
  engine.add("humidity", [NOON + 5000, 3]);
  engine.add("temperature", [NOON - 9000, 4, true]);
  const late = { cause: "late", from: NOON - 9000, toExclusive: NOON - 8000 };
  for (const again of [
    await EventStream.open(port, { "last-event-id": id }),
    await EventStream.open(port, {}, `/live?after=${id}`),
    await EventStream.open(port, { "last-event-id": id }, "/live?after=other"), // an EventSource keeps its address: the header is newer
  ]) {
    const snapshot = await again.next();
    assert.deepEqual([snapshot.name, snapshot.data.resumed], ["snapshot", true]);
    assert.deepEqual(
      snapshot.rows.map(({ sensor, count, changes }) => [sensor, count, changes]),
      [
        ["temperature", 3, [late]],
        ["humidity", 2, [{ ...SECOND, toExclusive: NOON + 6000 }]],
        ["pressure", 0, []],
      ],
    );
    again.close();
  }
  const { body } = await app.inject("/metrics");
  assert.match(body, /^tidemark_live_resumed_total 3$/m);
  assert.match(body, /^tidemark_live_restarted_total 0$/m);
});

test("an id of another process, or none, is answered with a snapshot that says so", async (context) => {
  const { engine, port, app } = await open(context);
  const other = await open(context);
  const stream = await EventStream.open(other.port);
  const { id } = await stream.next();
  stream.close();
  engine.add("temperature", [NOON, 1]);
  const own = await EventStream.open(port);
  const [run] = (await own.next()).id.split("-");
  own.close();
  for (const unknown of [id, `${run}-99`, `${run}--1`, `${run}-1e0`, "x", `${run}-`]) {
    const again = await EventStream.open(port, { "last-event-id": unknown });
    const snapshot = await again.next();
    assert.deepEqual(
      [snapshot.name, snapshot.data.resumed, snapshot.rows[0].changes],
      ["snapshot", false, []],
      unknown,
    );
    again.close();
  }
  assert.match((await app.inject("/metrics")).body, /^tidemark_live_restarted_total 6$/m);
});

test("only the sensors that were asked for, also those that the stream of all has no room for", async (context) => {
  const { engine, port, app } = await open(context);
  const stream = await EventStream.open(port, {}, "/live?sensor=humidity&sensor=pressure,humidity");
  const snapshot = await stream.next();
  assert.deepEqual(
    snapshot.rows.map(({ sensor }) => sensor),
    ["humidity", "pressure"],
  );
  assert.equal(snapshot.data.sensorsTotal, 3);
  engine.add("temperature", [NOON, 1]);
  engine.add("pressure", [NOON, 2]);
  const { rows } = await stream.next();
  assert.deepEqual(
    rows.map(({ sensor, changes }) => [sensor, changes]),
    [["pressure", [SECOND]]],
  );
  stream.close();
  engine.sensors.add({ name: "attic", followed: false });
  for (const [query, detail] of [
    [
      "sensor=temprature&sensor=humidity,cellar",
      '"temprature", "cellar": expected some of temperature, humidity, pressure, attic',
    ],
    ["sensor=", "0 sensors: expected 1 to 1000"],
  ]) {
    const { statusCode, body } = await app.inject(`/live?${query}`);
    assert.equal(statusCode, 400);
    assert.equal(JSON.parse(body).detail, `Cannot open the live stream of ${detail}`);
  }
});

test("trouble is told though nothing comes in, also where there is no sensor", async (context) => {
  const fixture = await openFixture({}, new ScanEngine([]));
  context.after(() => fixture.app.close());
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const stream = await EventStream.open(port);
  assert.equal((await stream.next()).data.trouble, null);
  fixture.engine.trouble = "the log cannot be reached";
  assert.equal((await stream.next()).data.trouble, "the log cannot be reached");
  fixture.engine.trouble = null;
  assert.equal((await stream.next()).data.trouble, null);
  stream.close();
});

test("no proxy may hold the stream back or change it; HTTP/1.0 (nginx) has it, too", async (context) => {
  const { port } = await open(context);
  const stream = await EventStream.open(port);
  const { headers } = stream.response;
  assert.deepEqual(
    [headers["cache-control"], headers["x-accel-buffering"], headers["transfer-encoding"], headers["content-encoding"]],
    ["no-store, no-transform", "no", "chunked", undefined],
  );
  stream.close();
});
