/** Sends ready-made record batches to a broker with bare Produce requests: as fast as the broker takes them, and in any form that a test wants. */
import { setTimeout } from "node:timers/promises";
import { Connection, createAPI, type Reader, Writer } from "@platformatic/kafka";

const PRODUCE_KEY = 0;
/** Names topics by name, has compact fields; every broker from 2.8 to 4.x speaks it. */
const PRODUCE_VERSION = 9;
const ACKS_ALL = -1;
const PRODUCE_MS_MAX = 30_000;

/** The base offset that the broker gave, or the protocol's error code. */
interface Produced {
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** Produce v9 (Kafka protocol): transactional_id, acks, timeout_ms, topics: name, partitions: index, records. One partition here. */
const produce = createAPI<[topic: string, partition: number, batch: Uint8Array], Produced>(
  PRODUCE_KEY,
  PRODUCE_VERSION,
  (topic: string, partition: number, batch: Uint8Array) =>
    Writer.create()
      .appendString(null)
      .appendInt16(ACKS_ALL)
      .appendInt32(PRODUCE_MS_MAX)
      .appendArray([topic], (w, name) => {
        w.appendString(name).appendArray([partition], (partitions, index) => {
          const records = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
          partitions
            .appendInt32(index)
            .appendUnsignedVarInt(records.length + 1)
            .append(records);
        });
      })
      .appendTaggedFields(),
  (_correlation, _key, _version, reader: Reader) => {
    reader.readUnsignedVarInt();
    reader.readString();
    reader.readUnsignedVarInt();
    reader.readInt32();
    return { errorCode: reader.readInt16(), baseOffset: Number(reader.readInt64()) };
  },
);

/** One connection to one broker. */
/** A broker says so of a partition that it does not lead yet, just after its topic was made: unknown topic, no leader, not the leader. */
const NOT_YET: ReadonlySet<number> = new Set([3, 5, 6]);
const TRIES_MAX = 100;
const PAUSE_MS = 50;

export class RawProducer {
  readonly #connection = new Connection("raw-producer");

  static async connect(bootstrap: string): Promise<RawProducer> {
    const producer = new RawProducer();
    const [host, port] = bootstrap.split(":");
    await producer.#connection.connect(host, Number(port));
    return producer;
  }

  /** @returns the offset of the batch's first record. @throws Error with the protocol's error code */
  async send(topic: string, partition: number, batch: Uint8Array): Promise<number> {
    for (let tries = 1; ; tries++) {
      const { errorCode, baseOffset } = await produce.async(this.#connection, topic, partition, batch);
      if (errorCode === 0) return baseOffset;
      if (!NOT_YET.has(errorCode) || tries === TRIES_MAX) {
        throw new Error(`Cannot produce to "${topic}" partition ${partition}: error ${errorCode}`);
      }
      await setTimeout(PAUSE_MS);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}
