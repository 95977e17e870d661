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
