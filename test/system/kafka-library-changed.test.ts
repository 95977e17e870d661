/** A client library that no longer exports what our own Fetch is made of: found at opening, and its consumer reads instead. In a process of its own, as modules load once. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { registerHooks } from "node:module";
import { test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { readRecords, record, values } from "../suites/log-suite.ts";

test("an export that is gone", { skip: skipWithoutKafka() }, async (t) => {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith("/direct-cluster.ts")) return loaded;
      return { ...loaded, source: String(loaded.source).replaceAll("createAPI", "createAPIofThePast") };
    },
  });
  const broker = await sharedBroker();
  t.after(() => broker.stop());
  const notices: string[] = [];
  const onFallBack = (notice: string): number => notices.push(notice);
  const log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock, onFallBack });
  t.after(() => log.close());
  assert.equal(notices.length, 1);
  assert.match(notices[0], /not the one it was made for \(.*createAPIofThePast/);
  assert.equal(log.notice, notices[0]);
  const [{ name }] = await log.create([`changed-${randomUUID()}`]);
  await log.append(name, [record("1"), record("2")]);
  const reader = log.reader([{ topic: name, partition: 0, offset: 0 }]);
  assert.deepEqual(values(await readRecords(reader, 2)), ["1", "2"]);
});
