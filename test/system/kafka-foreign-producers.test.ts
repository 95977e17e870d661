/** What other people's producers wrote, in every codec, comes back record by record: kcat, Python's two clients, Kafka's own Java producer. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { systemClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import { CODECS, type Codec } from "../../src/log/compression.ts";
import { keyHash } from "../../src/log/kafka/client.ts";
import { type KafkaLog, openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { feed, findKcat, findPython, javaTool, PythonProducer, type Sent } from "../kafka/foreign.ts";
import { batchHeaders, readerOf, readPartitions } from "../kafka/reading.ts";

const PARTITIONS = 3;
const RECORDS = 3000;
const BASE_MS = 1_577_836_800_000; // 2020-01-01

/** Bare integers as sensors send them, and what else may lie in such a topic: any times and order, keys or none, headers, empty and absent values. */
function records(seed: number): Sent[] {
  const random = new Random(seed);
  return Array.from({ length: RECORDS }, (_, i) => {
    const key = random.chance(0.4) ? null : random.chance(0.05) ? "" : `device-${random.integer(0, 20)}\xff`;
    const early = random.chance(0.1) ? random.integer(0, 86_400_000) : 0;
    return {
      value: payload(random, key !== null),
      key,
      time: random.chance(0.05) ? random.integer(1, 2_000_000) * 1000 : BASE_MS + i * 1000 - early,
      partition: random.integer(0, PARTITIONS - 1),
      ...(random.chance(0.2) ? { headers: { trace: "a".repeat(random.integer(0, 200)), empty: "" } } : {}),
    };
  });
}

/** kafka-python sends no record that has neither key nor value. */
function payload(random: Random, mayBeAbsent: boolean): string | null {
  if (random.chance(0.02) && mayBeAbsent) return null;
  if (random.chance(0.01)) return "";
  if (random.chance(0.02)) return "x".repeat(random.integer(100, 20_000));
  return String(random.integer(0, 100));
}

