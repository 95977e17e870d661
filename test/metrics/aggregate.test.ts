/** Aggregates as bytes: canonical, exact, and refused when they are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import { Random } from "../../src/core/random.ts";
import { Aggregate, ALL_NEEDS, type Needs } from "../../src/metrics/aggregate.ts";
import { decodeAggregate, encodeAggregate } from "../../src/metrics/aggregate-codec.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";

interface Reading {
  readonly second: number;
  readonly ms: number;
  readonly value: number;
  readonly late: number;
}

function bytesOf(aggregate: Aggregate): Uint8Array {
  const out = new ByteWriter();
  encodeAggregate(out, aggregate);
  return out.finish();
}

const decoded = (bytes: Uint8Array): Aggregate => decodeAggregate(new ByteReader(bytes));

/** Of the readings of whole seconds. */
function aggregateOf(readings: readonly Reading[], needs: Needs = ALL_NEEDS): Aggregate {
  const aggregate = new Aggregate(needs);
  for (const { second, ms, value, late } of readings) {
    aggregate.addValues(Float64Array.of(value), 1, needs.sums);
    aggregate.ends(second * 1000 + ms, value, second * 1000 + ms, value);
    aggregate.late += late;
    aggregate.distribution?.add(value, 1);
  }
  aggregate.seconds = new Set(readings.map(({ second }) => second)).size;
  return aggregate;
}

/** The same readings, by second, merged in random groups, some of which have travelled. */
function merged(readings: readonly Reading[], random: Random): Aggregate {
  const bySecond = Map.groupBy(readings, ({ second }) => second);
  let parts = [...bySecond.values()].map((some) => aggregateOf(random.chance(0.5) ? some : some.toReversed()));
  while (parts.length > 1) {
    const [a, b] = [random.integer(0, parts.length - 1), random.integer(0, parts.length - 2)];
    const into = parts[a];
    const rest = parts.toSpliced(a, 1);
    into.merge(random.chance(0.3) ? decoded(bytesOf(rest[b])) : rest[b]);
    rest[b] = random.chance(0.3) ? decoded(bytesOf(into)) : into;
    parts = rest;
  }
  return parts[0];
}

const VALUES: Record<string, (random: Random) => number> = {
  integers: (random) => random.integer(0, 100),
  decimals: (random) => random.integer(-200_000, 400_000) / 100,
  "doubles over all that a reading may be": (random) => (random.next() - 0.5) * 2 ** random.integer(-440, 450),
};

for (const [kind, value] of Object.entries(VALUES)) {
  test(`equal sets give equal bytes, and every metric survives the journey: ${kind}`, () => {
    const random = new Random(kind.length);
    for (const size of [1, 2, 60, 900, 5000]) {
      const readings = Array.from({ length: size }, () => ({
        second: random.integer(-3000, 3000),
        ms: random.integer(0, 999),
        value: value(random) + 0,
        late: random.integer(0, 1),
      }));
      const whole = aggregateOf(readings);
      const bytes = bytesOf(whole);
      for (let i = 0; i < 4; i++) assert.deepEqual(bytesOf(merged(readings, random)), bytes, `${size} readings`);
      const again = decoded(bytes);
      assert.deepEqual(bytesOf(again), bytes);
      for (const name of [...METRICS.map((metric) => metric.name), "p0.1", "p90", "p99.99"]) {
        const metric = findMetric(name);
        assert.equal(metric?.read(again, 10), metric?.read(whole, 10), name);
      }
      assert.equal(again.late, whole.late);
    }
  });
}

test("sums that no three doubles hold travel exactly", () => {
  const values = [1e150, 1, -1e150, 2 ** -460, 3e-140, 1e100, 7];
  const readings = values.map((value, second) => ({ second, ms: 0, value, late: 0 }));
  const rest = [...readings.map((reading) => ({ ...reading, second: reading.second + 10, value: -reading.value }))];
  const aggregate = decoded(bytesOf(aggregateOf(readings)));
  aggregate.merge(decoded(bytesOf(aggregateOf(rest))));
  assert.equal(aggregate.sum(), 0);
  assert.equal(bytesOf(aggregate).length, bytesOf(aggregateOf([...rest, ...readings])).length);
});

test("an empty one is three bytes, and what is left out is not needed", () => {
  assert.deepEqual([...bytesOf(new Aggregate(ALL_NEEDS))], [0x41, 3, 0]);
  const readings = [{ second: 1, ms: 5, value: 2, late: 0 }];
  const plain = decoded(bytesOf(aggregateOf(readings, { sums: false, quantiles: false })));
  assert.deepEqual(plain.needs, { sums: false, quantiles: false });
  const into = aggregateOf(readings, { sums: false, quantiles: false });
  into.merge(plain);
  assert.equal(into.count, 2);
  assert.throws(() => aggregateOf(readings).merge(plain), /BUG: an aggregate of .* cannot go into one of/);
  into.merge(aggregateOf(readings));
  assert.equal(into.count, 3);
});

test("what is no aggregate is refused with a reason, wherever it is cut or changed", () => {
  const readings = Array.from({ length: 50 }, (_, i) => ({ second: i, ms: 0, value: i / 8, late: 0 }));
  const bytes = bytesOf(aggregateOf(readings));
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decoded(bytes.subarray(0, length)), /^RangeError: Cannot read the aggregate at byte 0: /);
  }
  const changed = (at: number, value: number): Uint8Array => bytes.with(at, value);
  assert.throws(() => decoded(changed(0, 0x40)), /its first byte must be 65, was 64/);
  assert.throws(() => decoded(changed(1, 4)), /its flags must be <= 3, were 4/);
  assert.throws(() => decoded(changed(3, 51)), /50 readings in -1 seconds/);
  assert.throws(() => decoded(changed(4, 51)), /51 of them late/);
  const sum = bytes.findIndex((_, at) => String.fromCharCode(...bytes.subarray(at, at + 3)) === "4c9"); // 1225 / 8, odd
  assert.deepEqual([...bytes.subarray(sum - 1, sum + 4)], [3, ..."4c9".split("").map((c) => c.charCodeAt(0)), 5]);
  const far = [...bytes.subarray(0, sum + 3), 0xff, 0xff, 0xff, 0xff, 0x0f, ...bytes.subarray(sum + 4)];
  assert.throws(() => decoded(Uint8Array.from(far)), /a sum with the exponent -2147483648/);
  const random = new Random(8);
  for (let i = 0; i < 3000; i++) {
    const broken = changed(random.integer(0, bytes.length - 1), random.integer(0, 255));
    try {
      decoded(broken);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
});
