/** docs/GUARANTEES.md and the list of planted bugs say the same, and what it tells to run is there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PLANTED } from "./torture/planted.ts";

const ROOT = join(import.meta.dirname, "..");
const PLANTED_MIN = 40;

const document = readFileSync(join(ROOT, "docs", "GUARANTEES.md"), "utf8");
const sections = document
  .split(/^## /m)
  .slice(1)
  .map((text) => ({
    title: text.split("\n", 1)[0],
    promise: /^`([\w-]+)`$/m.exec(text)?.[1] ?? "",
    planted: (/^- \*\*Planted\*\*: (.*)$/m.exec(text)?.[1] ?? "").split("; ").sort(),
    text,
  }));

test("each promise has its limit, what is not promised, its tests, and the planted bugs that break it: all of them", () => {
  for (const { title, promise, planted, text } of sections) {
    for (const part of ["Promise", "Limit", "Not promised", "Test"])
      assert.ok(text.includes(`- **${part}**: `), `${title}: ${part}`);
    const own = PLANTED.filter((bug) => bug.promise === promise).map(({ name }) => name);
    assert.ok(own.length > 0, `no bug is planted against ${title}`);
    assert.deepEqual(planted, own.sort(), title);
  }
  const promises = new Set(sections.map(({ promise }) => promise));
  assert.deepEqual(
    [...new Set(PLANTED.map(({ promise }) => promise))].filter((promise) => !promises.has(promise)),
    [],
  );
});

test("what it tells to run is there", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const [command] of document.matchAll(/npm (?:test|run [\w-]+)(?: -- [^`]*)?/g)) {
    const script = /^npm (?:run )?([\w-]+)/.exec(command)?.[1] ?? "";
    assert.ok(script in scripts, command);
    for (const [path] of command.matchAll(/test\/\S+/g)) assert.ok(existsSync(join(ROOT, path)), path);
  }
});

test(`at least ${PLANTED_MIN} bugs are planted, each where its text stands once, with tests that are there`, () => {
  assert.ok(PLANTED.length >= PLANTED_MIN, `${PLANTED.length}`);
  assert.equal(new Set(PLANTED.map(({ name }) => name)).size, PLANTED.length);
  for (const { name, file, changes, by } of PLANTED) {
    const text = readFileSync(join(ROOT, file), "utf8");
    for (const [from] of changes)
      assert.equal(text.split(from).length - 1, 1, `${name}: ${file} must have this once: ${from}`);
    assert.ok(by === undefined || existsSync(join(ROOT, by)), by);
  }
});
