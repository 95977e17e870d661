/** What happens to topics while they are read, on a real broker: retention, deletion, a new life under the old name, more partitions, batches of any size, lag in Kafka's own tools. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Admin } from "@platformatic/kafka";
import { ManualClock, systemClock } from "../../src/core/clock.ts";
import { messageOf } from "../../src/core/errors.ts";
import { Records } from "../../src/core/records.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { FETCH_BYTES_MAX } from "../../src/log/kafka/fetch.ts";
import { type KafkaLog, openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import type { NewRecord, Topic } from "../../src/log/log.ts";
import { sharedBroker, skipWithoutKafka, startBroker } from "../kafka/broker.ts";
import { javaTool } from "../kafka/foreign.ts";
import { RawProducer } from "../kafka/raw-producer.ts";
import { readerOf, readFailure, readPartitions } from "../kafka/reading.ts";
import { readRecords, record, refused, values } from "../suites/log-suite.ts";

const numbers = (count: number, first = 0): NewRecord[] =>
  Array.from({ length: count }, (_, i) => record(String(first + i)));
const texts = (count: number, first = 0): string[] => Array.from({ length: count }, (_, i) => String(first + i));

describe(`topics`, { skip: skipWithoutKafka(), timeout: 400_000 }, () => {
  let broker: Awaited<ReturnType<typeof sharedBroker>>;
  let log: KafkaLog;
  let admin: Admin;

  before(async () => {
    broker = await sharedBroker();
    admin = new Admin({ clientId: "tests", bootstrapBrokers: [broker.bootstrap] });
    log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
  });

  after(async () => {
    await log?.close();
    await admin?.close();
    await broker?.stop();
  });

  async function newTopic(): Promise<string> {
    const [{ name }] = await log.create([`topics-${randomUUID()}`]);
    return name;
  }

  test("records deleted ahead of a reader that waits are one gap", async () => {
    const name = await newTopic();
    await log.append(name, numbers(10));
    const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
    await readRecords(reader, 10);
    const behind = log.reader([{ topic: name, partition: 0, offset: 4 }]);
    await log.append(name, numbers(10, 10));
    await admin.deleteRecords({ topics: [{ name, partitions: [{ partition: 0, offset: 15n }] }] });
    const { rows, gaps } = await readPartitions(behind, [5]);
    assert.deepEqual(gaps, [{ from: 4, to: 15 }]);
    assert.deepEqual(values(rows.get(0) ?? []), texts(5, 15));
    await Promise.all([reader.close(), behind.close()]);
  });

  test("everything deleted: the gap is told before the next record comes", async () => {
    const name = await newTopic();
    await log.append(name, numbers(10));
    await admin.deleteRecords({ topics: [{ name, partitions: [{ partition: 0, offset: 10n }] }] });
    const reader = log.reader([{ topic: name, partition: 0, offset: 3 }]);
    const fetched = await reader.read();
    assert.deepEqual(fetched?.gap, { from: 3, to: 10 });
    const records = new Records();
    assert.equal(fetched.next(records), true);
    assert.deepEqual([records.count, records.nextOffset], [0, 10]);
    assert.equal(fetched.next(records), false);
    await log.append(name, numbers(1, 10));
    assert.deepEqual(values(await readRecords(reader, 1)), ["10"]);
    await reader.close();
  });

  test("retention by size drops records by itself", async () => {
    const name = `topics-${randomUUID()}`;
    const configs = [
      { name: "segment.bytes", value: "1048576" },
      { name: "retention.bytes", value: "2097152" },
      { name: "file.delete.delay.ms", value: "100" },
    ];
    await admin.createTopics({ topics: [name], partitions: 1, replicas: 1, configs });
    await log.create([name]);
    for (let i = 0; i < 80; i++) await log.append(name, [record(`${i}:${"x".repeat(100_000)}`)]);
    let { start } = await log.bounds(name, 0);
    for (; start === 0; { start } = await log.bounds(name, 0)) await delay(50); // until retention has run
    const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
    const fetched = await reader.read();
    assert.equal(fetched?.gap?.from, 0);
    const from = fetched.gap.to;
    assert.ok(from >= start && from < 80, `${from}`);
    const rows = await readRecords(reader, 80 - from);
    assert.ok(rows.every(({ offset, value }) => value?.startsWith(`${offset}:`)));
    await reader.close();
  });

  test("a deleted topic is missing; opened anew it has another id and begins at 0", async () => {
    const [first] = await log.create([`topics-${randomUUID()}`]);
    const { name } = first;
    await log.append(name, numbers(3));
    const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
    await readRecords(reader, 3);
    await admin.deleteTopics({ topics: [name] });
    assert.ok(refused("topic-missing")(await readFailure(reader)));
    await assert.rejects(log.bounds(name, 0), refused("topic-missing"));
    await reader.close();
    const [second] = await log.create([name]);
    assert.notEqual(second.id, first.id);
    await log.append(name, numbers(2, 100));
    const anew = readerOf(log, second);
    assert.deepEqual(values(await readRecords(anew, 2)), ["100", "101"]);
    await anew.close();
  });

  test("a topic made anew under its name is another topic", async () => {
    const name = await newTopic();
    await log.append(name, numbers(3));
    const reader = log.reader([{ topic: name, partition: 0, offset: 2 }]);
    await admin.deleteTopics({ topics: [name] });
    await admin.createTopics({ topics: [name], partitions: 1, replicas: 1 });
    await assert.rejects(log.bounds(name, 0), refused("topic-recreated"));
    assert.ok(refused("topic-recreated")(await readFailure(reader)));
    await reader.close();
  });

  test("partitions added to a topic are told of, and read beside the others by the same reader", async () => {
    const topic = await log.create([`topics-${randomUUID()}`]).then(([made]) => made);
    await log.append(topic.name, numbers(1));
    const reader = readerOf(log, topic);
    await readRecords(reader, 1);
    const grown = Promise.withResolvers<Topic>();
    const stop = log.watch([topic.name], ([told]) => {
      if (told.partitions.length > 1) grown.resolve(told);
    });
    await admin.createPartitions({
      topics: [{ name: topic.name, count: 3, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
    });
    assert.deepEqual(await grown.promise, { ...topic, partitions: [0, 1, 2] });
    stop();
    reader.add([1, 2].map((partition) => ({ topic: topic.name, partition, offset: 0 })));
    for (let i = 0; i < 3; i++) await log.append(topic.name, numbers(1)); // each to another partition
    await readPartitions(reader, [1, 1, 1]);
    await reader.close();
  });

  test("a topic made anew under its name is told of with its new id", async () => {
    const [first] = await log.create([`topics-${randomUUID()}`]);
    const told: Topic[] = [];
    const again = Promise.withResolvers<void>();
    const stop = log.watch([first.name], (topics) => {
      told.push(...topics);
      if (told.length === 2) again.resolve();
    });
    while (told.length === 0) await delay(10);
    await admin.deleteTopics({ topics: [first.name] });
    const [second] = await log.create([first.name]);
    await again.promise;
    assert.deepEqual(told, [first, second]);
    assert.notEqual(first.id, second.id);
    stop();
  });

  test("asking for a topic, watching for it and reading others make none, also where brokers make topics by themselves", async () => {
    const own = await startBroker({ config: { "auto.create.topics.enable": "true" } });
    const other = await openKafkaLog({ bootstrap: [own.bootstrap], clock: systemClock });
    const elsewhere = new Admin({ clientId: "tests", bootstrapBrokers: [own.bootstrap] });
    const name = `unmade-${randomUUID()}`;
    const before = await elsewhere.listTopics();
    assert.deepEqual((await other.open([name])).missing, [name]);
    const stop = other.watch([name], () => assert.fail("it was made"));
    await assert.rejects(other.append(name, [record("1")]), refused("topic-missing"));
    await assert.rejects(other.bounds(name, 0), refused("topic-missing"));
    const [gone] = await other.create([`gone-${randomUUID()}`]);
    await elsewhere.deleteTopics({ topics: [gone.name] });
    const reader = other.reader([{ topic: gone.name, partition: 0, offset: 0 }]);
    assert.ok(refused("topic-missing")(await readFailure(reader)));
    await assert.rejects(other.append(gone.name, [record("1")]));
    await other.committed([{ topic: gone.name, partition: 0, offset: 1 }]);
    await delay(3500); // a watcher asks again
    stop();
    await other.close();
    assert.deepEqual((await elsewhere.listTopics()).sort(), before.sort());
    await elsewhere.close();
    await own.stop();
  });

  test("a batch larger than a fetch comes whole, beside small ones of other partitions", async () => {
    const name = `topics-${randomUUID()}`;
    const configs = [{ name: "max.message.bytes", value: "10000000" }];
    await admin.createTopics({ topics: [name], partitions: 3, replicas: 1, configs });
    const [topic] = await log.create([name]);
    const producer = await RawProducer.connect(broker.bootstrap);
    const timestamp = systemClock.now();
    const large = Array.from({ length: 40 }, (_, i) => record(`${i}`.padEnd(FETCH_BYTES_MAX / 20, "x")));
    for (const partition of topic.partitions) {
      for (let i = 0; i < 3; i++) {
        await producer.send(name, partition, encodeBatch({ baseOffset: 0, records: numbers(5, i * 5), timestamp }));
        if (partition < 2)
          await producer.send(name, partition, encodeBatch({ baseOffset: 0, records: large, timestamp }));
      }
    }
    await producer.close();
    const reader = readerOf(log, topic);
    const { rows } = await readPartitions(reader, [135, 135, 15]);
    for (const partition of topic.partitions) {
      const own = rows.get(partition) ?? [];
      assert.deepEqual(
        own.map(({ offset }) => offset),
        own.map((_, i) => i),
      );
      assert.deepEqual(
        values(own).filter((value) => value !== null && value.length < 10),
        texts(15),
      );
    }
    await reader.close();
  });

  test("keys choose the partition, records without one take turns, each append stays in one", async () => {
    const spread = await openKafkaLog({
      bootstrap: [broker.bootstrap],
      clock: systemClock,
      partitions: 4,
    });
    const [topic] = await spread.create([`topics-${randomUUID()}`]);
    assert.deepEqual(topic.partitions, [0, 1, 2, 3]);
    for (let i = 0; i < 8; i++) await spread.append(topic.name, numbers(3, i * 3));
    const keyed = Array.from({ length: 100 }, (_, i) => record(String(i), `device-${i % 20}`));
    await Promise.all([spread.append(topic.name, keyed.slice(0, 50)), spread.append(topic.name, keyed.slice(50))]);
    const ends = await Promise.all(topic.partitions.map((partition) => spread.bounds(topic.name, partition)));
    const reader = readerOf(spread, topic);
    const { rows } = await readPartitions(
      reader,
      ends.map(({ end }) => end),
    );
    const partitionsOf = new Map<string, Set<number>>();
    for (const [partition, own] of rows) {
      assert.equal(own.filter(({ key }) => key === null).length, 6);
      for (const { key } of own)
        if (key !== null) partitionsOf.set(key, (partitionsOf.get(key) ?? new Set()).add(partition));
    }
    assert.equal(partitionsOf.size, 20);
    assert.ok([...partitionsOf.values()].every((partitions) => partitions.size === 1));
    await spread.close();
  });

  test("a topic that takes less than a request is sent in parts; what it never takes is refused alone", async () => {
    const name = `topics-${randomUUID()}`;
    const configs = [{ name: "max.message.bytes", value: "20000" }];
    await admin.createTopics({ topics: [name], partitions: 1, replicas: 1, configs });
    await log.create([name]);
    const small = Array.from({ length: 500 }, (_, i) => record(`${i}:${"x".repeat(300)}`));
    const appends = [
      log.append(name, small),
      log.append(name, [record("y".repeat(30_000))]),
      log.append(name, numbers(3)),
    ];
    const outcomes = await Promise.allSettled(appends);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    await assert.rejects(appends[1], refused("record-too-large"));
    const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
    const rows = await readRecords(reader, 503);
    assert.deepEqual(values(rows), [...small.map(({ value }) => Buffer.from(value).toString()), ...texts(3)]);
    assert.deepEqual(await log.bounds(name, 0), { start: 0, end: 503 });
    await reader.close();
  });

  test("more than the bound on its way is refused", async () => {
    const name = await newTopic();
    const megabyte = Array.from({ length: 10 }, () => record("x".repeat(100_000)));
    const appends = Array.from({ length: 40 }, () => log.append(name, megabyte));
    const outcomes = await Promise.allSettled(appends);
    const full = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.ok(full.length > 0 && full.length < 40, `${full.length} were refused`);
    assert.ok(full.every(({ reason }) => refused("log-full")(reason)));
    const { end } = await log.bounds(name, 0);
    assert.equal(end, (40 - full.length) * 10);
  });

  test("Kafka's own tool shows the lag of what was committed", async () => {
    const groupId = `group-${randomUUID()}`;
    const other = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock, groupId });
    const [topic] = await other.create([`topics-${randomUUID()}`]);
    await other.append(topic.name, numbers(10));
    await other.committed([{ topic: topic.name, partition: 0, offset: 2 }]);
    await other.committed([{ topic: topic.name, partition: 0, offset: 7 }]);
    await other.close();
    const flags = ["--bootstrap-server", broker.bootstrap, "--describe", "--group", groupId];
    const printed = await javaTool("consumer.group.ConsumerGroupCommand", flags);
    const line = printed.split("\n").find((text) => text.includes(topic.name)) ?? printed;
    assert.deepEqual(line.trim().split(/\s+/).slice(0, 6), [groupId, topic.name, "0", "7", "10", "3"]);
  });

  test("a name that Kafka does not take is refused", async () => {
    await assert.rejects(log.create(["no spaces, please"]), refused("log-refused"));
  });
});

test("a broker that is not there: unreachable, by name, after the time that it is given", async () => {
  const clock = new ManualClock(0);
  const waits: number[] = [];
  const pause = async (ms: number): Promise<void> => {
    waits.push(ms);
    clock.advance(ms);
  };
  const opening = openKafkaLog({ bootstrap: ["127.0.0.1:1", "localhost:2"], clock, pause, reachMs: 300 });
  await assert.rejects(opening, (error) => {
    assert.ok(refused("log-unreachable")(error));
    assert.match(messageOf(error), /^Cannot reach Kafka at 127\.0\.0\.1:1, localhost:2: .*ECONNREFUSED/);
    return true;
  });
  // The last bounds how long closing may take.
  const tried = waits.slice(0, -1).reduce((sum, ms) => sum + ms, 0);
  assert.ok(tried >= 300 && tried < 1300, String(waits));
});
