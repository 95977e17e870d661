/** The fall-back way to append: the client library's own idempotent producer, an object per record. About ten times slower than direct-producing.ts. */
import { Producer } from "@platformatic/kafka";
import { asBuffer } from "../compression.ts";
import type { NewRecord } from "../log.ts";
import {
  connectionOptions,
  type KafkaAddress,
  PRODUCE_MS_MAX,
  PRODUCE_RETRIES,
  PRODUCE_RETRY_MS_MAX,
  type Producing,
} from "./cluster.ts";

export class LibraryProducing implements Producing {
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>;

  constructor(address: KafkaAddress) {
    this.#producer = new Producer({
      ...connectionOptions(address),
      clientId: address.clientId,
      bootstrapBrokers: [...address.bootstrap],
      idempotent: true,
      timeout: PRODUCE_MS_MAX,
      retries: PRODUCE_RETRIES,
      retryDelay: (_producer, _operation, attempt) => Math.min(PRODUCE_RETRY_MS_MAX, 100 * 2 ** (attempt - 1)),
      metadataMaxAge: 60_000,
    });
  }

  async produce(topic: string, partition: number, records: readonly NewRecord[]): Promise<number> {
    const messages = records.map(({ key, value }) => ({
      topic,
      partition,
      value: asBuffer(value),
      ...(key && { key: asBuffer(key) }),
    }));
    const { offsets } = await this.#producer.send({ messages });
    return Number(offsets?.[0].offset ?? -1);
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}
