/** The client library's producer and administration: what appends, makes topics and writes a group's offsets. Reading has its own doors (cluster.ts). */
import { Admin, murmur2, Producer } from "@platformatic/kafka";
import { connectionOptions, type KafkaAddress } from "./cluster.ts";

/** The broker's answer to acks=all may wait for replicas this long, ms. */
const PRODUCE_MS_MAX = 5000;
/** Six tries over three seconds and a half: a leader election, not a broken broker. */
const PRODUCE_RETRIES = 6;
const PRODUCE_RETRY_MS_MAX = 1000;

export interface OutgoingMessage {
  readonly topic: string;
  readonly partition: number;
  readonly value: Buffer;
  readonly key?: Buffer;
}

/** Methods throw the library's errors (faults.ts names them). */
export class KafkaClient {
  readonly #admin: Admin;
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>;

  constructor(address: KafkaAddress) {
    const { clientId, bootstrap } = address;
    const options = connectionOptions(address);
    const base = { ...options, clientId, bootstrapBrokers: [...bootstrap], retries: 0, metadataMaxAge: 0 };
    this.#admin = new Admin(base);
    this.#producer = new Producer({
      ...base,
      idempotent: true,
      timeout: PRODUCE_MS_MAX,
      retries: PRODUCE_RETRIES,
      retryDelay: (_producer, _operation, attempt) => Math.min(PRODUCE_RETRY_MS_MAX, 100 * 2 ** (attempt - 1)),
      metadataMaxAge: 60_000,
    });
  }

  /** Replication factor -1: the broker's own default. */
  async createTopics(names: readonly string[], partitions: number): Promise<void> {
    await this.#admin.createTopics({ topics: [...names], partitions, replicas: -1 });
  }

  /** Messages of one partition, acks=all, idempotent: durable as the topic is configured when it resolves. @returns the first one's offset */
  async produce(messages: readonly OutgoingMessage[]): Promise<number> {
    const { offsets } = await this.#producer.send({ messages: [...messages] });
    return Number(offsets?.[0].offset ?? 0n);
  }

  /** Writes a group's offsets without being its member. */
  async commitOffsets(
    groupId: string,
    topics: { name: string; partitionOffsets: { partition: number; offset: bigint }[] }[],
  ) {
    await this.#admin.alterConsumerGroupOffsets({ groupId, topics });
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#producer.close(), this.#admin.close()]);
  }
}

/** What Kafka's own Java client takes modulo the number of partitions to choose a key's: murmur2 of its bytes. */
export function keyHash(key: Buffer): number {
  return murmur2(key) & 0x7fffffff;
}
