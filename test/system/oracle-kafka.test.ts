/** A generated history through a real broker into a real process, and what it answers over HTTP against the oracle. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { decodeRecord } from "../oracle/decode.ts";
import { createHistory } from "../oracle/generator.ts";
import { ask, compareAnswers, compareTotals, oracleOf, RecordCounts, timeless } from "../torture/comparison.ts";
import { HttpClient } from "../torture/http-client.ts";
import { createTopics, produce } from "../torture/kafka-sending.ts";
import { kafkaContents } from "../torture/log-contents.ts";
import { lanesOf } from "../torture/requests.ts";
import { TidemarkProcess } from "../torture/tidemark-process.ts";

const WINDOWS = 300;
const SEED = 21;
const PARTITIONS = 3;

test(`a real process answers exactly as the oracle: Kafka, seed ${SEED}`, {
  skip: skipWithoutKafka(),
}, async (t: TestContext) => {
  const data = mkdtempSync(join(tmpdir(), "tidemark-oracle-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const broker = await sharedBroker();
  t.after(() => broker.stop());
  const { bootstrap } = broker;
  const nowMs = systemClock.now();
  const run = randomUUID().slice(0, 8);
  const history = createHistory({
    seed: SEED,
    readings: 14_500,
    nowMs,
    log: "kafka",
    clock: "still",
    order: "any",
    recreate: false,
    partitions: PARTITIONS,
    sensors: ["temperature", "humidity", "pressure"].map((name) => `oracle-${run}-${name}`),
  });
  t.diagnostic(`cases:\n${history.describe()}`);
  const { sensors, zone } = history.options;
  // Two sensors' topics are filled by another client; the third's goes through our own door into a topic that tidemark makes.
  const [ours, ...foreign] = sensors;
  await createTopics(bootstrap, foreign, PARTITIONS);
  const produced = history.arrivals.filter(({ sensor }) => sensor !== ours);
  const { lanes, counts } = lanesOf(history, SEED, [ours]);
  const wanted = new Map([...foreign.map((name) => [name, 0] as [string, number]), ...counts]);
  for (const { sensor, value } of produced) {
    wanted.set(sensor, (wanted.get(sensor) ?? 0) + decodeRecord(value, zone).length);
  }
  const total = produced.length + lanes.flat().reduce((sum, { records }) => sum + records.length, 0);

  const options = { data, sensors, zone, log: `kafka://${bootstrap}`, flags: ["--create-topics"] };
  const first = await TidemarkProcess.start(options);
  t.after(() => first.kill());
  const client = new HttpClient(first.port, PARTITIONS);
  const append = async (lane: (typeof lanes)[number]): Promise<void> => {
    for (const { body, headers, answer: expected } of lane) {
      const answer = await client.post(`/readings/${ours}`, body, headers);
      assert.equal(answer.status, 200, answer.text);
      const { problems, ...counts } = JSON.parse(answer.text);
      assert.deepEqual(counts, expected);
    }
  };
  await Promise.all([produce(bootstrap, produced, SEED), ...lanes.map(append)]);
  const statuses = await client.received(wanted);
  const windows = history.randomWindows(WINDOWS);
  const asked = await ask(client, sensors, windows);
  client.close();
  await first.stop();

  const arrivals = await kafkaContents(bootstrap, sensors, total, systemClock.now());
  const sent = RecordCounts.of(produced);
  for (const { sensor, records } of lanes.flat()) for (const record of records) sent.add(sensor, record);
  const held = RecordCounts.of(arrivals);
  assert.deepEqual(sent.beyond(held), [], "acknowledged, but not in the log");
  assert.deepEqual(held.beyond(sent), [], "in the log, but never sent");

  const oracle = oracleOf(arrivals, zone);
  compareTotals(oracle, statuses, `seed ${SEED}`);
  const comparisons = compareAnswers(oracle, asked, `seed ${SEED}`);

  const second = await TidemarkProcess.start(options);
  t.after(() => second.kill());
  const again = new HttpClient(second.port);
  compareTotals(oracle, await again.received(wanted), `seed ${SEED}, restarted`);
  assert.deepEqual(timeless(await ask(again, sensors, windows)), timeless(asked), "the same answers after a restart");
  again.close();
  await second.stop();
  t.diagnostic(`${total} records over ${PARTITIONS} partitions, ${comparisons} comparisons`);
});
