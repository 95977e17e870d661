/** Values of a window: at most 2,048 bins of the finest width that fits, whatever the order and grouping; exact while no bit is dropped. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import { BINS_MAX } from "../../src/core/limits.ts";
import { Random } from "../../src/core/random.ts";
import { Distribution } from "../../src/metrics/distribution.ts";
import { shareOf } from "../../src/metrics/share.ts";

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

/** The percentile of sorted values as an exact fraction, without rounding: the integer part, and the rest in parts of the denominator. */
function exactly(
  sorted: readonly number[],
  percent: string,
): { low: number; high: number; part: number; whole: number } {
  const [whole, places = ""] = percent.split(".");
  const denominator = 100n * 10n ** BigInt(places.length);
  const product = BigInt(sorted.length - 1) * BigInt(whole + places);
  const index = Number(product / denominator);
  const part = Number(product % denominator);
  return { low: sorted[index], high: sorted[part === 0 ? index : index + 1], part, whole: Number(denominator) };
}

const quantile = (distribution: Distribution, percent: string, sorted: readonly number[]): number | null =>
  distribution.quantile(shareOf(percent), sorted[0], sorted[sorted.length - 1]);

test("no value, one value, two values", () => {
  assert.equal(distributionOf([]).quantile(shareOf("50"), Infinity, -Infinity), null);
  assert.equal(distributionOf([]).interval(shareOf("50"), Infinity, -Infinity), null);
  for (const p of ["0", "30", "100"]) assert.equal(quantile(distributionOf([7.25]), p, [7.25]), 7.25);
  assert.equal(quantile(distributionOf([1, 2]), "50", [1, 2]), 1.5);
  assert.equal(quantile(distributionOf([1, 1, 1, 5]), "50", [1, 5]), 1);
});

test("2,048 distinct values are exact, one more drops bits, and 10,000 readings of few values stay exact", () => {
  const values = Array.from({ length: BINS_MAX }, (_, i) => i * 1.5);
  assert.equal(distributionOf(values).dropped, 0);
  assert.ok(distributionOf([...values, -1]).dropped > 0);
  assert.equal(distributionOf(Array.from({ length: 10_000 }, (_, i) => i % 101)).dropped, 0);
});

test("as many bins as there may be are used: an octave of 4,096 integers is 2,048 pairs", () => {
  const octave = distributionOf(Array.from({ length: 4096 }, (_, i) => 4096 + i));
  const { keys, counts } = octave.sorted();
  assert.deepEqual([keys.length, Math.min(...counts), Math.max(...counts)], [BINS_MAX, 2, 2]);
  assert.deepEqual(octave.interval(shareOf("50"), 4096, 8191), [6143, 6145]);
});

describe("percentiles of exact counts are the double nearest to the exact one", () => {
  test("of 0 … 100 every whole percentile is itself", () => {
    const values = Array.from({ length: 101 }, (_, i) => i);
    for (let p = 0; p <= 100; p++) assert.equal(quantile(distributionOf(values), String(p), values), p);
  });

  test("of steps of 1.5, and between neighbours", () => {
    const values = Array.from({ length: 1024 }, (_, i) => i * 1.5);
    for (const [p, wanted] of [
      ["5", 76.725],
      ["10", 153.45],
      ["11", 168.795],
      ["90", 1381.05],
      ["95", 1457.775],
      ["99", 1519.155],
    ] as const) {
      assert.equal(quantile(distributionOf(values), p, values), wanted);
    }
    assert.equal(quantile(distributionOf([0.1, 0.2]), "50", [0.1, 0.2]), 0.15000000000000002);
    assert.equal(quantile(distributionOf([-0.3, 0.1]), "25", [-0.3, 0.1]), -0.19999999999999998);
    assert.equal(quantile(distributionOf([1e-140, 1e150]), "0.000000000001", [1e-140, 1e150]), 9.999999999999999e135);
    assert.equal(quantile(distributionOf([0, 3]), "33.333333333333", [0, 3]), 0.99999999999999);
  });

  test("ranks past 2^53 are exact", () => {
    const distribution = new Distribution();
    distribution.add(1, 2 ** 52);
    distribution.add(2, 2 ** 52);
    // Half of 2^53 - 1 readings' steps lies in the middle between the last 1 and the first 2.
    assert.equal(distribution.quantile(shareOf("50.000000000000"), 1, 2), 1.5);
    assert.equal(distribution.quantile(shareOf("49.999999999999"), 1, 2), 1);
    assert.equal(distribution.quantile(shareOf("50.000000000001"), 1, 2), 2);
  });
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
    assert.equal(distribution.quantile(shareOf("0"), 1, 7), 1);
    assert.equal(distribution.quantile(shareOf("50"), 1, 7), 7);
  }
});

