/** The Kafka log passes the contract of every log, against a real broker: read by our own Fetch, and by the client library's consumer. */
import { test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { systemClock } from "../../src/core/clock.ts";
import { openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { READERS } from "../kafka/reading.ts";
import { logSuite } from "../suites/log-suite.ts";

const skip = skipWithoutKafka();
for (const { name, reader } of READERS) {
  if (skip !== false) {
    test(`log contract: kafka, ${name}`, { skip });
    continue;
  }
  logSuite(`kafka, ${name}`, async () => {
    const broker = await sharedBroker();
    return {
      open: () => openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock, ...reader }),
      trim: async (_log, topic, end) => {
        const admin = new Admin({ clientId: "trim", bootstrapBrokers: [broker.bootstrap] });
        const partitions = [{ partition: 0, offset: BigInt(end >> 1) }];
        await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
        await admin.close();
      },
      dispose: () => broker.stop(),
    };
  });
}
