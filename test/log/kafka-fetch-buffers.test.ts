/** Record sets' memory: used again only when given back, never lent twice at once, bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { giveBack, lendBytes } from "../../src/log/kafka/fetch-buffers.ts";

test("what was given back is lent again, at its new length", () => {
  const first = lendBytes(1_000_000);
  const second = lendBytes(1_000_000);
  assert.notEqual(first.buffer, second.buffer);
  giveBack(first);
  giveBack(first); // a second time changes nothing
  const third = lendBytes(900_000);
  const fourth = lendBytes(900_000);
  assert.equal(third.buffer, first.buffer);
  assert.equal(third.length, 900_000);
  assert.notEqual(fourth.buffer, first.buffer);
});

test("what was not lent, is short or very long is left to the garbage collector", () => {
  const own = new Uint8Array(1_048_576);
  giveBack(own);
  assert.notEqual(lendBytes(1_048_576).buffer, own.buffer);
  const part = lendBytes(200_000).subarray(10);
  giveBack(part);
  const long = lendBytes(16_000_000);
  giveBack(long);
  const short = lendBytes(100);
  giveBack(short);
  for (let i = 0; i < 20; i++) {
    const next = lendBytes(100_000);
    assert.ok(next.buffer !== part.buffer && next.buffer !== long.buffer && next.buffer !== short.buffer);
  }
});
