/** Histories that read one log in different ways end with the same bytes, the quick form: pages, totals, fronts, identities, lists. */
import { test } from "node:test";
import { compareReplicas } from "../torture/replicas.ts";

for (const log of ["kafka", "kafka-append"] as const) {
  test(`replicas of one log: ${log}`, async (t) => {
    for (const seed of [60, 61]) t.diagnostic(await compareReplicas({ seed, readings: 400, log }));
  });
}
