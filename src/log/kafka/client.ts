/** The client library's administration: creates topics and writes a group's offsets. Reading and appending have requests of their own (cluster.ts). */
import { Admin, murmur2 } from "@platformatic/kafka";
import { connectionOptions, type KafkaAddress } from "./address.ts";

/** Methods throw the library's errors (faults.ts names them). */
export class KafkaClient {
  readonly #admin: Admin;

  constructor(address: KafkaAddress) {
    const { clientId, bootstrap } = address;
    const bounds = { retries: 0, metadataMaxAge: 0 };
    this.#admin = new Admin({ ...connectionOptions(address), ...bounds, clientId, bootstrapBrokers: [...bootstrap] });
  }

  /** Replication factor -1: the broker's own default. */
  async createTopics(names: readonly string[], partitions: number): Promise<void> {
    await this.#admin.createTopics({ topics: [...names], partitions, replicas: -1 });
  }

  /** Writes a group's offsets without being its member. */
  async commitOffsets(
    groupId: string,
    topics: { name: string; partitionOffsets: { partition: number; offset: bigint }[] }[],
  ) {
    await this.#admin.alterConsumerGroupOffsets({ groupId, topics });
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }
}

/** What Kafka's own Java client takes modulo the number of partitions to choose a key's: murmur2 of its bytes. */
export function keyHash(key: Buffer): number {
  return murmur2(key) & 0x7fffffff;
}
