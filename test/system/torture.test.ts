/** The commands that users run against their own disk: one round of torture with its picture, and what is asked wrongly. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const TESTS = join(import.meta.dirname, "..");

function run(script: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(TESTS, script), ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

test("a round of torture in a directory of one's own: every answer right, a picture, and nothing left", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-torture-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const [data, picture] = [join(directory, "data"), join(directory, "torture.svg")];
  const { status, stdout } = run("torture.ts", "--data", data, "--rounds", "1", "--seed", "5", "--picture", picture);
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^1 rounds passed, 0 failed, seed 5$/m);
  assert.match(stdout, /: 0 wrong; 0 readings lost, 0 doubled$/m);
  assert.match(readFileSync(picture, "utf8"), /^<svg [^]*every answer right[^]*<\/svg>\n$/);
  assert.deepEqual(readdirSync(data), []);
});

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
