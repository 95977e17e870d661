/** kill -9 of the real process while it reads from a real broker, commits and recovers: the same answers as the oracle's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithoutKafka } from "../kafka/broker.ts";
import { crash } from "../torture/crash.ts";

const KILLS = 5;
const SEED = 41;

test(`answers exactly as the oracle after kill -9 at any moment: Kafka, seed ${SEED}`, {
  skip: skipWithoutKafka(),
}, async (t) => {
  const report = await crash({ log: "kafka", seed: SEED, readings: 8000, kills: KILLS, bulk: 0, windows: 60 });
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.killedInCommit + report.killedInIngest + report.stopped, KILLS);
});
