/** The host's clock is set, back or forward, by hours: what waits for an interval waits no longer and no shorter for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { watchTrouble } from "../../src/engine/trouble-watch.ts";
import { Trouble } from "../../src/log/kafka/trouble.ts";
import { Commits } from "../../src/pipeline/commits.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { NOW, reading, withPipeline } from "./running.ts";

const HOUR = 3_600_000;

test("a commit is due after its interval", () =>
  withPipeline({ bounds: { commitIntervalMs: 10_000 } }, async ({ state, db, log, send }) => {
    await send(reading("d", 0, NOW));
    const checkpointer = new Checkpointer(db.file);
    for (const step of [-2 * HOUR, 2 * HOUR]) {
      const clock = new ManualClock(NOW);
      const commits = new Commits({ state, log, checkpointer, clock, stop: new AbortController().signal });
      assert.equal(commits.isDue(), false);
      clock.set(NOW + step);
      assert.equal(commits.isDue(), false, `${step}`);
      clock.advance(9999);
      assert.equal(commits.isDue(), false, `${step}`);
      clock.advance(1);
      assert.equal(commits.isDue(), true, `${step}`);
    }
    await checkpointer.close();
  }));

test("a device that fell silent before the clock was set back holds no mark", () =>
  withPipeline({}, async ({ clock, pipeline, send }) => {
    await send(reading("silent", 0, NOW - 5000));
    await send(reading("living", 0, NOW));
    assert.equal(pipeline.status("temperature").completeUntil, NOW - 5000);
    clock.set(NOW - 2 * HOUR);
    await send(reading("living", 1, NOW + 1000 - 2 * HOUR));
    assert.equal(pipeline.status("temperature").completeUntil, NOW); // the newest that the living one said
  }));

test("a fault of Kafka is told after as long as ever, and how long a trouble lasted is right", (t) => {
  for (const step of [-2 * HOUR, 2 * HOUR]) {
    const clock = new ManualClock(NOW);
    const told: (string | null)[] = [];
    const trouble = new Trouble(clock, (why) => told.push(why));
    trouble.fault("t/0", "no answer");
    clock.set(NOW + step);
    trouble.fault("t/0", "no answer");
    assert.deepEqual(told, []);
    clock.advance(5000);
    trouble.fault("t/0", "no answer");
    assert.deepEqual(told, ["no answer"]);
  }
  t.mock.timers.enable({ apis: ["setInterval"] });
  const clock = new ManualClock(NOW);
  const lines: string[] = [];
  const engine: { trouble: string | null } = { trouble: null };
  const stop = watchTrouble(engine, clock, (line) => lines.push(line));
  engine.trouble = "the disk is full, 12 bytes left";
  t.mock.timers.tick(500);
  engine.trouble = "the disk is full, 10 bytes left";
  clock.set(NOW - 2 * HOUR);
  clock.advance(7000);
  t.mock.timers.tick(500);
  engine.trouble = null;
  t.mock.timers.tick(1000);
  stop();
  assert.deepEqual(lines, [
    "no readings are taken in: the disk is full, 12 bytes left",
    "readings are taken in again, after 7 s; it was: the disk is full, 12 bytes left",
  ]);
});
