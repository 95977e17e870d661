/** Histories of everything below the HTTP server on a simulated disk, log and clock: some seeds, and the plans that once failed. More: `npm run simulate`. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COUNTED } from "../simulation/counts.ts";
import { NEEDS_COMPILER } from "../simulation/disk.ts";
import type { Plan } from "../simulation/plan.ts";
import { Worker } from "../simulation/workers.ts";

const SEEDS = 76;
/** What comes of a history too seldom for so few. */
const SELDOM = new Set([
  "power-loss-rolled-back",
  "released-alone",
  "start-failed",
  "append-unknown",
  "damage-refused",
  "delete-inside",
  "undo-inside",
  "rename-inside",
  "correction-refused",
]);

const worker = Worker.create();
const skip = worker === null ? NEEDS_COMPILER : false;

test("simulated histories agree with the oracle after every step, and every fault occurs", { skip }, async (t) => {
  if (worker === null) return;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { fault } = await worker.run({ seed });
    assert.equal(fault, null, `npm run simulate -- --seed ${seed} --histories 1`);
  }
  for (const path of globSync("kept/*.json", { cwd: join(import.meta.dirname, "..", "simulation") })) {
    const { plan } = JSON.parse(readFileSync(join(import.meta.dirname, "..", "simulation", path), "utf8")) as {
      plan: Plan;
    };
    const { fault } = await worker.run({ plan });
    assert.equal(fault, null, `npm run simulate -- test/simulation/${path}`);
  }
  await worker.close();
  t.diagnostic([...worker.counts].map(([name, times]) => `${name} ${times}`).join(", "));
  const never = COUNTED.filter((name) => !SELDOM.has(name) && (worker.counts.get(name) ?? 0) === 0);
  assert.deepEqual(never, []);
});
