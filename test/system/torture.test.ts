/** The commands that users run against their own disk: what is asked wrongly. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const TESTS = join(import.meta.dirname, "..");

function run(script: string, ...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [join(TESTS, script), ...args], { encoding: "utf8" });
  return { status, stderr };
}

test("what is asked wrongly is said, and nothing is done", () => {
  for (const [script, ...args] of [
    ["torture.ts", "--rounds", "0"],
    ["torture.ts", "localhost:9092"],
    ["soak.ts", "--minutes", "never"],
    ["fuzz.ts", "--target", "moon"],
  ]) {
    const { status, stderr } = run(script, ...args);
    assert.equal(status, 2);
    assert.match(stderr, /^Cannot (torture|soak|fuzz): expected /);
  }
});
