/** A broker that dies, comes back, comes back with less, or with damage; and one that asks for a password: each with a real broker of this test's own. */
import assert from "node:assert/strict";
import { closeSync, cpSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Admin } from "@platformatic/kafka";
import { ManualClock, systemClock } from "../../src/core/clock.ts";
import { messageOf } from "../../src/core/errors.ts";
import { Records } from "../../src/core/records.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { FETCH_BYTES_MAX } from "../../src/log/kafka/fetch.ts";
import { type KafkaLog, openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { type Broker, skipWithoutOwnKafka, startBroker } from "../kafka/broker.ts";
import { RawProducer } from "../kafka/raw-producer.ts";
import { readPartitions } from "../kafka/reading.ts";
import { readRecords, record, refused, type Seen, seen, values } from "../suites/log-suite.ts";

/** Between two looks at who leads: brokers that elect need the cores. */
const LOOK_MS = 50;

const numbers = (count: number, first = 0): NewRecord[] =>
  Array.from({ length: count }, (_, i) => record(String(first + i)));
const texts = (count: number, first = 0): string[] => Array.from({ length: count }, (_, i) => String(first + i));

describe(`a broker in trouble`, { skip: skipWithoutOwnKafka(), timeout: 600_000 }, () => {
  let broker: Broker;
  let log: KafkaLog;

  before(async () => {
    broker = await startBroker();
    log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock, onTrouble: () => {} });
  });

  after(async () => {
    await log?.close();
    await broker?.stop();
  });

  test("kill -9 in the middle of reading: every record once, in order; a lasting fault is told, and its end", async () => {
    const clock = new ManualClock(0);
    const told: (string | null)[] = [];
    let onTold = (): void => {};
    const onTrouble = (trouble: string | null): void => {
      told.push(trouble);
      onTold();
    };
    const own = await openKafkaLog({ bootstrap: [broker.bootstrap], clock, onTrouble, partitions: 2 });
    const [topic] = await own.create(["killed"]);
    const producer = await RawProducer.connect(broker.bootstrap);
    const timestamp = systemClock.now();
    const perBatch = 2000;
    const batches = Math.ceil((4 * FETCH_BYTES_MAX) / (perBatch * 100));
    const total = batches * perBatch;
    for (const partition of topic.partitions) {
      for (let b = 0; b < batches; b++) {
        const records = numbers(perBatch, b * perBatch).map(({ value }) => record(`${value}:${"x".repeat(90)}`));
        await producer.send(topic.name, partition, encodeBatch({ baseOffset: 0, records, timestamp }));
      }
    }
    await producer.close();
    const reader = own.reader(topic.partitions.map((partition) => ({ topic: topic.name, partition, offset: 0 })));
    const rows: Seen[][] = topic.partitions.map(() => []);
    const count = (): number => rows.reduce((sum, { length }) => sum + length, 0);
    const records = new Records();
    const readOn = async (enough: number): Promise<void> => {
      while (count() < enough) {
        const fetched = await reader.read();
        assert.equal(fetched?.gap, null);
        while (fetched.next(records)) rows[fetched.partition].push(...seen(records));
      }
    };
    await readOn(1);
    await broker.kill();
    assert.ok(count() < total, "not all was read before the kill");
    const rest = readOn(2 * total);
    // Not before the first fault was seen does time pass; then each retry may find that it lasts.
    const trouble = new Promise<void>((resolve) => {
      onTold = resolve;
    });
    const hurry = setInterval(() => clock.advance(1000), 20);
    await trouble;
    clearInterval(hurry);
    assert.match(told[0] ?? "", new RegExp(`${broker.port}.*ECONNREFUSED`));
    await assert.rejects(own.append(topic.name, numbers(1)), refused("log-unreachable"));
    await broker.restart();
    await rest;
    for (const own of rows) {
      assert.equal(own.length, total);
      assert.ok(own.every(({ offset, value }, i) => offset === i && value?.startsWith(`${i}:`)));
    }
    assert.deepEqual(told.slice(1), [null]);
    await own.append(topic.name, numbers(1));
    assert.deepEqual(values(await readRecords(reader, 1)), ["0"]);
    await own.close();
  });

  test("without a listener, a lasting fault is thrown, and reading goes on afterwards", async () => {
    const clock = new ManualClock(0);
    const own = await openKafkaLog({ bootstrap: [broker.bootstrap], clock });
    const [{ name }] = await own.create(["thrown"]);
    const reader = own.reader([{ topic: name, partition: 0, offset: 0 }]);
    await own.append(name, numbers(1));
    await readRecords(reader, 1);
    await broker.kill();
    const hurry = setInterval(() => clock.advance(1000), 20);
    await assert.rejects(reader.read(), refused("log-unreachable"));
    clearInterval(hurry);
    const reading = readRecords(reader, 1);
    await broker.restart();
    await own.append(name, numbers(1, 1));
    assert.deepEqual(values(await reading), ["1"]);
    await own.close();
  });

  test("a log that was cut back and has grown again: read on from the cut, and told so", async () => {
    const [{ name }] = await log.create(["cut-back"]);
    await log.append(name, numbers(60));
    await broker.stop();
    const copy = `${broker.dataDir}/copy`;
    cpSync(join(broker.dataDir, "log"), copy, { recursive: true });
    await broker.restart();
    await log.append(name, numbers(40, 60));
    const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
    assert.deepEqual(values(await readRecords(reader, 100)), texts(100));

    await broker.kill();
    rmSync(join(broker.dataDir, "log"), { recursive: true });
    cpSync(copy, join(broker.dataDir, "log"), { recursive: true });
    // Out of the reader's sight, so that it finds a log that has grown past its position again. The restored cluster has forgotten its later
    // leader epochs too: one more election tells the two histories apart, as in a cluster that elected a leader that lacked records.
    const elsewhere = await startBroker({ dataDir: broker.dataDir });
    await elsewhere.restart();
    const raw = await RawProducer.connect(elsewhere.bootstrap);
    await raw.send(name, 0, encodeBatch({ baseOffset: 0, records: numbers(100, 1000), timestamp: systemClock.now() }));
    await raw.close();
    await elsewhere.stop();
    await broker.restart();
    const { rows, gaps } = await readPartitions(reader, [100]);
    assert.deepEqual(gaps, [{ from: 60, to: 60, cutFrom: 100 }]);
    assert.deepEqual(
      rows.get(0)?.map(({ offset, value }) => [offset, value]),
      texts(100, 1000).map((text, i) => [60 + i, text]),
    );
    await reader.close();
  });

  test("a batch that rotted on the broker's disk is refused by name, again and again, after what came before it", async () => {
    const [{ name }] = await log.create(["rotten"]);
    for (let i = 0; i < 5; i++) await log.append(name, [record(`reading-${i}`)]);
    await broker.stop();
    const segments = join(broker.dataDir, "log", `${name}-0`);
    const segment = readdirSync(segments).find((file) => file.endsWith(".log")) ?? assert.fail("no segment");
    const at = readFileSync(join(segments, segment)).indexOf("reading-3");
    const file = openSync(join(segments, segment), "r+");
    writeSync(file, Buffer.from("rotting-3"), 0, 9, at);
    closeSync(file);
    await broker.restart();
    const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
    const records = new Records();
    const read: (string | null)[] = [];
    const readOn = async (): Promise<never> => {
      for (;;) {
        const fetched = await reader.read();
        while (fetched?.next(records)) read.push(...values(seen(records)));
      }
    };
    const isNamed = (error: unknown): boolean =>
      refused("log-corrupt")(error) && /"rotten" partition 0.*offset 3/.test(messageOf(error));
    await assert.rejects(readOn(), isNamed);
    assert.deepEqual(read, ["reading-0", "reading-1", "reading-2"]);
    const behind = log.reader([{ topic: name, partition: 0, offset: 4 }]);
    assert.deepEqual(values(await readRecords(behind, 1)), ["reading-4"]);
    await Promise.all([reader.close(), behind.close()]);
  });
});

