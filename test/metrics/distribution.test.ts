/** Values of a window: exact up to 1,024 distinct ones, then a sketch of the same readings, whatever the order and grouping. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import { Random } from "../../src/core/random.ts";
import { Distribution, SKETCH_RELATIVE_ERROR } from "../../src/metrics/distribution.ts";

function distributionOf(values: readonly number[]): Distribution {
  const distribution = new Distribution();
  for (const value of values) distribution.add(value, 1);
  return distribution;
}

function bytesOf(distribution: Distribution): Uint8Array {
  const out = new ByteWriter();
  distribution.encode(out);
  return out.finish();
}

test("no value, one value, two values", () => {
  assert.equal(distributionOf([]).quantile(0.5), null);
  for (const p of [0, 0.3, 1]) assert.equal(distributionOf([7.25]).quantile(p), 7.25);
  assert.equal(distributionOf([1, 2]).quantile(0.5), 1.5);
  assert.equal(distributionOf([1, 1, 1, 5]).quantile(0.5), 1);
});

test("1,024 distinct values are exact, one more is a sketch, and 10,000 readings of few values stay exact", () => {
  const values = Array.from({ length: 1024 }, (_, i) => i * 1.5);
  assert.equal(distributionOf(values).sketched, false);
  assert.equal(distributionOf([...values, -1]).sketched, true);
  assert.equal(distributionOf(Array.from({ length: 10_000 }, (_, i) => i % 101)).sketched, false);
});

test("counts of one value past 32 bits are exact: added singly, as columns, merged, and through encoding", () => {
  const part = (): Distribution => {
    const distribution = distributionOf([1, 2, 2]);
    distribution.add(7, 2 ** 32 - 8);
    return distribution;
  };
  const expected = new Distribution();
  expected.add(1, 2);
  expected.add(2, 4);
  expected.add(7, 2 ** 33 - 16 + 40);
  const sevens = new Float64Array(40).fill(7);
  const singly = part();
  singly.merge(part());
  for (const seven of sevens) singly.add(seven, 1);
  const column = part();
  column.addColumn(sevens, 0, 40);
  column.merge(part());
  const encoded = part();
  encoded.mergeEncoded(new ByteReader(distributionOf([...sevens]).encoded()));
  encoded.mergeEncoded(new ByteReader(part().encoded()));
  const rest = part();
  rest.add(2, 2);
  rest.add(1, 1);
  rest.add(7, 2 ** 32 - 8 + 40);
  for (const distribution of [singly, column, encoded, rest]) {
    assert.deepEqual(bytesOf(distribution), bytesOf(expected));
    assert.equal(distribution.count, expected.count);
    assert.equal(distribution.quantile(0), 1);
    assert.equal(distribution.quantile(0.5), 7);
  }
});

const KINDS: Record<string, (random: Random) => number> = {
  integers: (random) => random.integer(0, 100),
  decimals: (random) => random.integer(-100_000, 100_000) / 100,
  negative: (random) => -Math.exp(random.next() * 20),
  "temperatures with one place": (random) => random.integer(-50, 400) / 10,
  "far from 0, close together": (random) => 1_000_000 + random.integer(0, 90_000) / 1000,
  "integers, seldom a half": (random) => random.integer(0, 90) + (random.chance(0.02) ? 0.5 : 0),
  "three places, seldom a large one": (random) =>
    random.chance(0.002) ? random.integer(0, 9) * 1e7 : random.integer(-300, 300) / 1000,
  "spans of just over and under the table": (random) => random.integer(0, 1023 + random.integer(0, 1)),
  "powers of ten": (random) => random.pick([1, -1]) * 10 ** random.integer(-6, 16),
  wide: (random) => (random.next() - 0.5) * 2 ** random.integer(-300, 300),
};

for (const [kind, next] of Object.entries(KINDS)) {
  test(`${kind}: the same bytes in any order and grouping, through encoding, and quantiles within the bound`, () => {
    const random = new Random(4);
    for (const size of [5, 900, 6000]) {
      const values = Array.from({ length: size }, () => next(random));
      const whole = distributionOf(values);
      const expected = bytesOf(whole);
      assert.deepEqual(bytesOf(distributionOf(values.toReversed())), expected);
      const column = new Distribution();
      const shuffled = Float64Array.from(values.toSorted((a, b) => ((a * 7.3) % 1) - ((b * 7.3) % 1)));
      for (let from = 0, to = 0; from < size; from = to) {
        to = Math.min(size, from + random.integer(1, 700));
        column.addColumn(shuffled, from, to);
      }
      assert.deepEqual(bytesOf(column), expected);
      assert.equal(column.count, size);
      const counted = new Map<number, number>();
      for (const value of values) counted.set(value, (counted.get(value) ?? 0) + 1);
      assert.equal(whole.sketched, counted.size > 1024);
      if (!whole.sketched) {
        const { keys, counts } = whole.sorted();
        assert.deepEqual(
          [...keys].map((key, i) => [key, counts[i]]),
          [...counted].toSorted(([a], [b]) => a - b),
        );
      }
      const merged = distributionOf(values.slice(0, size >> 2));
      merged.merge(distributionOf(values.slice(size >> 2)));
      assert.deepEqual(bytesOf(merged), expected);
      const read = new Distribution();
      read.mergeEncoded(new ByteReader(bytesOf(distributionOf(values.slice(0, size >> 1)))));
      read.mergeEncoded(new ByteReader(bytesOf(distributionOf(values.slice(size >> 1)))));
      assert.deepEqual(bytesOf(read), expected);
      assert.equal(read.count, size);
      const sorted = values.toSorted((a, b) => a - b);
      for (const p of [0, 0.01, 0.5, 0.9, 0.999, 1]) {
        const low = sorted[Math.floor((size - 1) * p)];
        const high = sorted[Math.ceil((size - 1) * p)];
        const got = whole.quantile(p);
        assert.ok(got !== null);
        const slack = whole.sketched ? SKETCH_RELATIVE_ERROR : 0;
        assert.ok(
          got >= low - Math.abs(low) * slack && got <= high + Math.abs(high) * slack,
          `${kind} ${size} p${p}: ${got}`,
        );
      }
    }
  });
}
