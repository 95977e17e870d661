/** The y axis of a chart: what it reaches from and to, and where its ticks are. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { scaleAround, yTicksOf } from "../../../src/face/history/plot.ts";
import { shortNumbers } from "../../../src/face/history/short.ts";

/** Of a chart that is 240 px high. */
function ticks(min: number, max: number): string {
  const { at, step } = yTicksOf({ min, max }, 240);
  return shortNumbers(at, step).join(" ");
}

describe("a y axis", () => {
  test("leaves room above and below, and ends at short numbers", () => {
    assert.deepEqual(scaleAround(12.13, 23.04), { min: 11, max: 24 });
    assert.deepEqual(scaleAround(0, 4700), { min: -400, max: 5100 });
    assert.deepEqual(scaleAround(-0.31, 0.42), { min: -0.37, max: 0.48 });
    assert.deepEqual(scaleAround(49.98, 50.02), { min: 49.976, max: 50.024 });
  });

  test("has what does not change in its middle, whatever its size", () => {
    assert.deepEqual(scaleAround(0, 0), { min: -1, max: 1 });
    assert.deepEqual(scaleAround(20, 20), { min: 0, max: 40 });
    assert.deepEqual(scaleAround(-3, -3), { min: -6, max: 0 });
    assert.deepEqual(scaleAround(1e15, 1e15 + 1), { min: -1e14, max: 2.1e15 });
    assert.deepEqual(scaleAround(1e150, 1e150), { min: 0, max: 2e150 });
  });

  test("has ticks at whole multiples of 1, 2, 2.5 or 5, at least 34 px apart", () => {
    assert.equal(ticks(11, 24), "12 14 16 18 20 22 24");
    assert.equal(ticks(-0.37, 0.48), "-0.2 0 0.2 0.4");
    assert.equal(ticks(49.976, 50.024), "49.98 49.99 50.00 50.01 50.02");
    assert.equal(ticks(-400, 5100), "0 1000 2000 3000 4000 5000");
    assert.equal(ticks(0, 1e-139), "0 2e-140 4e-140 6e-140 8e-140 1e-139");
    for (let size = 1e-9; size < 1e12; size *= 1.37) {
      const { at, step } = yTicksOf({ min: -size / 3, max: size }, 240);
      assert.ok(at.length >= 3 && at.length <= 8, `${size}: ${at}`);
      assert.ok((step / (size * (4 / 3))) * 240 >= 34 * (1 - 1e-12), `${size}: ${step}`);
    }
  });

  test("that doubles cannot divide has no endless ticks", () => {
    for (const [min, max] of [
      [1e20, 1e20 + 16384],
      [1e16, 1e16 + 2],
      [5, 5],
      [-1e308, 1e308],
    ]) {
      assert.ok(yTicksOf({ min, max }, 240).at.length <= 9, `${min} to ${max}`);
    }
  });
});
