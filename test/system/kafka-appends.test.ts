/** Appends whose acknowledgement is lost, on a real broker: what is sent again is stored once, and what was given up takes nothing that follows with it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { type KafkaLog, openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { systemPause } from "../../src/log/kafka/pause.ts";
import { RETRIES_MAX } from "../../src/log/kafka/producer.ts";
import { AlteringProxy } from "../kafka/altering-proxy.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { readRecords, record, refused, values } from "../suites/log-suite.ts";

describe(`appends`, { skip: skipWithoutKafka(), timeout: 100_000 }, () => {
  let broker: Awaited<ReturnType<typeof sharedBroker>>;
  let proxy: AlteringProxy;
  let log: KafkaLog;

  before(async () => {
    broker = await sharedBroker();
    proxy = await AlteringProxy.start(broker.bootstrap, {});
    log = await openKafkaLog({ bootstrap: [proxy.bootstrap], clock: systemClock });
  });

  after(async () => {
    await log?.close();
    await proxy?.stop();
    await broker?.stop();
  });

  async function newTopic(): Promise<string> {
    const [{ name }] = await log.create([`appends-${randomUUID()}`]);
    return name;
  }

  async function held(topic: string): Promise<(string | null)[]> {
    const { end } = await log.bounds(topic, 0);
    const reader = log.reader([{ topic, partition: 0, offset: 0 }]);
    const rows = await readRecords(reader, end);
    await reader.close();
    return values(rows);
  }

  test("an acknowledgement that is lost, first and later: sent again, stored once", async () => {
    const topic = await newTopic();
    const expected: string[] = [];
    for (const [i, lost] of [1, 0, 2, 1].entries()) {
      proxy.lostProduceAnswers = lost;
      const batch = [`${i}:a`, `${i}:b`, `${i}:c`].slice(i % 2);
      expected.push(...batch);
      await log.append(
        topic,
        batch.map((value) => record(value, "device")),
      );
      assert.equal(proxy.lostProduceAnswers, 0);
    }
    assert.deepEqual(await held(topic), expected);
  });

  test("an append that was given up may be stored; none that follows is taken for it", async () => {
    const topic = await newTopic();
    await log.append(topic, [record("before")]);
    proxy.lostProduceAnswers = RETRIES_MAX + 1;
    await assert.rejects(log.append(topic, [record("given up")]), refused("log-unreachable"));
    proxy.lostProduceAnswers = 0;
    await log.append(topic, [record("behind")]);
    await log.append(topic, [record("last")]);
    assert.deepEqual(await held(topic), ["before", "given up", "behind", "last"]);
  });

  test("a Kafka that does not answer: refused in time, and said until it answers", async () => {
    const topic = await newTopic();
    const APPEND_MS = 20_000;
    const hasty = await openKafkaLog({
      bootstrap: [proxy.bootstrap],
      clock: systemClock,
      pause: (ms, signal) => systemPause(ms === APPEND_MS ? 300 : ms, signal),
    });
    await hasty.open([topic]);
    await hasty.append(topic, [record("before")]);
    assert.equal(hasty.trouble, null);
    proxy.isSilent = true;
    await assert.rejects(hasty.append(topic, [record("unheard")]), {
      code: "log-unreachable",
      message: `Cannot append to "${topic}": Kafka must acknowledge within ${APPEND_MS} ms, did not; it may still`,
    });
    assert.match(hasty.trouble ?? "", /Kafka must acknowledge within/);
    proxy.isSilent = false;
    await log.append(topic, [record("behind")]); // another client's
    await hasty.close();
    const values = await held(topic);
    assert.deepEqual([values[0], values.includes("behind")], ["before", true]);
  });
});
