/** Batches put in the order of their seconds: which are, and that rows of one second stay as they came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { SecondOrder } from "../../src/rollups/by-second.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";

const order = new SecondOrder();

function sorted(times: readonly number[]): number[] | null {
  const { length } = times;
  const values = Float64Array.from({ length }, (_, i) => i);
  const late = Uint8Array.from({ length }, (_, i) => (i % 3) & 1);
  if (!order.sort(new ReadingRun().set(Float64Array.from(times), values, late, length))) return null;
  const { run } = order;
  for (let i = 0; i < length; i++) {
    assert.equal(run.time[i], times[run.value[i]]);
    assert.equal(run.late[i], (run.value[i] % 3) & 1);
  }
  return [...run.value.subarray(0, length)];
}

// Seconds that one, two and three passes tell apart, on both sides of the epoch.
for (const [span, start] of [
  [300, 1_700_000_000_123],
  [2_000_000, -1_000_000_500],
  [2 ** 32 - 1, -2_000_000_000_001],
]) {
  test(`rows over ${span} seconds are sorted by second and stay as they came within one`, () => {
    const random = new Random(span);
    const times = Array.from({ length: 5000 }, () => start + random.integer(0, (span - 1) * 1000));
    times[7] = start;
    times[99] = start + (span - 1) * 1000;
    const second = (row: number): number => Math.floor(times[row] / 1000);
    const expected = times.map((_, row) => row).sort((a, b) => second(a) - second(b) || a - b);
    assert.deepEqual(sorted(times), expected);
  });
}

test("what is nearly in order, short, or spans centuries is taken as it is", () => {
  const steps = Array.from({ length: 1000 }, (_, i) => 1_700_000_000_000 + i * 400);
  assert.equal(sorted(steps), null);
  assert.equal(sorted(steps.with(500, 1_690_000_000_000)), null, "one late reading");
  assert.equal(sorted(steps.slice(0, 50).reverse()), null);
  assert.equal(sorted(steps.with(0, -9_000_000_000_000).reverse()), null);
  assert.notEqual(sorted(steps.toReversed()), null);
});