test("entries of every length are read, of decimals and bins: gaps and counts at the ends of a varint's bytes, either side of zero", () => {
  const gaps = [1, 2, 3, 4, 126, 127, 128, 130, 131, 132, 16_383, 16_384, 16_386, 16_387, 16_388, 2 ** 21, 2 ** 21 + 1];
  const counts = [...gaps, 31, 32, 33, 4095, 4096, 4097, 2 ** 19 - 1, 2 ** 19, 2 ** 19 + 1, 2 ** 29];
  for (const [unit, length] of [
    [0.1, 17],
    [2 ** -24, 2500],
    [-(2 ** -24), 2500],
  ]) {
    const written = new Distribution();
    let code = 0;
    for (let i = 0; i < length; i++) {
      code += gaps[i % gaps.length];
      written.add(Math.sign(unit) + code * unit, counts[i % counts.length]);
    }
    assert.equal(written.dropped > 0, length > BINS_MAX);
    for (const isWide of [false, true]) {
      const read = new Distribution(isWide);
      for (let times = 0; times < 3; times++) read.mergeEncoded(new ByteReader(written.encoded()));
      const { keys, counts: tripled } = read.sorted();
      assert.deepEqual(keys, written.sorted().keys, `${unit}`);
      assert.deepEqual(
        tripled.map((count) => count / 3),
        written.sorted().counts,
        `${unit}`,
      );
    }
  }
});

test("so are counts of a bin, and they survive more bins and wider ones", () => {
  const random = new Random(9);
  const many = Array.from({ length: 5000 }, () => random.next());
  const add = (distribution: Distribution, order: readonly number[]): Distribution => {
    for (const value of order) distribution.add(value, 2 ** 31);
    return distribution;
  };
  const singly = add(new Distribution(), many);
  const merged = add(new Distribution(), many.slice(0, 2500));
  merged.merge(add(new Distribution(), many.slice(2500).toReversed()));
  assert.deepEqual(bytesOf(merged), bytesOf(singly));
  assert.equal(singly.count, 5000 * 2 ** 31);
  assert.equal(
    singly.sorted().counts.reduce((sum, count) => sum + count, 0),
    singly.count,
  );
  assert.ok(singly.sorted().counts.some((count) => count > 2 ** 32));
});

const KINDS: Record<string, (random: Random) => number> = {
  integers: (random) => random.integer(0, 100),
  decimals: (random) => random.integer(-100_000, 100_000) / 100,
  negative: (random) => -Math.exp(random.next() * 20),
  "temperatures with one place": (random) => random.integer(-50, 400) / 10,
  "far from 0, close together": (random) => 1_000_000 + random.integer(0, 90_000) / 1000,
  "around 0, all bits": (random) => random.next() - 0.5,
  "two clusters and zeros": (random) =>
    random.pick([0, 50 + random.integer(-800, 800) / 1e4, -1013.25 - random.integer(0, 4000) / 100]),
  "floats of 32 bits": (random) => Math.fround(20 + random.next()),
  "integers, seldom a half": (random) => random.integer(0, 90) + (random.chance(0.02) ? 0.5 : 0),
  "three places, seldom a large one": (random) =>
    random.chance(0.002) ? random.integer(0, 9) * 1e7 : random.integer(-300, 300) / 1000,
  "spans of just over and under the table": (random) => random.integer(0, 2047 + random.integer(0, 1)),
  "powers of ten": (random) => random.pick([1, -1]) * 10 ** random.integer(-6, 16),
  "nearly one value": (random) => 1e15 + random.integer(0, 40_000) / 8,
  "closer than bins can be": (random) => 1 + random.integer(0, 2 ** 20) * 2 ** -52,
  wide: (random) => (random.next() - 0.5) * 2 ** random.integer(-300, 300),
  "every exponent": (random) => random.pick([1, -1]) * 2 ** random.integer(-460, 490) * (1 + random.next()),
};

