/** Histories that read one log in different ways end with the same bytes, the quick form: pages, totals, fronts, identities, lists. */
import { test } from "node:test";
import { compareReplicas } from "../torture/replicas.ts";

for (const [log, seed] of [
  ["kafka", 60],
  ["kafka-append", 61],
  ["mixed", 62],
] as const) {
  test(`replicas of one log: ${log}`, async (t) => {
    t.diagnostic(await compareReplicas({ seed, readings: 400, log }));
  });
}
