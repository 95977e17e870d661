/** Numbers out of bytes: bit for bit what `Number(text)` says, but for -0. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { isValue, NumberScanner, SHORT_BYTES_MAX, shortDecimal, valueFault } from "../../src/formats/numbers.ts";

const GRAMMAR = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?/;
const JSON_GRAMMAR = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

/** Texts around every limit of the short ways: digits 1 to 40, points anywhere, exponents near the exact powers of ten, signs, tails. */
function text(random: Random): string {
  const digits = (count: number): string =>
    Array.from({ length: count }, () => random.pick(["0", "1", "4", "5", "9", String(random.integer(0, 9))])).join("");
  const count = random.pick([0, 1, 2, 3, 5, 8, 9, 10, 14, 15, 16, 17, 18, 19, 25, 40]);
  const point = random.chance(0.6) ? random.integer(0, count) : -1;
  const all = digits(count);
  const mantissa = point < 0 ? all : `${all.slice(0, point)}.${all.slice(point)}`;
  const exponent = random.chance(0.4)
    ? `${random.pick(["e", "E"])}${random.pick(["", "+", "-"])}${random.integer(0, random.pick([3, 25, 340, 99999]))}`
    : "";
  return (
    random.pick(["", "", "-", "+", "--"]) +
    mantissa +
    exponent +
    random.pick(["", "", ",", "}", "x", "e", ".", "-", " "])
  );
}

test("the scanner equals Number over the longest number there is", () => {
  const random = new Random(11);
  const scanner = new NumberScanner();
  let numbers = 0;
  for (let i = 0; i < 100_000; i++) {
    const input = text(random);
    const bytes = Buffer.from(`9${input}`);
    const expected = GRAMMAR.exec(input)?.[0];
    const end = scanner.scan(bytes, 1, bytes.length);
    if (expected === undefined) {
      assert.equal(end, -1, input);
      continue;
    }
    numbers++;
    assert.equal(end, 1 + expected.length, input);
    assert.ok(Object.is(scanner.value, Number(expected) + 0), `${input}: ${scanner.value}`);
    assert.equal(scanner.isJson, JSON_GRAMMAR.test(expected), input);
    assert.equal(scanner.isUnderflow, scanner.value === 0 && /[1-9]/.test(expected.replace(/e.*/i, "")), input);
    const short =
      expected.length === input.length && input.length <= SHORT_BYTES_MAX
        ? shortDecimal(bytes, 1, bytes.length)
        : Number.NaN;
    if (!Number.isNaN(short)) assert.ok(Object.is(short, scanner.value), input);
  }
  assert.ok(numbers > 50_000, String(numbers));
});

test("what is no number is none for the short way either", () => {
  for (const input of [
    "-",
    ".",
    "-.",
    "1.2.3",
    "1-",
    "--1",
    "+1",
    "1e5",
    "1234567890",
    "12345.67890",
    "x",
    " 1",
    "1 ",
  ]) {
    assert.ok(Number.isNaN(shortDecimal(Buffer.from(input), 0, input.length)), input);
  }
  for (const input of ["1", "-1", ".5", "5.", "-.5", "007", "123456789", "-1234.56789", "-0", "0.000"]) {
    assert.ok(Object.is(shortDecimal(Buffer.from(input), 0, input.length), Number(input) + 0), input);
  }
});

test("magnitudes", () => {
  const faults: [number, boolean, string | null][] = [
    [0, false, null],
    [0, true, "too-small"],
    [1e150, false, null],
    [-1.0000000000000002e150, false, "too-large"],
    [1e-140, false, null],
    [-9.999999999999999e-141, false, "too-small"],
    [Number.POSITIVE_INFINITY, false, "not-finite"],
  ];
  for (const [value, isUnderflow, fault] of faults) {
    assert.equal(valueFault(value, isUnderflow), fault);
    assert.equal(isValue(value, isUnderflow), fault === null);
  }
});
