/** docs/ERRORS.md against the lists in the code: every code has its heading, and no heading is of none. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ERRORS } from "../../src/core/errors.ts";
import { REJECTIONS } from "../../src/core/rejections.ts";

const docs = readFileSync(new URL("../../docs/ERRORS.md", import.meta.url), "utf8");

test("every error code has a heading, with its status and whether to try again", () => {
  const sections = new Map(
    docs
      .split(/\n(?=#{2,3} )/)
      .filter((section) => section.startsWith("### "))
      .map((section) => [section.slice(4, section.indexOf("\n")), section] as const),
  );
  assert.deepEqual([...sections.keys()].sort(), Object.keys(ERRORS).sort());
  for (const [code, { retryable, status }] of Object.entries(ERRORS)) {
    const facts = /^\*(.*)\*$/m.exec(sections.get(code) ?? "")?.[1] ?? "";
    assert.match(facts, retryable ? /^retryable/ : /^not retryable/, code);
    assert.ok(facts.includes(String(status)) || facts.includes("at start"), `${code}: ${facts}`);
  }
});

test("every reason for a rejection is in the table", () => {
  const rows = [...docs.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]);
  assert.deepEqual(rows.sort(), REJECTIONS.map(({ code }) => code).sort());
});
