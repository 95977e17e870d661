/** kill -9 of the real process while it reads from a real broker, commits and recovers: the same answers as the oracle's. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { createHistory } from "../oracle/generator.ts";
import { crashRun } from "../torture/crash-run.ts";
import { createTopics, endOffsets, produce } from "../torture/kafka-sending.ts";
import { kafkaContents } from "../torture/log-contents.ts";
import { lanesOf } from "../torture/requests.ts";

const PARTITIONS = 3;
const KILLS = 5;
const SEED = 41;

test(`answers exactly as the oracle after kill -9 at any moment: Kafka, seed ${SEED}`, {
  skip: skipWithoutKafka(),
}, async (t: TestContext) => {
  const data = mkdtempSync(join(tmpdir(), "tidemark-crash-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const broker = await sharedBroker();
  t.after(() => broker.stop());
  const { bootstrap } = broker;
  const run = randomUUID().slice(0, 8);
  const history = createHistory({
    seed: SEED,
    readings: 8000,
    nowMs: systemClock.now(),
    log: "kafka",
    clock: "still",
    order: "any",
    recreate: false,
    partitions: PARTITIONS,
    sensors: ["temperature", "humidity", "pressure"].map((name) => `crash-${run}-${name}`),
  });
  const { sensors, zone } = history.options;
  const [ours, ...foreign] = sensors;
  await createTopics(bootstrap, foreign, PARTITIONS);
  const produced = history.arrivals.filter(({ sensor }) => sensor !== ours);
  const report = await crashRun({
    history,
    seed: SEED,
    lanes: lanesOf(history, SEED, [ours]).lanes,
    produced,
    produce: (onSent) => produce(bootstrap, produced, SEED, onSent),
    process: { data, sensors, zone, log: `kafka://${bootstrap}` },
    kills: KILLS,
    windows: 60,
    contents: async () => kafkaContents(bootstrap, sensors, await endOffsets(bootstrap, sensors), systemClock.now()),
  });
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.killedInCommit + report.killedInIngest + report.stopped, KILLS);
});
