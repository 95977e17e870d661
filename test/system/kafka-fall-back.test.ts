/** Brokers that our own Fetch cannot read: reading falls back to the client library's consumer by itself, says so once, and brings the same records. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { type KafkaLog, openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import type { Topic } from "../../src/log/log.ts";
import { type Alterations, AlteringProxy, KEYS } from "../kafka/altering-proxy.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { readerOf, readPartitions } from "../kafka/reading.ts";
import { record, values } from "../suites/log-suite.ts";

const COUNT = 3000;

describe("a broker that our own Fetch cannot read", { skip: skipWithoutKafka(), timeout: 100_000 }, () => {
  let broker: Awaited<ReturnType<typeof sharedBroker>>;
  let direct: KafkaLog;
  let topics: Topic[];

  before(async () => {
    broker = await sharedBroker();
    direct = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock, partitions: 2 });
    topics = await direct.create([`fall-back-${randomUUID()}`, `fall-back-${randomUUID()}`]);
    for (const { name } of topics) {
      for (let i = 0; i < 6; i++) {
        await direct.append(
          name,
          Array.from({ length: COUNT / 6 }, (_, row) => record(`${name}:${i}:${row}`)),
        );
      }
    }
  });

  after(async () => {
    await direct?.close();
    await broker?.stop();
  });

  /** Both topics at once, and what comes while they are read. */
  async function readThrough(alterations: Alterations): Promise<readonly string[]> {
    const proxy = await AlteringProxy.start(broker.bootstrap, alterations);
    const notices: string[] = [];
    const onFallBack = (notice: string): number => notices.push(notice);
    const log = await openKafkaLog({ bootstrap: [proxy.bootstrap], clock: systemClock, onFallBack });
    try {
      const opened = await log.create(topics.map(({ name }) => name));
      assert.deepEqual(
        opened.map(({ partitions }) => partitions),
        [
          [0, 1],
          [0, 1],
        ],
      );
      for (const topic of opened) {
        const ends = await Promise.all(topic.partitions.map((partition) => log.bounds(topic.name, partition)));
        const counts = ends.map(({ end }) => end);
        const reader = readerOf(log, topic);
        const { rows, gaps } = await readPartitions(reader, counts);
        const ours = readerOf(direct, topic);
        const expected = await readPartitions(ours, counts);
        assert.deepEqual(gaps, []);
        assert.deepEqual(rows, expected.rows);
        const more = readPartitions(reader, [1, 0]);
        for (const _ of topic.partitions) await log.append(topic.name, [record("and on")]); // they take turns
        assert.deepEqual(values((await more).rows.get(0) ?? []), ["and on"]);
        await Promise.all([reader.close(), ours.close()]);
      }
      assert.equal(log.notice, notices[0] ?? null);
    } finally {
      await log.close();
      await proxy.stop();
    }
    return notices;
  }

  test("no notice through a proxy that alters nothing", async () => {
    assert.deepEqual(await readThrough({}), []);
  });

  for (const [version, metadata] of [
    [12, 12],
    [12, 9],
    [11, 9],
    [4, 8],
  ]) {
    test(`Fetch up to version ${version}, Metadata up to ${metadata}`, async () => {
      const versionMax = new Map([
        [KEYS.fetch, version],
        [KEYS.metadata, metadata],
      ]);
      const notices = await readThrough({ versionMax });
      assert.equal(notices.length, 1);
      assert.match(notices[0], /must speak Fetch 13 to 17 \(Kafka 3.1 or later\), speaks 4 to \d+$/);
    });
  }

  test("Fetch answers that are laid out in another way: found while reading", async () => {
    const notices = await readThrough({ fetchTail: 3 });
    assert.equal(notices.length, 1);
    assert.match(notices[0], /a Fetch answer is longer by 3 bytes/);
  });
});
