/** What listeners are told of a change: which seconds, and why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "../../src/engine/change.ts";
import { NOW, type Running, reading, withPipeline } from "./running.ts";

const DAY = 86_400_000;

/** What was told since: `cause from…to`, seconds from NOW. */
function listen({ pipeline }: Running): () => string[] {
  const told: Change[] = [];
  pipeline.onChange((changes) => void told.push(...changes));
  return () =>
    told.splice(0).flatMap(({ sensor, ranges }) =>
      ranges.map(({ cause, seconds: { start, end } }) => {
        assert.equal(sensor, "temperature");
        return `${cause} ${start - NOW / 1000}…${end - NOW / 1000}`;
      }),
    );
}

test("seconds of readings, late ones and released ones are told apart", () =>
  withPipeline({}, async (running) => {
    const told = listen(running);
    await running.send(reading("a", 0, NOW), reading("a", 1, NOW + 1000), reading("a", 2, NOW + 2999));
    assert.deepEqual(told(), ["reading 0…3"]);
    await running.send(
      reading("a", 3, NOW + 4000),
      reading("b", 0, NOW - 4_000_000),
      reading("a", 4, NOW + 5000),
      reading("c", 0, NOW - 5_000_000),
    );
    assert.deepEqual(told(), ["reading 4…6", "late -5000…-3999"]);
    await running.send(reading("d", 0, NOW - 6_000_000));
    assert.deepEqual(told(), ["late -6000…-5999"]);
    await running.send(reading("a", 4, NOW + 5000));
    assert.deepEqual(told(), [], "a duplicate changes totals only");
    await running.send(reading("e", 0, NOW + DAY));
    assert.deepEqual(told(), [], "it is held back");
    const { items } = running.pipeline.listQuarantine({ limit: 10 });
    await running.pipeline.releaseQuarantine(items.map(({ id }) => id));
    assert.deepEqual(told(), ["released 86400…86401"]);
  }));

test("seconds that are not kept any more are told with the commit that deletes them, without another reading", () =>
  withPipeline({ keepMs: 10 * DAY }, async (running) => {
    const told = listen(running);
    await running.send(reading("a", 0, NOW - 40 * DAY), reading("a", 1, NOW));
    assert.deepEqual(told(), [`reading ${-40 * 86_400}…1`]);
    await running.pipeline.releaseQuarantine([]); // commits
    assert.deepEqual(told(), [`expired ${-40 * 86_400}…${-10 * 86_400 - 43_200}`]);
  }));
