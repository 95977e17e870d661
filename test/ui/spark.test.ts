/** Sparks: scaled between their ends, filled from the left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sparkText } from "../../src/ui/spark.ts";

test("sparks", () => {
  assert.equal(sparkText([0, 1, 2, 3, 4, 5, 6, 7], 8), "▁▂▃▄▅▆▇█");
  assert.equal(sparkText([9, 0, null, 100], 3), "▁ █");
  assert.equal(sparkText([5, 5], 4), "  ▄▄");
  assert.equal(sparkText([null, null], 2), "  ");
  assert.equal(sparkText([], 3), "   ");
  assert.equal(sparkText([-1e150, 1e150], 2), "▁█");
});
