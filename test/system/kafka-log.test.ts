/** The Kafka log passes the contract of every log, against a real broker: in the newest versions of the protocol, and in those of older and of other brokers. */
import { describe } from "node:test";
import { Admin } from "@platformatic/kafka";
import { systemClock } from "../../src/core/clock.ts";
import { openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { AlteringProxy, VERSIONS } from "../kafka/altering-proxy.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { logSuite } from "../suites/log-suite.ts";

const SPOKEN = [["the newest versions", new Map()], ...VERSIONS] as const;

// Beside each other, as they mostly wait: a broker holds a fetch, a watcher looks each three seconds.
describe("log contract", { skip: skipWithoutKafka(), concurrency: SPOKEN.length }, () => {
  for (const [name, versionMax] of SPOKEN) {
    logSuite(`kafka, ${name}`, async () => {
      const broker = await sharedBroker();
      const proxy = await AlteringProxy.start(broker.bootstrap, { versionMax });
      return {
        open: () => openKafkaLog({ bootstrap: [proxy.bootstrap], clock: systemClock }),
        trim: async (_log, topic, end) => {
          const admin = new Admin({ clientId: "trim", bootstrapBrokers: [broker.bootstrap] });
          const partitions = [{ partition: 0, offset: BigInt(end >> 1) }];
          await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
          await admin.close();
        },
        dispose: async () => {
          await proxy.stop();
          await broker.stop();
        },
      };
    });
  }
});
