/** Names with wildcards: a name of a device may hold any character. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { matcherOf } from "../../src/core/sensor-pattern.ts";

test("only * and ? mean anything, and they mean any character", () => {
  const cases: [pattern: string, meant: string[], others: string[]][] = [
    ["a.b", ["a.b"], ["axb", "a.bc", "xa.b"]],
    ["(a|b)+[c]$", ["(a|b)+[c]$"], ["a", "ab[c]"]],
    ["C:\\x{2}^", ["C:\\x{2}^"], ["C:xx"]],
    ["hall *", ["hall ", "hall 1\nleft", "hall *"], ["hall"]],
    ["?", ["🌡", "\n", "?"], ["", "ab"]],
    ["***-?", ["-1", "a-b-c"], ["-"]],
  ];
  for (const [pattern, meant, others] of cases) {
    const isMeant = matcherOf(["no-such", pattern]);
    assert.deepEqual([...meant, ...others].filter(isMeant), meant, pattern);
  }
});
