/** Widths as a terminal has them: no cut text is wider than it may be, no wide character is halved. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, padEnd, padStart, widthOf } from "../../src/ui/text-width.ts";

test("cells of letters, marks and emoji", () => {
  for (const [text, cells] of [
    ["", 0],
    ["cellar–", 7],
    ["温室", 4],
    ["ｶﾞ", 2],
    ["ＡＢ", 4],
    ["한국", 4],
    ["e\u0301", 1],
    ["a\u200bb", 2],
    ["🌡🌊", 3],
  ] as const) {
    assert.equal(widthOf(text), cells, text);
  }
});

test("cut and padded to a width", () => {
  assert.equal(cut("温室の温度", 10), "温室の温度");
  assert.equal(cut("温室の温度", 6), "温室…");
  assert.equal(cut("温室の温度", 5), "温室…");
  for (let width = 0; width < 12; width++) {
    assert.ok(widthOf(cut("温a室bcの", width)) <= width);
    assert.equal(widthOf(padEnd(cut("温a室bcの", width), width)), width);
    assert.equal(widthOf(padStart(cut("温a室bcの", width), width)), width);
  }
});
