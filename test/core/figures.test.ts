/** Figures: each text at the edges between its forms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ageText, decimalsOf, meanText, rateText, shortText, valueText } from "../../src/core/figures.ts";

test("values", () => {
  for (const [value, text] of [
    [null, "–"],
    [0, "0"],
    [-7, "-7"],
    [12_345, "12,345"],
    [999_999_999, "999,999,999"],
    [1e9, "1.000e+9"],
    [0.5, "0.500"],
    [-1234.56789, "-1,234.568"],
    [0.0009, "9.000e-4"],
    [1e-140, "1.000e-140"],
    [-1e150, "-1.000e+150"],
  ] as const) {
    assert.equal(valueText(value), text);
  }
  assert.equal(meanText(50), "50.000");
  assert.equal(meanText(0), "0.000");
  assert.equal(meanText(null), "–");
});

test("values in a narrow place", () => {
  for (const [value, decimals, text] of [
    [null, 3, "–"],
    [1_234_567, 3, "1,234,567"],
    [61, 0, "61"],
    [61, 1, "61.0"],
    [61.25, 2, "61.25"],
    [0.0009, 1, "9.000e-4"],
    [0, 1, "0.0"],
    [999.9996, 3, "1,000.000"],
    [1013.25, 3, "1,013.25"],
    [-9999.996, 3, "-10,000.00"],
    [12_345.678, 3, "12,345.7"],
    [-999_999.4, 3, "-999,999"],
    [1.5e9 + 0.5, 3, "1.500e+9"],
  ] as const) {
    assert.equal(shortText(value, decimals), text);
  }
  assert.deepEqual([61, -61.5, 0.25, 0.1 + 0.2, 1e-9, 1e150, 21.125].map(decimalsOf), [0, 1, 2, 3, 3, 0, 3]);
});

test("rates", () => {
  assert.deepEqual([0, 1 / 60, 0.1, 1, 99.94, 100, 12_345.6].map(rateText), [
    "0",
    "0.02",
    "0.1",
    "1.0",
    "99.9",
    "100",
    "12,346",
  ]);
});

test("ages", () => {
  const s = 1000;
  for (const [ms, text] of [
    [null, "–"],
    [0, "0s"],
    [999, "0s"],
    [-999, "0s"],
    [-3 * s, "-3s"],
    [59_999, "59s"],
    [60 * s, "1m"],
    [123 * s, "2m03s"],
    [3600 * s, "1h"],
    [3659 * s, "1h"],
    [3660 * s, "1h01m"],
    [86_400 * s, "1d"],
    [(3 * 86_400 + 4 * 3600) * s, "3d04h"],
    [400 * 86_400 * s, "400d"],
  ] as const) {
    assert.equal(ageText(ms), text);
  }
});
