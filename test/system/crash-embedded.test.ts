/** kill -9 of the real process on a real disk, during ingest, commits and recovery, and power losses: the same answers as the oracle's. The embedded log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crash } from "../torture/crash.ts";
import type { Fault } from "../torture/faults.ts";

const KILLS = 5;

const RUNS: readonly (readonly [seed: number, bulk: number, faults?: readonly Fault[]])[] = [
  [31, 160_000],
  [32, 0, ["power", "commit", "power", "stop", "power"]],
];

for (const [seed, bulk, faults] of RUNS) {
  const what = faults === undefined ? "kill -9 at any moment" : "kills, power losses and corrections";
  test(`answers exactly as the oracle after ${what}: embedded log, seed ${seed}`, async (t) => {
    const more = faults === undefined ? {} : { faults, corrections: true };
    const report = await crash({ log: "embedded", seed, readings: 6000, kills: KILLS, bulk, windows: 60, ...more });
    t.diagnostic(JSON.stringify(report));
    assert.equal(report.killedInCommit + report.killedInIngest + report.stopped, KILLS);
    assert.equal(report.corrections > 0, faults !== undefined);
  });
}
