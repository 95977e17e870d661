/** Figures: each text at the edges between its forms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ageText, meanText, rateText, shortText, valueText } from "../../src/core/figures.ts";

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
  for (const [value, text] of [
    [null, "–"],
    [1_234_567, "1,234,567"],
    [0.0009, "9.000e-4"],
    [999.9996, "1,000.000"],
    [1013.25, "1,013.25"],
    [-9999.996, "-10,000.00"],
    [12_345.678, "12,345.7"],
    [-999_999.4, "-999,999"],
    [1.5e9 + 0.5, "1.500e+9"],
  ] as const) {
    assert.equal(shortText(value), text);
  }
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