test(`leaders that change, by death and by election: every record once, in order`, {
  skip: skipWithoutOwnKafka(),
  timeout: 300_000,
}, async () => {
  // The first partition's leader returns to node 2 by itself, while node 1 lives on and says that it leads no more.
  const config = { "leader.imbalance.check.interval.seconds": "1", "leader.imbalance.per.broker.percentage": "0" };
  const first = await startBroker({ config });
  const second = await startBroker({ config, joins: first });
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: [first.bootstrap] });
  const assignments = [
    { partition: 0, brokers: [2, 1] },
    { partition: 1, brokers: [1, 2] },
  ];
  await admin.createTopics({ topics: [{ topic: "led", partitions: -1, replicas: -1, assignments }] });
  const leaderOf0 = async (): Promise<number | undefined> => {
    const { topics } = await admin.metadata({ topics: ["led"], forceUpdate: true });
    return topics.get("led")?.partitions[0].leader;
  };
  const log = await openKafkaLog({ bootstrap: [first.bootstrap, second.bootstrap], clock: systemClock });
  const [topic] = await log.create(["led"]);
  const reader = log.reader(topic.partitions.map((partition) => ({ topic: "led", partition, offset: 0 })));
  const counts = [0, 0];
  const appendAndRead = async (): Promise<void> => {
    for (const partition of topic.partitions) counts[partition] += 10;
    const reading = readPartitions(reader, [10, 10]);
    for (const _ of topic.partitions) await log.append("led", numbers(10)); // they take turns
    const { rows, gaps } = await reading;
    assert.deepEqual(gaps, []);
    for (const [partition, own] of rows) {
      assert.deepEqual(values(own), texts(10));
      assert.deepEqual(
        own.map(({ offset }) => offset),
        own.map((_, i) => counts[partition] - 10 + i),
      );
    }
  };
  assert.equal(await leaderOf0(), 2);
  await appendAndRead();
  await second.kill();
  while ((await leaderOf0()) !== 1) await delay(LOOK_MS);
  await appendAndRead();
  await second.restart();
  while ((await leaderOf0()) !== 2) await delay(LOOK_MS);
  await appendAndRead();
  await log.close();
  await admin.close();
  await second.stop();
  await first.stop();
});

test("a broker that asks for a password", { skip: skipWithoutOwnKafka(), timeout: 300_000 }, async () => {
  const sasl = { mechanism: "PLAIN", username: "tidemark", password: "secret" } as const;
  const module = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  const broker = await startBroker({
    sasl,
    config: {
      "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
      "sasl.enabled.mechanisms": "PLAIN",
      "sasl.mechanism.inter.broker.protocol": "PLAIN",
      "listener.name.plaintext.plain.sasl.jaas.config": `${module} username="tidemark" password="secret" user_tidemark="secret";`,
    },
  });
  const log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock, sasl });
  const [{ name }] = await log.create(["guarded"]);
  await log.append(name, numbers(3));
  const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
  assert.deepEqual(values(await readRecords(reader, 3)), texts(3));
  await log.close();
  const wrong = { bootstrap: [broker.bootstrap], clock: systemClock, sasl: { ...sasl, password: "guess" } };
  await assert.rejects(openKafkaLog(wrong), (error) => {
    assert.ok(refused("log-refused")(error), messageOf(error));
    assert.ok(!messageOf(error).includes("guess"));
    return true;
  });
  await broker.stop();
});
