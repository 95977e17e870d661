/** The fast way to append: our own record batches (batch-writer.ts) over the client library's connections. */
import {
  type Connection,
  type ConnectionOptions,
  ConnectionPool,
  createAPI,
  initProducerIdV4,
  type Reader,
  ResponseError,
  Writer,
} from "@platformatic/kafka";
import type { Clock } from "../../core/clock.ts";
import { type BatchProducer, encodeBatch } from "../batch-writer.ts";
import { asBuffer } from "../compression.ts";
import type { NewRecord } from "../log.ts";
import { PRODUCE_MS_MAX, PRODUCE_RETRIES, PRODUCE_RETRY_MS_MAX, type Producing } from "./cluster.ts";
import { DUPLICATE_SEQUENCE_NUMBER, NONE, operatingError, PRODUCER_STATE_LOST } from "./faults.ts";
import type { Pause } from "./pause.ts";

const PRODUCE_KEY = 0;
/** Names topics by name; every broker from 2.4 to 4.x speaks it. */
const PRODUCE_VERSION = 9;
const ACKS_ALL = -1;
/** Sequences count on from 0 behind it. */
const SEQUENCE_MAX = 0x7fffffff;
/** Of a transaction; there is none. */
const NO_TIMEOUT = 0;

interface Produced {
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** Produce v9 (Kafka protocol, "Produce API"): transactional_id, acks, timeout_ms, topics: name, partitions: index, records. One batch of one partition. */
function createRequest(topic: string, partition: number, batch: Buffer): Writer {
  return Writer.create()
    .appendString(null)
    .appendInt16(ACKS_ALL)
    .appendInt32(PRODUCE_MS_MAX)
    .appendArray([topic], (topics, name) => {
      topics.appendString(name).appendArray([partition], (partitions, index) => {
        partitions
          .appendInt32(index)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch);
      });
    })
    .appendTaggedFields();
}

/** The answer's beginning is all that is of use: topics: name, partitions: index, error_code, base_offset … */
function parseResponse(_correlationId: number, _apiKey: number, _version: number, reader: Reader): Produced {
  reader.readUnsignedVarInt();
  reader.readString();
  reader.readUnsignedVarInt();
  reader.readInt32();
  return { errorCode: reader.readInt16(), baseOffset: Number(reader.readInt64()) };
}

const produceApi = createAPI<[topic: string, partition: number, batch: Buffer], Produced>(
  PRODUCE_KEY,
  PRODUCE_VERSION,
  createRequest,
  parseResponse,
);

/** The calls that a broker must speak, in these versions. */
export const PRODUCING_APIS = [produceApi, initProducerIdV4.api] as const;

/** Where one partition's leader is, as an address; asked anew each time. */
export type FindLeader = (topic: string, partition: number) => Promise<{ host: string; port: number }>;

/** What is known of one partition. */
interface Lane {
  leader: { host: string; port: number } | null;
  /**
   * Whose the next batch is. Null before the first, and after a batch whose fate is not known: its sequence may be used or not, and under a new id
   * nothing that follows can be taken for it.
   */
  producer: BatchProducer | null;
}

export class DirectProducing implements Producing {
  readonly #pool: ConnectionPool;
  readonly #findLeader: FindLeader;
  readonly #clock: Clock;
  readonly #pause: Pause;
  readonly #stop = new AbortController();
  readonly #lanes = new Map<string, Lane>();

  constructor(clientId: string, options: ConnectionOptions, findLeader: FindLeader, clock: Clock, pause: Pause) {
    this.#pool = new ConnectionPool(clientId, options);
    this.#findLeader = findLeader;
    this.#clock = clock;
    this.#pause = pause;
  }

  async produce(topic: string, partition: number, records: readonly NewRecord[]): Promise<number> {
    const key = `${topic}/${partition}`;
    const lane = this.#lanes.get(key) ?? { leader: null, producer: null };
    this.#lanes.set(key, lane);
    const timestamp = this.#clock.now(); // once: what is sent again is the same batch to the byte
    for (let tries = 0; ; tries++) {
      try {
        return await this.#attempt(lane, topic, partition, records, timestamp);
      } catch (error) {
        const { code } = operatingError("append", error);
        const passes = code === "log-unreachable" || code === "topic-missing";
        if (!passes || tries === PRODUCE_RETRIES || this.#stop.signal.aborted) {
          this.#lanes.delete(key);
          throw error;
        }
        lane.leader = null;
        await this.#pause(Math.min(PRODUCE_RETRY_MS_MAX, 100 * 2 ** tries), this.#stop.signal);
      }
    }
  }

  async #attempt(
    lane: Lane,
    topic: string,
    partition: number,
    records: readonly NewRecord[],
    timestamp: number,
  ): Promise<number> {
    lane.leader ??= await this.#findLeader(topic, partition);
    const connection = await this.#pool.get(lane.leader);
    lane.producer ??= await newProducer(connection);
    const { producer } = lane;
    const batch = asBuffer(encodeBatch({ baseOffset: 0, records, timestamp, producer }));
    const { errorCode, baseOffset } = await produceApi.async(connection, topic, partition, batch);
    if (errorCode === NONE || errorCode === DUPLICATE_SEQUENCE_NUMBER) {
      lane.producer = { ...producer, sequence: after(producer.sequence, records.length) };
      return errorCode === NONE ? baseOffset : -1;
    }
    // The leader lacks batches before this one, or has forgotten the producer: it has not stored this one either.
    if (PRODUCER_STATE_LOST.has(errorCode)) lane.producer = null;
    throw new ResponseError(PRODUCE_KEY, PRODUCE_VERSION, { [`${topic}/${partition}`]: [errorCode, null] }, null);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#pool.close();
  }
}

async function newProducer(connection: Connection): Promise<BatchProducer> {
  const { producerId, producerEpoch } = await initProducerIdV4.api.async(connection, null, NO_TIMEOUT);
  return { id: Number(producerId), epoch: producerEpoch, sequence: 0 };
}

function after(sequence: number, count: number): number {
  const next = sequence + count;
  return next > SEQUENCE_MAX ? next - SEQUENCE_MAX - 1 : next;
}
