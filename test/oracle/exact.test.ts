/** The oracle's arithmetic is the judge of everything else: it is checked against the machine's own division and number parser, and by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ExactMoments, roundRational, takeApart } from "./exact.ts";
import { Seeded } from "./seeded.ts";

const moments = (values: readonly number[]): ExactMoments => {
  const exact = new ExactMoments();
  for (const value of values) exact.add(value);
  return exact;
};

test("a quotient of integers below 2^53 is what the machine divides", () => {
  const random = new Seeded(1);
  for (let i = 0; i < 5000; i++) {
    const a = random.int(-(2 ** random.int(1, 53)) + 1, 2 ** 53 - 1);
    const b = random.int(1, 2 ** random.int(1, 53) - 1);
    assert.equal(roundRational(BigInt(a), BigInt(b)), a / b + 0, `${a} / ${b}`);
  }
});

test("a decimal is what the machine's parser makes of it, subnormal and overflowing ones too", () => {
  const random = new Seeded(2);
  for (let i = 0; i < 5000; i++) {
    const digits = Array.from({ length: random.int(1, 40) }, () => random.int(0, 9)).join("");
    const exponent = random.chance(0.3) ? random.int(-360, -300) : random.int(-330, 310);
    const [top, bottom] = exponent < 0 ? [1n, 10n ** BigInt(-exponent)] : [10n ** BigInt(exponent), 1n];
    const text = `${digits}e${exponent}`;
    assert.equal(roundRational(BigInt(digits) * top, bottom), Number(text), text);
  }
});

test("halves of doubles go to the even one, and the least more or less decides", () => {
  const random = new Seeded(3);
  for (let i = 0; i < 500; i++) {
    const mantissa = 2n ** 52n + BigInt(random.int(0, 2 ** 52 - 1));
    const exponent = random.int(-1074, 900);
    const half = 2n * mantissa + 1n;
    const even = mantissa % 2n === 0n ? mantissa : mantissa + 1n;
    const big = 10n ** 50n;
    const double = (m: bigint): number => Number(m) * 2 ** (exponent / 2) * 2 ** (exponent - exponent / 2);
    const exact = (m: bigint): number => (exponent % 2 === 0 ? double(m) : roundRational(m, 1n, exponent));
    assert.equal(roundRational(half, 2n, exponent), exact(even));
    assert.equal(roundRational(half * big + 1n, 2n * big, exponent), exact(mantissa + 1n));
    assert.equal(roundRational(half * big - 1n, 2n * big, exponent), exact(mantissa));
  }
  assert.equal(roundRational(2n ** 53n + 1n, 1n), 2 ** 53);
  assert.equal(roundRational(2n ** 53n + 3n, 1n), 2 ** 53 + 4);
  assert.equal(roundRational(-(2n ** 53n) - 3n, 1n), -(2 ** 53) - 4);
});

test("the ends of the doubles", () => {
  assert.equal(roundRational(1n, 1n, -1074), 5e-324);
  assert.ok(Object.is(roundRational(1n, 1n, -1075), 0), "half of the smallest is even 0");
  assert.ok(Object.is(roundRational(-1n, 1n, -1075), 0));
  assert.equal(roundRational(1_000_001n, 1_000_000n, -1075), 5e-324);
  assert.equal(roundRational(3n, 1n, -1075), 1e-323);
  assert.equal(roundRational(2n ** 53n - 1n, 2n, -1074), 2.2250738585072014e-308, "up into the normal ones");
  assert.equal(roundRational(2n ** 53n - 3n, 2n, -1074), 2.225073858507201e-308 - 5e-324);
  const most = 2n ** 1024n - 2n ** 970n; // halfway between the largest double and 2^1024
  assert.equal(roundRational(most, 1n), Infinity);
  assert.equal(roundRational(-most, 1n), -Infinity);
  assert.equal(roundRational(most - 1n, 1n), Number.MAX_VALUE);
  assert.equal(roundRational(1n, 1n, 1023), 2 ** 1023);
  assert.equal(roundRational(1n, 1n, 1024), Infinity);
  assert.equal(roundRational(0n, 7n), 0);
  assert.throws(() => roundRational(1n, 0n), RangeError);
});

test("a double taken apart is put together again", () => {
  const random = new Seeded(4);
  const view = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < 2000; i++) {
    view.setUint32(0, random.int(0, 2 ** 32 - 1));
    view.setUint32(4, random.int(0, 2 ** 32 - 1));
    const value = view.getFloat64(0);
    if (!Number.isFinite(value)) continue;
    const { mantissa, exponent } = takeApart(value);
    assert.equal(roundRational(mantissa, 1n, exponent), value);
  }
  assert.throws(() => takeApart(NaN), RangeError);
});

test("sums, means and variances are rounded once", () => {
  assert.equal(moments([0.1, 0.2, 0.3]).sum(), 0.6);
  assert.equal(moments([1e16, 1, -1e16]).sum(), 1);
  assert.equal(moments([1e150, 1e-140, -1e150]).sum(), 1e-140);
  assert.equal(moments(Array.from({ length: 10 }, () => 0.1)).sum(), 1);
  assert.equal(moments(Array.from({ length: 10 }, () => 0.1)).mean(), 0.1);
  assert.equal(moments(Array.from({ length: 1000 }, () => 0.1)).variance(1), 0);
  assert.equal(moments([1e9 + 1, 1e9 + 2, 1e9 + 3]).variance(1), 1);
  assert.equal(moments([1, 2, 3, 4]).variance(1), 5 / 3);
  assert.equal(moments([1, 2, 3, 4]).variance(0), 1.25);
  assert.equal(moments([2 ** 498, -(2 ** 498)]).variance(1), 2 ** 997, "nothing overflows on the way");
  // The squares of doubles near 1e-140 are normal, their difference is subnormal: 2^-516 · 2^-52 apart, so 2^-1136 / 2.
  assert.equal(moments([2 ** -465, 2 ** -465 * (1 + 2 ** -52)]).variance(1), 2 ** -1035);
  assert.equal(moments([]).sum(), 0);
  assert.equal(moments([]).mean(), null);
  assert.equal(moments([7]).variance(1), null);
  assert.equal(moments([7]).variance(0), 0);
});
