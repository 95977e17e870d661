/** Requests that are much work: others run meanwhile. Turns of the event loop are counted, as no time is certain on a busy machine. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { TidemarkError } from "../../src/core/errors.ts";
import { RECORD_BYTES_MAX } from "../../src/core/limits.ts";
import { openZone } from "../../src/core/zone.ts";
import { createLookInto } from "../../src/doors/look-into.ts";
import type { SensorStatus } from "../../src/engine/engine.ts";
import type { Answer } from "../../src/metrics/answer.ts";
import { INFLUX_BODY_BYTES_MAX, READINGS_BODY_BYTES_MAX } from "../../src/server/limits.ts";
import { openFixture } from "./fixture.ts";
import { Line, post } from "./line.ts";
import { ScanEngine } from "./scan-engine.ts";

const SENSORS = Array.from({ length: 100 }, (_, i) => `sensor-${i}`);

/** Each of its answers takes more than a quarter of a slice. */
class SlowEngine extends ScanEngine {
  override query(...asked: Parameters<ScanEngine["query"]>): Answer {
    spin();
    return super.query(...asked);
  }
  override status(sensor: string): SensorStatus {
    spin();
    return super.status(sensor);
  }
  override refusal(): TidemarkError | null {
    return null;
  }
  override async admit(): Promise<void> {}
}

function spin(): void {
  for (const end = performance.now() + 1.1; performance.now() < end; );
}

async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  await work();
  clearImmediate(next);
  return turns;
}

async function open(context: TestContext) {
  const engine = new SlowEngine(SENSORS);
  for (const sensor of SENSORS) engine.add(sensor, [Date.UTC(2020, 0, 13), 1]);
  const fixture = await openFixture({ lookInto: createLookInto(openZone("UTC")) }, engine);
  context.after(() => fixture.app.close());
  return { ...fixture, engine };
}

test("questions about many sensors, in front of the framework and in it, and the counters of many", async (context) => {
  const { server, app } = await open(context);
  const body = JSON.stringify(Object.fromEntries(SENSORS.map((sensor) => [sensor, ["mean", "p50"]])));
  const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const line = new Line(port);
  const plain = await turnsOf(async () => {
    line.socket.write(post("/compute/metrics", body));
    const [answer] = await line.answers(1);
    assert.match(answer, /"sensor-99":\{"mean":1,"p50":1\}\},"errors":\[\]\}$/);
  });
  line.socket.destroy();
  assert.ok(plain >= 20, `${plain} turns`);
  for (const [method, url, wanted] of [
    ["POST", "/compute/metrics?receipt=true", /"sensor-99":\{"counted":1/],
    ["GET", "/metrics", /tidemark_readings_counted_total\{sensor="sensor-99"\}/],
  ] as const) {
    const turns = await turnsOf(async () => {
      const payload = method === "POST" ? { payload: body } : {};
      assert.match((await app.inject({ method, url, ...payload })).body, wanted);
    });
    assert.ok(turns >= 20, `${turns} turns of ${url}`);
  }
});

test("bodies of lines that are blank, comments or short, and of records with many keys", async (context) => {
  const { app } = await open(context);
  const lines = ["#\n", "x\n", "a v=1\n"].map((text) => ["/write", text.repeat(INFLUX_BODY_BYTES_MAX / text.length)]);
  const keys = Array.from({ length: 60_000 }, (_, i) => `"k${i}":${i}`).join(",");
  const records = `{${keys}}\n`.repeat(Math.floor(READINGS_BODY_BYTES_MAX / RECORD_BYTES_MAX));
  for (const [url, payload] of [...lines, ["/readings/sensor-1", records]]) {
    const turns = await turnsOf(() => app.inject({ method: "POST", url, payload }));
    const idle = await turnsOf(() => app.inject({ method: "POST", url, payload: "" }));
    assert.ok(turns >= idle + 3, `${turns} turns of ${JSON.stringify(payload.slice(0, 10))}, ${idle} of none`);
  }
});
