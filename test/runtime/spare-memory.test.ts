/** What opening left behind is collected once, a while later, where the flag was given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { releaseWhenSettled } from "../../src/runtime/spare-memory.ts";

test("collects and compacts once, a second later, and nothing without --expose-gc", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const own = globalThis.gc;
  const asked: unknown[] = [];
  try {
    globalThis.gc = undefined;
    releaseWhenSettled();
    t.mock.timers.tick(5000);
    globalThis.gc = ((options: unknown) => asked.push(options)) as unknown as NodeJS.GCFunction;
    releaseWhenSettled();
    t.mock.timers.tick(999);
    assert.deepEqual(asked, []);
    t.mock.timers.tick(5000);
    assert.deepEqual(asked, [{ type: "major", flavor: "last-resort" }]);
  } finally {
    globalThis.gc = own;
  }
});
