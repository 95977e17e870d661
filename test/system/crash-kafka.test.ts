/** kill -9 of the real process, and power losses, while it reads from a real broker, commits and recovers: the same answers as the oracle's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithoutKafka } from "../kafka/broker.ts";
import { crash } from "../torture/crash.ts";

const KILLS = 5;
const SEED = 41;
const faults = ["commit", "power", "ingest", "power", "stop"] as const;

test(`answers exactly as the oracle after kills and power losses: Kafka, seed ${SEED}`, {
  skip: skipWithoutKafka(),
}, async (t) => {
  const report = await crash({ log: "kafka", seed: SEED, readings: 8000, kills: KILLS, bulk: 0, windows: 60, faults });
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.killedInCommit + report.killedInIngest + report.stopped, KILLS);
});
