/** Only what was committed is a reading: transactions of two foreign clients, aborted, open and committed, interleaved, against a real broker. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { type KafkaLog, openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { findPython, PythonProducer } from "../kafka/foreign.ts";
import { readerOf, readPartitions } from "../kafka/reading.ts";
import { values } from "../suites/log-suite.ts";

const PARTITIONS = 2;

describe(`transactions`, { skip: skipWithoutKafka(), timeout: 400_000 }, () => {
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

  test("aborted ones are left out, from wherever reading begins, and offsets move past them", async (t) => {
    const python = await findPython();
    if ("missing" in python) return t.skip(python.missing);
    const [topic] = await log.create([`transactions-${randomUUID()}`]);
    const random = new Random(3);
    const writers = (["confluent", "kafka-python", "confluent"] as const).map((client, i) => ({
      producer: new PythonProducer(
        python.path,
        broker.bootstrap,
        client,
        i === 1 ? "gzip" : "none",
        `tx-${randomUUID()}`,
      ),
      open: false,
      sent: [] as { partition: number; offset: number; value: string }[],
    }));
    const plain = new PythonProducer(python.path, broker.bootstrap, "confluent", "none");
    const committed = topic.partitions.map(() => new Map<number, string>());
    const commit = (sent: readonly { partition: number; offset: number; value: string }[]): void => {
      for (const { partition, offset, value } of sent) committed[partition].set(offset, value);
    };
    let number = 0;
    let aborted = 0;
    const some = () =>
      Array.from({ length: random.integer(1, 30) }, () => ({
        value: String(number++),
        partition: random.integer(0, PARTITIONS - 1),
      }));
    for (let step = 0; step < 60; step++) {
      const records = some();
      if (random.chance(0.2)) {
        const places = await plain.send(topic.name, records);
        commit(places.map((place, i) => ({ ...place, value: records[i].value })));
        continue;
      }
      const writer = random.pick(writers);
      if (!writer.open) await writer.producer.transaction("begin");
      writer.open = true;
      const places = await writer.producer.send(topic.name, records);
      writer.sent.push(...places.map((place, i) => ({ ...place, value: records[i].value })));
      if (random.chance(0.5)) continue;
      const keep = random.chance(0.5);
      await writer.producer.transaction(keep ? "commit" : "abort");
      if (keep) commit(writer.sent);
      else aborted += writer.sent.length;
      writer.sent = [];
      writer.open = false;
    }
    for (const writer of writers) {
      if (!writer.open) continue;
      await writer.producer.transaction("abort");
      aborted += writer.sent.length;
    }
    // The last one is a commit, so that every partition ends with something to read.
    const last = topic.partitions.map((partition) => ({ value: String(number++), partition }));
    const places = await plain.send(topic.name, last);
    commit(places.map((place, i) => ({ ...place, value: last[i].value })));
    await Promise.all([plain, ...writers.map(({ producer }) => producer)].map((producer) => producer.close()));
    assert.ok(aborted > 100, `${aborted} aborted`);

    for (const [partition, own] of committed.entries()) {
      const expected = [...own].sort(([a], [b]) => a - b);
      const { end } = await log.bounds(topic.name, partition);
      for (let from = 0; from < end; from += from < 40 ? 1 : 23) {
        const reader = log.reader([{ topic: topic.name, partition, offset: from }]);
        const records = new Records();
        const rows: [number, string][] = [];
        let next = from;
        while (next < end) {
          const fetched = await reader.read();
          while (fetched?.next(records)) {
            assert.ok(records.nextOffset >= next);
            next = records.nextOffset;
            for (let i = 0; i < records.count; i++) {
              const bytes = records.data.subarray(records.valueStart[i], records.valueEnd[i]);
              rows.push([records.offset[i], Buffer.from(bytes).toString()]);
            }
          }
        }
        assert.deepEqual(
          rows,
          expected.filter(([offset]) => offset >= from),
          `partition ${partition} from ${from}`,
        );
        await reader.close();
      }
    }
  });

  test("an open transaction holds back what is behind it until it ends", async (t) => {
    const python = await findPython();
    if ("missing" in python) return t.skip(python.missing);
    const [topic] = await log.create([`transactions-${randomUUID()}`]);
    const to = (value: string) => ({ value, partition: 0 });
    const writer = new PythonProducer(python.path, broker.bootstrap, "confluent", "none", `tx-${randomUUID()}`);
    const plain = new PythonProducer(python.path, broker.bootstrap, "confluent", "none");
    await plain.send(topic.name, [to("before")]);
    await writer.transaction("begin");
    await writer.send(topic.name, [to("inside")]);
    await plain.send(topic.name, [to("behind")]);
    assert.deepEqual(await log.bounds(topic.name, 0), { start: 0, end: 1 });
    const reader = readerOf(log, topic);
    assert.deepEqual(values((await readPartitions(reader, [1, 0])).rows.get(0) ?? []), ["before"]);
    const rest = readPartitions(reader, [2, 0]);
    await writer.transaction("commit");
    assert.deepEqual(values((await rest).rows.get(0) ?? []), ["inside", "behind"]);
    await Promise.all([reader.close(), writer.close(), plain.close()]);
  });
});
