/** What holds a sensor's mark back: the log that is not read yet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Unread } from "../../src/pipeline/unread.ts";
import { NOW, reading, withPipeline } from "./running.ts";

test("completeUntil is held back by partitions that are not read to their end, and by nothing else", () =>
  withPipeline({}, async ({ send, state }) => {
    await send(reading("d", 0, NOW), reading("d", 1, NOW));
    const source = state.sources.find("temperature") ?? assert.fail();
    const [partition] = source.partitions;
    const unread = new Unread();
    partition.end = partition.next;
    assert.equal(unread.limit([source]), Number.POSITIVE_INFINITY);
    partition.end = partition.next + 1;
    assert.equal(unread.limit([source]), partition.newest);
    assert.ok(partition.newest <= NOW);
  }));

const line = (host: string): string => `#influx\nroom,host=${host} heat=1 ${NOW}000000`;

test("a sensor that records name is held back by what their topic holds unread", () =>
  withPipeline({ followsAll: true }, async ({ send, state }) => {
    await send(line("a"));
    const named = state.sensors.find("room_heat") ?? assert.fail();
    const feeding = state.sources.feeding(named);
    assert.deepEqual(
      feeding.map(({ topic }) => topic),
      ["temperature"],
    );
    const [partition] = feeding[0].partitions;
    partition.end = partition.next + 1;
    assert.equal(new Unread().limit(feeding), NOW);
    assert.equal(new Unread().lag(feeding), 1);
  }));

test("beside a list of sensors none appears: what names another is rejected", () =>
  withPipeline({}, async ({ send, state, pipeline }) => {
    await send(line("a"), reading("d", 0, NOW));
    assert.deepEqual(
      state.sensors.list().map(({ name }) => name),
      ["temperature"],
    );
    const { received, counted, rejected } = pipeline.status("temperature").totals;
    assert.deepEqual([received, counted, rejected], [2, 1, 1]);
    assert.deepEqual(
      pipeline.listRejections({ limit: 10 }).items.map(({ code }) => code),
      ["sensor-unknown"],
    );
  }));
