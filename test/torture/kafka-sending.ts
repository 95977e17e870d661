/** Arrivals of a generated history → records of a real broker, with the producers' timestamps, by a client that is not ours: every codec, batches of all sizes. */
import { Admin, Consumer, Producer } from "@platformatic/kafka";
import type { Arrival } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
/** Brokers take requests of 1 MiB by default; the records over it that a history has shrink to nothing when they are compressed. */
const REQUEST_BYTES_MAX = 400_000;
const BATCH_RECORDS_MAX = 500;
/** A broker that was killed is back within this, in all tries together. */
const PATIENCE = { retries: 240, retryDelay: 250 };

export async function createTopics(bootstrap: string, topics: readonly string[], partitions: number): Promise<void> {
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: [bootstrap] });
  try {
    await admin.createTopics({ topics: [...topics], partitions, replicas: 1 });
  } finally {
    await admin.close();
  }
}

export async function deleteTopics(bootstrap: string, topics: readonly string[]): Promise<void> {
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: [bootstrap] });
  try {
    await admin.deleteTopics({ topics: [...topics] });
  } finally {
    await admin.close();
  }
}

/** How many records each topic holds, if none was ever trimmed. */
export async function endOffsets(bootstrap: string, topics: readonly string[]): Promise<Map<string, number>> {
  const consumer = new Consumer({ clientId: "tests", groupId: "tests", bootstrapBrokers: [bootstrap] });
  try {
    const offsets = await consumer.listOffsets({ topics: [...topics] });
    return new Map([...offsets].map(([topic, ends]) => [topic, ends.reduce((sum, offset) => sum + Number(offset), 0)]));
  } finally {
    await consumer.close();
  }
}

/** One partition's arrivals, in batches as they are sent. */
function batchesOf(arrivals: readonly Arrival[], random: Seeded): Arrival[][] {
  const batches: Arrival[][] = [];
  let [size, bytes] = [0, 0];
  for (const arrival of arrivals) {
    const length = arrival.value?.length ?? 0;
    const batch = batches.at(-1);
    if (batch === undefined || batch.length >= size || bytes + length > REQUEST_BYTES_MAX) {
      batches.push([arrival]);
      size = Math.ceil(random.scale(1, BATCH_RECORDS_MAX));
      bytes = 0;
    } else batch.push(arrival);
    bytes += length;
  }
  return batches;
}

/**
 * Sends all arrivals, each partition's in order, several partitions at a time; resolves when the broker has acknowledged all.
 * @param onSent called after each batch with the number of its records; it may wait
 */
export async function produce(
  bootstrap: string,
  arrivals: readonly Arrival[],
  seed: number,
  onSent: (records: number) => Promise<void> | void = () => {},
): Promise<void> {
  const random = new Seeded(seed);
  const lanes = Map.groupBy(arrivals, ({ sensor, partition }) => `${sensor}/${partition}`);
  const plans = [...lanes.values()].map((lane) =>
    batchesOf(lane, random).map((batch) => ({
      batch,
      codec: (batch[0].value?.length ?? 0) > REQUEST_BYTES_MAX ? "gzip" : random.pick(CODECS),
    })),
  );
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...{ clientId: "tests", bootstrapBrokers: [bootstrap] },
    ...PATIENCE,
  });
  try {
    const send = async (plan: (typeof plans)[number]): Promise<void> => {
      for (const { batch, codec } of plan) {
        const messages = batch.map(({ sensor, partition, recordTime, key, value }) => ({
          topic: sensor,
          partition,
          timestamp: BigInt(recordTime),
          ...(key === null ? {} : { key: Buffer.from(key) }),
          ...(value === null ? {} : { value: Buffer.from(value) }),
        }));
        await producer.send({ acks: -1, compression: codec, messages });
        await onSent(batch.length);
      }
    };
    await Promise.all(plans.map(send));
  } finally {
    await producer.close();
  }
}
