/** What a browser loads of the page, compressed: the budget of all pages together, which new pages share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BYTES_MAX, bytesOf, FIRST_BYTES_MAX, readWeights, weightText } from "./weight.ts";

test("all pages are within their budget, and what the first value needs within a part of it", async (t) => {
  const weights = await readWeights();
  const text = weightText(weights);
  t.diagnostic(text);
  assert.ok(weights.length >= 6, text);
  assert.ok(bytesOf(weights) <= BYTES_MAX, text);
  assert.ok(bytesOf(weights.filter(({ isFirst }) => isFirst)) <= FIRST_BYTES_MAX, text);
});
