/** A server gets the flags of a server's heap, whoever starts it; flags that somebody gave stand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { missingServerFlags, SERVER_FLAGS } from "../../src/commands/server-flags.ts";

test("all are missing, or those that nothing was said about", () => {
  assert.deepEqual(missingServerFlags([]), SERVER_FLAGS);
  assert.deepEqual(missingServerFlags(["--inspect", ...SERVER_FLAGS]), []);
  assert.deepEqual(missingServerFlags(["--max-semi-space-size=64"]), SERVER_FLAGS.slice(1));
  assert.deepEqual(
    missingServerFlags(["--maglev-destroy-on-background", "--v8-pool-size", "4"]),
    SERVER_FLAGS.slice(0, 2),
  );
  assert.deepEqual(missingServerFlags(["--inspect", "--no-maglev"]), SERVER_FLAGS);
  assert.deepEqual(missingServerFlags(["--max-semi-space-size-other=1", "--title=--v8-pool-size=4"]), SERVER_FLAGS);
});
