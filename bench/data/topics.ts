/** Fills Kafka topics with seeded readings, as fast as the broker takes ready-made batches. The same bytes for all who read them. */
import { Admin } from "@platformatic/kafka";
import { Random } from "../../src/core/random.ts";
import { BatchWriter } from "../../src/log/batch-writer.ts";
import { RawProducer } from "../../test/kafka/raw-producer.ts";
import type { JsonStream } from "./json-stream.ts";

/** librdkafka's defaults close a batch here (`batch.num.messages`, `batch.size`); Java's producer at 16 KB. */
const BATCH_RECORDS = 10_000;
const BATCH_BYTES = 1_000_000;
/** Batches under way at once. */
const PIPELINE = 4;
/** Event times of all benches begin here: 2020-01-13, as in the README's example. */
export const START_MS = Date.UTC(2020, 0, 13);

export interface Filled {
  readonly topic: string;
  readonly records: number;
  readonly batches: number;
  /** Of all batches together, as sent. */
  readonly bytes: number;
  /** Of keys and values alone. */
  readonly payloadBytes: number;
}

async function createTopic(bootstrap: string, topic: string, partitions: number): Promise<void> {
  const admin = new Admin({ clientId: "bench", bootstrapBrokers: [bootstrap] });
  try {
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  } finally {
    await admin.close();
  }
}

/** Calls `add` for record after record and sends the batches to the partitions in turn. */
async function fill(
  bootstrap: string,
  topic: string,
  partitions: number,
  records: number,
  timeOf: (i: number) => number,
  valueAt: (i: number) => Uint8Array,
  batchRecords: number,
): Promise<Filled> {
  await createTopic(bootstrap, topic, partitions);
  const producer = await RawProducer.connect(bootstrap);
  const sent: Promise<number>[] = [];
  let bytes = 0;
  let payloadBytes = 0;
  for (let i = 0; i < records; ) {
    const writer = new BatchWriter();
    const baseTimestamp = timeOf(i);
    let maxTimestamp = baseTimestamp;
    for (; i < records && writer.count < batchRecords && writer.length < BATCH_BYTES; i++) {
      const value = valueAt(i);
      const time = timeOf(i);
      if (time > maxTimestamp) maxTimestamp = time;
      payloadBytes += value.length;
      writer.add(undefined, value, time - baseTimestamp);
    }
    const batch = writer.finish({ baseOffset: 0, baseTimestamp, maxTimestamp, appendTime: false });
    bytes += batch.length;
    sent.push(producer.send(topic, sent.length % partitions, batch));
    if (sent.length >= PIPELINE) await sent[sent.length - PIPELINE];
  }
  await Promise.all(sent);
  await producer.close();
  return { topic, records, batches: sent.length, bytes, payloadBytes };
}

/** Bare integers 0–100, `stepMs` apart. */
export function fillIntegers(
  bootstrap: string,
  topic: string,
  options: { readonly records: number; readonly partitions: number; readonly stepMs: number; batchRecords?: number },
): Promise<Filled> {
  const { records, partitions, stepMs, batchRecords = BATCH_RECORDS } = options;
  const values = Array.from({ length: 101 }, (_, i) => Buffer.from(String(i)));
  const random = new Random(1);
  return fill(
    bootstrap,
    topic,
    partitions,
    records,
    (i) => START_MS + i * stepMs,
    () => random.pick(values),
    batchRecords,
  );
}

/** JSON readings as `stream` has them; a record's own timestamp rises by a millisecond, as if all had just been sent. */
export function fillJson(bootstrap: string, topic: string, partitions: number, stream: JsonStream): Promise<Filled> {
  return fill(
    bootstrap,
    topic,
    partitions,
    stream.records,
    (i) => stream.endMs + i,
    (i) => stream.bytes(i),
    BATCH_RECORDS,
  );
}
