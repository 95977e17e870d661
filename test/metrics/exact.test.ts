/** Exact sums, their one rounding, and variance: against BigInt rationals written here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { ratioToNearest, ZERO } from "../../src/metrics/dyadic.ts";
import { canonicalize } from "../../src/metrics/exact-sum.ts";
import { ExactMoments, roundRational } from "../oracle/exact.ts";

const KINDS: Record<string, (random: Random) => number> = {
  integers: (random) => random.integer(-50, 100),
  decimals: (random) => random.integer(0, 10_000) / 100,
  offset: (random) => 1e9 + random.integer(0, 1000) / 100,
  wide: (random) => (random.next() - 0.5) * 2 ** random.integer(-430, 490),
  cancelling: (random) => (random.chance(0.5) ? 1 : -1) * (random.chance(0.5) ? 1e149 : 3e-139),
};

function aggregateOf(values: readonly number[]): Aggregate {
  const aggregate = new Aggregate(ALL_NEEDS);
  aggregate.addValues(Float64Array.from(values), values.length, true);
  return aggregate;
}

const answers = (a: Aggregate) => [a.sum(), a.mean(), a.variance(0), a.variance(1)];

for (const [kind, next] of Object.entries(KINDS)) {
  test(`${kind}: sum, mean and variances are the exact rationals rounded once, in any order and grouping`, () => {
    const random = new Random(11);
    for (let round = 0; round < 60; round++) {
      const values = Array.from({ length: random.integer(1, 40) }, () => next(random) + 0);
      const moments = new ExactMoments();
      for (const value of values) moments.add(value);
      const expected = answers(aggregateOf(values));
      assert.deepEqual(expected, [moments.sum(), moments.mean(), moments.variance(0), moments.variance(1)]);
      assert.deepEqual(answers(aggregateOf(values.toReversed())), expected);
      const cut = random.integer(0, values.length);
      const merged = aggregateOf(values.slice(cut));
      merged.merge(aggregateOf(values.slice(0, cut)));
      assert.deepEqual(answers(merged), expected);
    }
  });
}

test("a ratio is rounded once, ties to even, down to the subnormals", () => {
  const random = new Random(3);
  for (let i = 0; i < 3000; i++) {
    const bits = random.integer(1, 200);
    const numerator = BigInt(Math.floor(random.next() * 2 ** 53)) << BigInt(bits % 60);
    const denominator = (BigInt(Math.floor(random.next() * 2 ** 53)) + 1n) << BigInt(random.integer(0, 1100));
    assert.equal(ratioToNearest(numerator, denominator), roundRational(numerator, denominator));
  }
  assert.equal(ratioToNearest((1n << 53n) + 1n, 1n), 2 ** 53);
  assert.equal(ratioToNearest((1n << 53n) + 3n, 1n), 2 ** 53 + 4);
  assert.equal(ratioToNearest(1n, 1n << 1074n), 2 ** -1074);
  assert.equal(ratioToNearest(1n, 1n << 1075n), 0);
  assert.equal(ratioToNearest(3n, 1n << 1075n), 2 ** -1073);
});

test("an expansion has one canonical form, ties decided by what lies below", () => {
  const half = 2 ** -53;
  const cases: readonly { parts: number[]; expected: number[] }[] = [
    { parts: [0, 5, 0], expected: [5, 0, 0] },
    { parts: [1e16, 1, 0], expected: [1e16, 1, 0] },
    { parts: [1, 1e16, 0], expected: [1e16, 1, 0] },
    { parts: [1, half, 2 ** -120], expected: [1 + 2 ** -52, -half, 2 ** -120] },
    { parts: [1, half, -(2 ** -120)], expected: [1, half, -(2 ** -120)] },
  ];
  for (const { parts, expected } of cases) {
    const array = Float64Array.from(parts);
    assert.equal(canonicalize(array, 0, 3, ZERO), ZERO);
    assert.deepEqual([...array], expected);
  }
});
