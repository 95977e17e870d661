/** The live stream as its clients see it, over real sockets. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import {
  FRAME_COMPUTE_MS_MAX,
  HEARTBEAT_MS,
  LIVE_CLIENTS_MAX,
  LIVE_SENSORS_MAX,
  LIVE_TICK_MS,
  STUCK_CLIENT_MS_MAX,
} from "../../src/server/limits.ts";
import { LiveFeed } from "../../src/server/live-feed.ts";
import { Ports } from "../../src/server/ports.ts";
import { EventStream, type LiveEvent, type LiveRow } from "./event-stream.ts";
import { type FixtureOptions, NOON, openFixture } from "./fixture.ts";
import { ScanEngine } from "./scan-engine.ts";

async function open(context: TestContext, options: FixtureOptions = {}) {
  const fixture = await openFixture(options);
  context.after(() => fixture.app.close());
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  return { ...fixture, port };
}

/** The next event that holds only rows as wanted. */
async function nextWith(stream: EventStream, wanted: (row: LiveRow) => boolean): Promise<LiveEvent> {
  let event = await stream.next();
  while (event.rows.length === 0 || !event.rows.every(wanted)) event = await stream.next();
  return event;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

test("first everything, then what changes, each in full", async (context) => {
  const { engine, port, clock } = await open(context);
  engine.totals.set("humidity", { rejected: 2, duplicates: 1 });
  engine.add(
    "temperature",
    [NOON - 61_000, 9],
    [NOON - 59_000, 1],
    [NOON - 58_500, 2],
    [NOON - 500, 6],
    [NOON + 400, 4],
  );
  const stream = await EventStream.open(port);
  assert.match(String(stream.response.headers["content-type"]), /^text\/event-stream/);
  assert.equal(await stream.block(), "retry: 2000");
  const snapshot = await stream.next();
  assert.equal(snapshot.name, "snapshot");
  const alerts = { on: 0, told: 0 };
  assert.deepEqual(snapshot.data, { time: NOON, trouble: null, sensorsTotal: 3, alerts, resumed: false });
  assert.deepEqual(
    snapshot.rows.map(({ sensor }) => sensor),
    ["temperature", "humidity", "pressure"],
  );
  const { sensor, count, mean, min, max, last, lastTime, ageMs, rate, minute, spark } = snapshot.rows[0];
  assert.deepEqual({ sensor, count, mean, min, max }, { sensor: "temperature", count: 5, mean: 4.4, min: 1, max: 9 });
  assert.deepEqual([last, lastTime, ageMs], [4, NOON + 400, -400]);
  assert.deepEqual([rate, minute], [4 / 60, { count: 4, mean: 3.25, min: 1, max: 6 }]);
  const seconds = new Array<number | null>(60).fill(null);
  [seconds[0], seconds[58], seconds[59]] = [1.5, 6, 4];
  assert.deepEqual(spark, seconds);
  const nothing = { count: 0, mean: null, min: null, max: null };
  const { spark: empty, completeUntil, received, rejected, duplicates, ...humidity } = snapshot.rows[1];
  assert.deepEqual([received, rejected, duplicates, completeUntil], [3, 2, 1, null]);
  assert.deepEqual(
    { ...humidity, ...nothing, last: null, lastTime: null, ageMs: null, minute: nothing, rate: 0 },
    humidity,
  );

  engine.add("humidity", [NOON, 50]);
  // Temperature moves by itself, each second.
  const update = await nextWith(stream, ({ sensor }) => sensor === "humidity");
  assert.equal(update.name, "update");
  assert.deepEqual(
    update.rows.map((row) => [row.sensor, row.count, row.last, row.rejected]),
    [["humidity", 1, 50, 2]],
  );

  engine.trouble = "the log cannot be reached";
  clock.advance(61_000); // nothing of the last minute is left: no event comes by itself
  engine.add("temperature", [NOON + 60_400, 8], [NOON - 1000, 3, true]);
  let next = await stream.next();
  while (next.rows[0]?.count !== 7) next = await stream.next();
  assert.equal(next.data.trouble, "the log cannot be reached");
  assert.deepEqual((next.rows[0].spark as unknown[])[58], 8);
  stream.close();
});

test("a row says which seconds changed and why, once, and each cause by itself", async (context) => {
  const { engine, port, clock } = await open(context);
  const stream = await EventStream.open(port);
  assert.deepEqual((await stream.next()).rows[1].changes, []);
  engine.totals.set("humidity", { released: 2 });
  engine.released("humidity", NOON / 1000);
  const { rows } = await nextWith(stream, ({ sensor }) => sensor === "humidity");
  const released = { cause: "released", from: NOON, toExclusive: NOON + 1000 };
  assert.deepEqual([rows[0].changes, rows[0].released], [[released], 2]);
  engine.add("humidity", [NOON, 50], [NOON + 3000, 51], [NOON - 86_400_000, 7, true]);
  const next = await nextWith(stream, ({ sensor, count }) => sensor === "humidity" && count === 3);
  assert.deepEqual(next.rows[0].changes, [
    { cause: "reading", from: NOON, toExclusive: NOON + 4000 },
    { cause: "late", from: NOON - 86_400_000, toExclusive: NOON - 86_399_000 },
  ]);
  clock.advance(1000);
  assert.deepEqual((await nextWith(stream, ({ ageMs }) => ageMs === -2000)).rows[0].changes, []);
  stream.close();
});

test("a sensor that is added joins the stream at once, and the lists with it", async (context) => {
  const { engine, port } = await open(context);
  const stream = await EventStream.open(port);
  assert.equal((await stream.next()).data.sensorsTotal, 3);
  engine.appear("vibration");
  const { data, rows } = await nextWith(stream, ({ sensor }) => sensor === "vibration");
  assert.equal(data.sensorsTotal, 4);
  assert.equal(rows[0].count, 0);
  assert.match(await (await fetch(`http://127.0.0.1:${port}/sensors`)).text(), /"sensor":"vibration","followed":true/);
  stream.close();
});

test("the topic of line protocol is no sensor to look at, before a line cannot be read", async (context) => {
  const { engine, port } = await open(context);
  engine.appear("influx");
  const stream = await EventStream.open(port);
  const snapshot = await stream.next();
  assert.equal(snapshot.data.sensorsTotal, 3);
  assert.ok(snapshot.rows.every(({ sensor }) => sensor !== "influx"));
  engine.totals.set("influx", { rejected: 1 });
  engine.add("influx");
  const { data, rows } = await nextWith(stream, ({ sensor }) => sensor === "influx");
  assert.equal(data.sensorsTotal, 4);
  assert.equal(rows[0].rejected, 1);
  stream.close();
});

test("a page of a configured other site may listen", async (context) => {
  const { port } = await open(context, { corsOrigins: ["https://grafana.example"] });
  const stream = await EventStream.open(port, { origin: "https://grafana.example" });
  assert.equal(stream.response.headers["access-control-allow-origin"], "https://grafana.example");
  assert.match(String(stream.response.headers["content-type"]), /^text\/event-stream/);
  assert.equal((await stream.next()).name, "snapshot");
  stream.close();
});

test("any number of changes at one time are one event, for all clients", async (context) => {
  const { engine, port, clock } = await open(context);
  clock.set(NOON + 3_600_000); // the last minute is empty: nothing moves by itself
  const streams = await Promise.all(Array.from({ length: 5 }, () => EventStream.open(port)));
  for (const stream of streams) assert.equal((await stream.next()).name, "snapshot");
  for (let i = 0; i < 1000; i++) engine.add(i % 2 === 0 ? "temperature" : "pressure", [NOON + i, i]);
  for (const stream of streams) {
    const counts: unknown[] = [];
    let events = 0;
    // One event; two where the first sensor alone took longer than a frame may.
    for (; counts.length < 2; events++) {
      counts.push(...(await stream.next()).rows.map(({ sensor, count }) => [sensor, count]));
    }
    assert.deepEqual(counts, [
      ["temperature", 500],
      ["pressure", 500],
    ]);
    assert.ok(events <= 2);
  }
  engine.add("humidity", [NOON, 1]);
  for (const stream of streams)
    assert.deepEqual(
      (await stream.next()).rows.map(({ sensor }) => sensor),
      ["humidity"],
    );
  for (const stream of streams) stream.close();
});

test("a sensor whose last minute moves comes by itself, a late reading shows in its sparkline", async (context) => {
  const { engine, port, clock } = await open(context);
  engine.add("temperature", [NOON, 5]);
  const stream = await EventStream.open(port);
  assert.equal((await stream.next()).rows[0].rate, 1 / 60);
  engine.add("temperature", [NOON - 30_000, 7, true]);
  const soon = await nextWith(stream, ({ count }) => count === 2);
  assert.deepEqual([soon.rows[0].count, (soon.rows[0].spark as unknown[])[29]], [2, 7]);
  clock.advance(1000);
  const moved = await nextWith(stream, ({ ageMs }) => ageMs === 1000); // a second later, without any change
  assert.deepEqual(
    moved.rows.map(({ sensor }) => sensor),
    ["temperature"],
  );
  assert.deepEqual([moved.rows[0].ageMs, (moved.rows[0].spark as unknown[])[28]], [1000, 7]);
  stream.close();
});

test("only what may have changed is asked for again", async (context) => {
  const { engine, port, clock } = await open(context);
  engine.add("temperature", [NOON, 5]);
  const stream = await EventStream.open(port);
  await stream.next();
  const second = NOON / 1000;
  /** The windows that a frame asks for, when it comes with so many readings. */
  const asked = async (count: number): Promise<string[]> => {
    await nextWith(stream, (row) => row.count === count && row.ageMs === clock.now() - NOON);
    return engine.queries.map(({ start, end }) => `${start - second}…${end - second}`);
  };
  engine.queries = [];
  engine.add("temperature", [NOON, 6]);
  assert.deepEqual(await asked(2), ["0…1", "-59…1", "0…1"], "all, the minute, the second");
  engine.queries = [];
  engine.add("temperature", [NOON - 3_600_000, 6]);
  assert.deepEqual(await asked(3), ["-3600…1"], "an hour ago: the minute stays as it was");
  engine.queries = [];
  clock.advance(1000);
  assert.deepEqual(await asked(3), ["-58…2", "1…2"], "a second on, nothing came: the minute moves by one second");
  stream.close();
});

test("the stream ends with the server, and the server does not wait for it", async (context) => {
  const { app, port, engine } = await open(context);
  const streams = await Promise.all([EventStream.open(port), EventStream.open(port)]);
  for (const stream of streams) await stream.next();
  await app.close();
  for (const stream of streams) assert.equal(await stream.block(), null);
  assert.equal(engine.listeners, 1, "that of the alerts");
});

test("HEAD has no stream; too many clients are told to come back", async (context) => {
  const { app, port } = await open(context);
  const head = await app.inject({ method: "HEAD", url: "/live" });
  assert.equal(head.statusCode, 200);
  assert.match(String(head.headers["content-type"]), /^text\/event-stream/);
  const streams = [];
  for (let i = 0; i < LIVE_CLIENTS_MAX; i++) streams.push(await EventStream.open(port));
  const refused = await EventStream.open(port);
  assert.equal(refused.response.statusCode, 503);
  assert.equal(refused.response.headers["retry-after"], "1");
  streams[0].close();
  let again = await EventStream.open(port);
  while (again.response.statusCode !== 200) {
    again.close();
    again = await EventStream.open(port);
  }
  for (const stream of [...streams, again, refused]) stream.close();
});

test("when the engine cannot be read the clients are cut, and only a bug is reported as one", async (context) => {
  const { port, engine, bugs } = await open(context);
  const failures = [new TidemarkError("history-corrupt", "Cannot read page 5"), new Error("BUG: count=-1")];
  for (const failure of failures) {
    const stream = await EventStream.open(port);
    await stream.next();
    engine.failure = failure;
    engine.changed("temperature");
    await assert.rejects(stream.next(), /aborted/);
    engine.failure = null;
  }
  assert.deepEqual(bugs, [failures[1]]);
});

const ALL = { sensors: null, lastEventId: null };

/** A feed of its own with a door, for what has to be looked at from the inside. */
async function openFeed(context: TestContext, engine: ScanEngine) {
  const feed = new LiveFeed(engine, new ManualClock(NOON), (error) => {
    throw error;
  });
  const responses: ServerResponse[] = [];
  const ports = new Ports((_request, response) => {
    responses.push(response);
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(feed.greeting(ALL));
    feed.join(response, ALL);
  }, false);
  context.after(() => {
    feed.close();
    return ports.close();
  });
  const [{ port }] = await ports.open({ hosts: ["127.0.0.1"], port: 0 });
  return { feed, responses, port, ports };
}

test("who does not read loses frames, not memory, and is told all of them in one once it reads again", async (context) => {
  const sensors = Array.from({ length: 10 }, (_, i) => `${i}-${"x".repeat(100_000)}`); // frames of a megabyte that cost little
  const engine = new ScanEngine(sensors);
  const { feed, responses, port } = await openFeed(context, engine);
  const slow = await EventStream.open(port);
  const fast = await EventStream.open(port);
  const [behind] = responses;
  let largest = 0;
  let longest = 0;
  let frames = 0;
  await fast.next();
  for (; feed.counts.framesDropped < 10; frames++) {
    engine.add(sensors[0], [NOON + 1000 * frames, frames]);
    for (const sensor of sensors.slice(1)) engine.add(sensor);
    longest = Math.max(longest, JSON.stringify(await nextWith(fast, ({ sensor }) => sensor !== "")).length);
    largest = Math.max(largest, behind.writableLength);
  }
  assert.ok(largest <= 3 * longest, `${largest} bytes waited, a frame has ${longest}`);
  assert.equal((await slow.next()).name, "snapshot");
  let events = 0;
  let [count, reported] = [0, NOON];
  while (count < frames) {
    const [row] = (await slow.next()).rows.filter(({ sensor }) => sensor === sensors[0]);
    engine.changed(sensors[1]); // frames go on, one of which finds it drained
    if (row === undefined) continue;
    events++;
    assert.ok(Number(row.count) > count, "older than what was told before");
    count = Number(row.count);
    for (const { from, toExclusive } of row.changes) {
      assert.equal(from, reported, "a second was left out, or told twice");
      reported = toExclusive;
      assert.equal(toExclusive, NOON + 1000 * count, "numbers and ranges are of one moment");
    }
  }
  assert.equal(reported, NOON + 1000 * frames);
  assert.ok(events <= frames - 9, `${events} of ${frames} frames were sent`);
  slow.close();
  fast.close();
  await until(() => feed.counts.clients === 0);
});

test("heartbeats for the quiet, an end for the stuck", async (context) => {
  const engine = new ScanEngine();
  const { feed, responses, port } = await openFeed(context, engine);
  context.mock.timers.enable({ apis: ["setInterval"] });
  let now = performance.now();
  context.mock.method(performance, "now", () => now);
  const stream = await EventStream.open(port);
  await stream.next();
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += LIVE_TICK_MS) {
      now += LIVE_TICK_MS;
      context.mock.timers.tick(LIVE_TICK_MS);
    }
  };
  pass(HEARTBEAT_MS);
  const beat = await stream.next();
  assert.deepEqual([beat.name, beat.rows], ["update", []]);

  const stuck = connect(port, "127.0.0.1");
  stuck.write("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  stuck.pause();
  await until(() => responses.length === 2);
  const [, response] = responses;
  assert.equal(response.write("x".repeat(10_000_000)), false); // and nothing of it is read, nor written, while the time passes
  const closed = new Promise((resolve) => response.once("close", resolve));
  pass(STUCK_CLIENT_MS_MAX);
  assert.equal(response.destroyed, false);
  pass(2 * LIVE_TICK_MS);
  await closed;
  assert.equal(feed.counts.clients, 1);
  stuck.destroy();
  stream.close();
  context.mock.timers.reset();
});

test("a frame that costs too much goes on in the next, and nobody is left out", async (context) => {
  const sensors = Array.from({ length: LIVE_SENSORS_MAX + 5 }, (_, i) => `s${i}`);
  class SlowEngine extends ScanEngine {
    override status(sensor: string) {
      const end = performance.now() + FRAME_COMPUTE_MS_MAX / 4;
      while (this.listeners > 0 && performance.now() < end);
      return super.status(sensor);
    }
  }
  const engine = new SlowEngine(sensors);
  const { port } = await openFeed(context, engine);
  const stream = await EventStream.open(port);
  const snapshot = await stream.next();
  assert.equal(snapshot.rows.length, LIVE_SENSORS_MAX);
  assert.equal(snapshot.data.sensorsTotal, LIVE_SENSORS_MAX + 5);
  engine.changed(...sensors.slice(0, 12), ...sensors.slice(-5));
  const seen: string[] = [];
  let events = 0;
  while (seen.length < 12) {
    seen.push(...(await stream.next()).rows.map(({ sensor }) => sensor));
    events++;
  }
  assert.deepEqual(seen, sensors.slice(0, 12));
  assert.ok(events > 1);
  stream.close();
});
