/** Brokers that speak the protocol in other ways: what is too old, and what is laid out as no version is. Older versions that work: kafka-log.test.ts. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { messageOf } from "../../src/core/errors.ts";
import { openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { AlteringProxy } from "../kafka/altering-proxy.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { record, refused } from "../suites/log-suite.ts";

describe("a broker that speaks in another way", { skip: skipWithoutKafka(), timeout: 100_000 }, () => {
  let broker: Awaited<ReturnType<typeof sharedBroker>>;

  before(async () => {
    broker = await sharedBroker();
  });

  after(() => broker?.stop());

  for (const [call, key, max] of [
    ["Fetch", 1, 3],
    ["Metadata", 3, 3],
    ["Produce", 0, 2],
  ] as const) {
    test(`too old: ${call} up to version ${max}, in one line, at once`, async (t) => {
      const proxy = await AlteringProxy.start(broker.bootstrap, { versionMax: new Map([[key, max]]) });
      t.after(() => proxy.stop());
      await assert.rejects(openKafkaLog({ bootstrap: [proxy.bootstrap], clock: systemClock }), (error) => {
        assert.ok(refused("log-refused")(error));
        const at = `Kafka at ${proxy.bootstrap}`.replaceAll(".", "\\.");
        const spoken = `speaks \\d+ to ${max}$`;
        const wanted = `it must speak ${call} \\d+ to \\d+, as Kafka 0\\.11 and later do`;
        assert.match(messageOf(error), new RegExp(`^Cannot use ${at}: ${wanted}, ${spoken}`));
        return true;
      });
    });
  }

  test("Fetch answers that are laid out as no version is: told, in words, and read as soon as they are right", async (t) => {
    const own = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
    t.after(() => own.close());
    const [{ name }] = await own.create([`layout-${randomUUID()}`]);
    await own.append(name, [record("1")]);
    const proxy = await AlteringProxy.start(broker.bootstrap, { fetchTail: 3 });
    t.after(() => proxy.stop());
    const told: (string | null)[] = [];
    const log = await openKafkaLog({
      bootstrap: [proxy.bootstrap],
      clock: systemClock,
      onTrouble: (trouble) => told.push(trouble),
    });
    t.after(() => log.close());
    await log.open([name]);
    const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
    assert.equal(await reader.read(AbortSignal.timeout(8000)), null);
    assert.match(String(told), /^Cannot read from Kafka: a Fetch answer is longer by 3 bytes than version 17 is$/);
    proxy.fetchTail = 0;
    assert.equal((await reader.read())?.topic, name);
    assert.equal(told.at(-1), null);
  });
});
