/** All that a log holds, as the arrivals that the oracle takes: read after the process that wrote it has ended. */
import { Consumer } from "@platformatic/kafka";
import { ManualClock } from "../../src/core/clock.ts";
import { ABSENT, Records } from "../../src/core/records.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import type { Arrival } from "../oracle/oracle.ts";

/** A broker that delivers nothing for so long has nothing more, ms. */
const READ_MS_MAX = 60_000;

/** Reads the embedded log in `directory`. @param nowMs when the arrivals are said to be processed; append times are what counts */
export async function embeddedContents(
  directory: string,
  sensors: readonly string[],
  nowMs: number,
): Promise<Arrival[]> {
  const log = await openEmbeddedLog({ directory, retentionBytes: 2e9, clock: new ManualClock(nowMs) });
  try {
    const arrivals: Arrival[] = [];
    const topics = await log.create(sensors);
    for (const topic of topics) {
      const { start, end } = await log.bounds(topic.name, 0);
      if (start !== 0) throw new Error(`the log of "${topic.name}" was trimmed up to offset ${start}`);
      const reader = log.reader([{ topic: topic.name, partition: 0, offset: 0 }]);
      const records = new Records();
      for (let next = 0; next < end; ) {
        const fetched = await reader.read();
        if (fetched === null || fetched.gap !== null) throw new Error(`the log of "${topic.name}" has a gap`);
        while (fetched.next(records)) {
          for (let i = 0; i < records.count; i++) {
            if (records.offset[i] !== next) throw new Error(`offset ${next} is missing in "${topic.name}"`);
            next++;
            arrivals.push({
              sensor: topic.name,
              topicId: topic.id,
              partition: 0,
              offset: records.offset[i],
              recordTime: records.timestamp[i],
              appendTime: records.appendTime,
              key: bytesAt(records.data, records.keyStart[i], records.keyEnd[i]),
              value: bytesAt(records.data, records.valueStart[i], records.valueEnd[i]),
              nowMs,
            });
          }
        }
      }
      await reader.close();
    }
    return arrivals;
  } finally {
    await log.close();
  }
}

function bytesAt(data: Uint8Array, start: number, end: number): Uint8Array | null {
  return start === ABSENT ? null : data.slice(start, end);
}

/** Reads `count` records of topics with a client that is not ours. Partition after partition, each in order. */
export async function kafkaContents(
  bootstrap: string,
  topics: readonly string[],
  count: number,
  nowMs: number,
): Promise<Arrival[]> {
  const consumer = new Consumer({
    clientId: "reads-back",
    groupId: `reads-back-${topics.join("-")}`,
    bootstrapBrokers: [bootstrap],
  });
  try {
    const arrivals: Arrival[] = [];
    const stream = await consumer.consume({
      topics: [...topics],
      mode: "earliest",
      autocommit: false,
      maxWaitTime: 500,
    });
    const timer = setTimeout(
      () => stream.destroy(new Error(`Kafka has only ${arrivals.length} of ${count} records`)),
      READ_MS_MAX,
    );
    for await (const { topic, partition, offset, timestamp, key, value } of stream) {
      arrivals.push({
        sensor: topic,
        topicId: topic,
        partition,
        offset: Number(offset),
        recordTime: Number(timestamp),
        appendTime: false,
        key: key ?? null,
        value: value ?? null,
        nowMs,
      });
      if (arrivals.length === count) break;
    }
    clearTimeout(timer);
    return arrivals.sort(
      (a, b) => a.sensor.localeCompare(b.sensor) || a.partition - b.partition || a.offset - b.offset,
    );
  } finally {
    await consumer.close(true);
  }
}
