/** kill -9 of the real process on a real disk, during ingest, commits and recovery: the same answers as the oracle's. The embedded log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crash } from "../torture/crash.ts";

const KILLS = 5;

for (const [seed, bulk] of [
  [31, 160_000],
  [32, 0],
]) {
  test(`answers exactly as the oracle after kill -9 at any moment: embedded log, seed ${seed}`, async (t) => {
    const report = await crash({ log: "embedded", seed, readings: 6000, kills: KILLS, bulk, windows: 60 });
    t.diagnostic(JSON.stringify(report));
    assert.equal(report.killedInCommit + report.killedInIngest + report.stopped, KILLS);
  });
}