describe(`foreign producers`, { skip: skipWithoutKafka(), timeout: 400_000 }, () => {
  let broker: Awaited<ReturnType<typeof sharedBroker>>;
  let log: KafkaLog;

  before(async () => {
    broker = await sharedBroker();
    log = await openKafkaLog({
      bootstrap: [broker.bootstrap],
      clock: systemClock,
      partitions: PARTITIONS,
    });
  });

  after(async () => {
    await log?.close();
    await broker?.stop();
  });

  async function assertCodec(topic: string, codec: Codec, end: number): Promise<void> {
    const headers = await batchHeaders(broker.bootstrap, topic, 0, end);
    const used = new Set(headers.map((header) => CODECS[header.codec]));
    assert.ok(used.has(codec), `${codec} was not used, but ${[...used]}`);
  }

  for (const client of ["confluent", "kafka-python"] as const) {
    for (const codec of CODECS) {
      test(`${client}, ${codec}: values, keys, times, offsets`, async (t) => {
        const python = await findPython();
        if ("missing" in python) return t.skip(python.missing);
        const [topic] = await log.create([`foreign-${randomUUID()}`]);
        const sent = records(CODECS.indexOf(codec) + 1);
        const producer = new PythonProducer(python.path, broker.bootstrap, client, codec);
        const places = await producer.send(topic.name, sent);
        await producer.close();
        const expected = topic.partitions.map(() => new Map<number, Sent>());
        for (const [i, { partition, offset }] of places.entries()) {
          assert.equal(partition, sent[i].partition);
          expected[partition].set(offset, sent[i]);
        }
        const reader = readerOf(log, topic);
        const { rows, gaps } = await readPartitions(
          reader,
          expected.map((own) => own.size),
        );
        await reader.close();
        assert.deepEqual(gaps, []);
        for (const [partition, own] of expected.entries()) {
          const read = rows.get(partition) ?? [];
          assert.deepEqual(
            read.map((row) => row.offset),
            Array.from({ length: own.size }, (_, i) => i),
          );
          for (const { offset, key, value, time, appendTime } of read) {
            const {
              key: sentKey,
              value: sentValue,
              time: sentTime,
            } = own.get(offset) ?? assert.fail(`offset ${offset}`);
            assert.deepEqual(
              { key, value, time, appendTime },
              { key: sentKey, value: sentValue, time: sentTime, appendTime: false },
            );
          }
        }
        await assertCodec(topic.name, codec, expected[0].size);
      });
    }
  }

  for (const codec of CODECS) {
    test(`kcat, ${codec}: bare integers and keys in their order`, async (t) => {
      const kcat = findKcat();
      if ("missing" in kcat) return t.skip(kcat.missing);
      const [topic] = await log.create([`foreign-${randomUUID()}`]);
      const random = new Random(7);
      const lines = Array.from(
        { length: RECORDS },
        () => `device-${random.integer(0, 9)}:${random.integer(-100, 100)}`,
      );
      const flags = [
        "-P",
        "-b",
        broker.bootstrap,
        "-t",
        topic.name,
        "-p",
        "1",
        "-K",
        ":",
        "-z",
        codec,
        "-H",
        "from=kcat",
      ];
      const start = systemClock.now();
      await feed(kcat.path, flags, lines.join("\n"));
      const reader = readerOf(log, topic);
      const { rows } = await readPartitions(reader, [0, lines.length]);
      await reader.close();
      const read = rows.get(1) ?? [];
      assert.deepEqual(
        read.map(({ key, value }) => `${key}:${value}`),
        lines,
      );
      assert.deepEqual(
        read.map(({ offset }) => offset),
        lines.map((_, i) => i),
      );
      assert.ok(read.every(({ time }) => time >= start && time <= systemClock.now()));
    });
  }

  for (const codec of ["snappy", "lz4", "zstd"] as const) {
    test(`Kafka's console producer, ${codec}: keys go where ours would go`, async () => {
      const [topic] = await log.create([`foreign-${randomUUID()}`]);
      const random = new Random(8);
      const lines = Array.from({ length: 500 }, () => `device-${random.integer(0, 99)}:${random.integer(-100, 100)}`);
      const properties = ["parse.key=true", "key.separator=:"].flatMap((property) => ["--property", property]);
      const flags = ["--bootstrap-server", broker.bootstrap, "--topic", topic.name, "--compression-codec", codec];
      await javaTool("ConsoleProducer", [...flags, ...properties], `${lines.join("\n")}\n`);
      const expected = topic.partitions.map((partition) =>
        lines.filter((line) => keyHash(Buffer.from(line.split(":")[0])) % PARTITIONS === partition),
      );
      const reader = readerOf(log, topic);
      const { rows } = await readPartitions(
        reader,
        expected.map((own) => own.length),
      );
      await reader.close();
      for (const [partition, own] of expected.entries()) {
        assert.ok(own.length > 0);
        assert.deepEqual(
          rows.get(partition)?.map(({ key, value }) => `${key}:${value}`),
          own,
        );
      }
      await assertCodec(topic.name, codec, expected[0].length);
    });
  }

  test("a topic with LogAppendTime: the broker's time, whatever the producer claimed", async (t) => {
    const python = await findPython();
    if ("missing" in python) return t.skip(python.missing);
    const name = `foreign-${randomUUID()}`;
    const admin = new Admin({ clientId: "append-time", bootstrapBrokers: [broker.bootstrap] });
    const configs = [{ name: "message.timestamp.type", value: "LogAppendTime" }];
    await admin.createTopics({ topics: [name], partitions: 1, replicas: 1, configs });
    await admin.close();
    const [topic] = await log.create([name]);
    for (const codec of ["none", "zstd"]) {
      const start = systemClock.now();
      const producer = new PythonProducer(python.path, broker.bootstrap, "confluent", codec);
      await producer.send(
        name,
        [1, 2, 3].map((value) => ({ value: String(value), time: BASE_MS + value })),
      );
      await producer.close();
      const { end } = await log.bounds(name, 0);
      const reader = log.reader([{ topic: topic.name, partition: 0, offset: end - 3 }]);
      const { rows } = await readPartitions(reader, [3]);
      await reader.close();
      for (const { time, appendTime } of rows.get(0) ?? []) {
        assert.equal(appendTime, true);
        assert.ok(time >= start && time <= systemClock.now(), `${time}`);
      }
    }
  });
});