/** Puts the values together by a random tree: columns, single values, merges of objects and of bytes. */
function grown(random: Random, values: readonly number[]): Distribution {
  const distribution = new Distribution(random.chance(0.5));
  if (values.length < 40 || random.chance(0.2)) {
    if (random.chance(0.5)) distribution.addColumn(Float64Array.from(values), 0, values.length);
    else for (const value of values) distribution.add(value, 1);
    return distribution;
  }
  const cuts = Array.from({ length: random.integer(1, 4) }, () => random.integer(0, values.length)).sort(
    (a, b) => a - b,
  );
  const parts = [0, ...cuts].map((from, i) => grown(random, values.slice(from, cuts[i] ?? values.length)));
  for (const part of parts) {
    if (random.chance(0.5)) distribution.merge(part);
    else distribution.mergeEncoded(new ByteReader(part.encoded()));
  }
  return distribution;
}

function shuffled(random: Random, values: readonly number[]): number[] {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

const PERCENTS = ["0", "0.1", "1", "25", "29", "50", "75", "90", "99.9", "99.99999", "100"];

for (const [kind, next] of Object.entries(KINDS)) {
  test(`${kind}: the same bytes and answers in any order and by any plan of merging; the interval holds the exact percentile`, () => {
    const random = new Random(4);
    for (const size of [5, 900, 2600, 9000]) {
      const values = Array.from({ length: size }, () => next(random));
      const whole = distributionOf(values);
      const expected = bytesOf(whole);
      const counted = new Map<number, number>();
      for (const value of values) counted.set(value, (counted.get(value) ?? 0) + 1);
      assert.equal(whole.dropped === 0, counted.size <= BINS_MAX);
      if (whole.dropped === 0) {
        const { keys, counts } = whole.sorted();
        assert.deepEqual(
          [...keys].map((key, i) => [key, counts[i]]),
          [...counted].toSorted(([a], [b]) => a - b),
        );
      } else assertFinest(whole, [...counted.keys()]);
      for (let plan = 0; plan < 6; plan++) {
        const other = grown(random, shuffled(random, values));
        assert.deepEqual(bytesOf(other), expected);
        assert.equal(other.count, size);
      }
      const sorted = values.toSorted((a, b) => a - b);
      const [min, max] = [sorted[0], sorted[size - 1]];
      let before = Number.NEGATIVE_INFINITY;
      for (const percent of PERCENTS) {
        const { low, high, part, whole: denominator } = exactly(sorted, percent);
        const got = whole.quantile(shareOf(percent), min, max);
        const interval = whole.interval(shareOf(percent), min, max);
        assert.ok(got !== null && interval !== null);
        const note = `${kind}, ${size} readings, p${percent}: ${got} in ${interval}, exactly between ${low} and ${high}`;
        assert.ok(interval[0] <= got && got <= interval[1], note);
        assert.ok(before <= got, note);
        before = got;
        if (low === high) assert.ok(interval[0] <= low && low <= interval[1], note);
        else {
          const about = low + (high - low) * (part / denominator);
          const slack = Math.abs(about) * 2 ** -50;
          assert.ok(interval[0] <= about + slack && about - slack <= interval[1], note);
        }
        if (whole.dropped === 0) assert.deepEqual(interval, [got, got]);
        if (percent === "0") assert.equal(got, min);
        if (percent === "100") assert.equal(got, max);
      }
    }
  });
}

/** A random walk that is drawn back to its centre, as a sensor's values are. */
function walk(random: Random, length: number, centre: number, step: number, places: number, back: number): number[] {
  let at = centre;
  return Array.from({ length }, () => {
    const gauss = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    at += gauss * step - back * (at - centre);
    return Number(at.toFixed(places));
  });
}

const NARROW: Record<string, (random: Random) => number[]> = {
  "hertz around 50": (random) => walk(random, 20_000, 50, 0.004, 4, 0.02),
  "pascal around 101,325": (random) => walk(random, 20_000, 101_325, 4, 1, 0.0005),
  "kelvin around 293.15": (random) => walk(random, 20_000, 293.15, 0.05, 3, 0.001),
  "hPa around 1,010": (random) => walk(random, 100_000, 1010, 0.1, 2, 0.0001),
  "°C around 0": (random) => walk(random, 100_000, 0, 0.1, 2, 0.0001),
  "doubles around 1,000": (random) => Array.from({ length: 20_000 }, () => 999.5 + random.next()),
};

for (const [kind, make] of Object.entries(NARROW)) {
  test(`${kind}: each percentile is off by less than 0.1% of the readings`, () => {
    const values = make(new Random(11));
    const sorted = values.toSorted((a, b) => a - b);
    const distribution = distributionOf(values);
    const count = (below: (value: number) => boolean): number => sorted.filter(below).length;
    for (let p = 1; p < 100; p += 2) {
      const got = quantile(distribution, String(p), [sorted[0], sorted[sorted.length - 1]]);
      assert.ok(got !== null);
      const rank = ((sorted.length - 1) * p) / 100;
      // Between the readings below it and those that are not above it, its rank is right.
      const off = Math.max(0, count((v) => v < got) - 1 - rank, rank - count((v) => v <= got));
      assert.ok(off < 0.001 * sorted.length, `p${p} is ${got}, off by ${off} readings`);
    }
  });
}

/** One bit less dropped would make too many bins; below 12 all are kept. */
function assertFinest(distribution: Distribution, values: readonly number[]): void {
  const { dropped } = distribution;
  const floats = new DataView(new ArrayBuffer(8));
  const binsAt = (bits: number): number =>
    new Set(
      values.map((value) => {
        floats.setFloat64(0, value);
        return floats.getBigUint64(0) >> BigInt(bits);
      }),
    ).size;
  assert.equal(distribution.sorted().keys.length, binsAt(dropped));
  assert.ok(binsAt(dropped) <= BINS_MAX);
  if (dropped > 12) assert.ok(binsAt(dropped - 1) > BINS_MAX);
}

test("what nobody can have written is refused", () => {
  const refuse = (...bytes: number[]): void =>
    assert.throws(() => new Distribution().mergeEncoded(new ByteReader(Uint8Array.from(bytes))), RangeError);
  const read = (...bytes: number[]): Distribution => {
    const distribution = new Distribution();
    distribution.mergeEncoded(new ByteReader(Uint8Array.from(bytes)));
    return distribution;
  };
  // One place; two entries, three readings: 0.1 once, 0.4 twice.
  assert.deepEqual(read(10, 2, 3, 2, 3, 0, 6).encoded(), distributionOf([0.1, 0.4, 0.4]).encoded());
  refuse(10, 2, 4, 2, 3, 0, 6); // another total
  refuse(10, 2, 3, 2, 4, 0, 6); // another span
  refuse(10, 2, 3, 2, 3, 0); // one entry less
  refuse(18, 40, 2, 3, 2, 4, 0, 6);
  refuse(19, 1, 1, 0, 0, 0); // no such tag
  refuse(17, 11, 1, 1, 0, 0, 0); // fewer dropped bits than there may be, and more
  refuse(18, 53, 1, 1, 0, 0, 0);
  refuse(18, 40, 0x81, 0x10, 1, 0, 0, 0); // 2,049 bins
  refuse(9, 2, 0);
});
