/** Appends our own record batches (batch-writer.ts) over the client library's connections. */
import { type ConnectionOptions, ConnectionPool, ProtocolError } from "@platformatic/kafka";
import type { Clock } from "../../core/clock.ts";
import { type BatchProducer, encodeBatch } from "../batch-writer.ts";
import { asBuffer } from "../compression.ts";
import type { NewRecord } from "../log.ts";
import type { BrokerAddress } from "./address.ts";
import { type BrokerLink, linkTo } from "./broker-link.ts";
import { DUPLICATE_SEQUENCE_NUMBER, NONE, operatingError, PRODUCER_STATE_LOST } from "./faults.ts";
import type { Pause } from "./pause.ts";

/** Sequences count on from 0 behind it. */
const SEQUENCE_MAX = 0x7fffffff;
/** Of a transaction; there is none. */
const NO_TIMEOUT = 0;
/** Not known yet: none before it. */
const NO_PRODUCER = -1n;
const NO_EPOCH = -1;
/** Tries of one batch again, over three seconds and a half: a leader election, not a broken broker. */
export const RETRIES_MAX = 6;
const RETRY_MS_MAX = 1000;

/** Where one partition's leader is, as an address; asked anew each time. */
type FindLeader = (topic: string, partition: number) => Promise<BrokerAddress>;

/** The destination of one partition's batches. */
interface Destination {
  leader: BrokerAddress | null;
  /**
   * The producer id of the next batch. Null before the first, and after a batch whose fate is unknown: its sequence may be used or not, and under a
   * new id no later batch can be mistaken for it.
   */
  producer: BatchProducer | null;
}

/** Appends as durably as the topic is configured (acks=all). */
export class Producer {
  readonly #pool: ConnectionPool;
  readonly #findLeader: FindLeader;
  readonly #clock: Clock;
  readonly #pause: Pause;
  readonly #stop = new AbortController();
  readonly #destinations = new Map<string, Destination>();

  constructor(clientId: string, options: ConnectionOptions, findLeader: FindLeader, clock: Clock, pause: Pause) {
    this.#pool = new ConnectionPool(clientId, options);
    this.#findLeader = findLeader;
    this.#clock = clock;
    this.#pause = pause;
  }

  /**
   * Appends the records as one batch of one partition; one call at a time for each partition. The broker recognises resends by their sequence.
   * @returns the first one's offset, -1 where the broker does not say
   * @throws the library's errors; afterwards the batch may be stored, unless it was refused
   */
  async produce(topic: string, partition: number, records: readonly NewRecord[]): Promise<number> {
    const key = `${topic}/${partition}`;
    const destination = this.#destinations.get(key) ?? { leader: null, producer: null };
    this.#destinations.set(key, destination);
    const timestamp = this.#clock.now(); // once: what is sent again is the same batch to the byte
    for (let tries = 0; ; tries++) {
      try {
        return await this.#attempt(destination, topic, partition, records, timestamp);
      } catch (error) {
        const { code } = operatingError("append", error);
        const passes = code === "log-unreachable" || code === "topic-missing";
        if (!passes || tries === RETRIES_MAX || this.#stop.signal.aborted) {
          this.#destinations.delete(key);
          throw error;
        }
        destination.leader = null;
        await this.#pause(Math.min(RETRY_MS_MAX, 100 * 2 ** tries), this.#stop.signal);
      }
    }
  }

  async #attempt(
    destination: Destination,
    topic: string,
    partition: number,
    records: readonly NewRecord[],
    timestamp: number,
  ): Promise<number> {
    destination.leader ??= await this.#findLeader(topic, partition);
    const link = await linkTo(await this.#pool.get(destination.leader));
    destination.producer ??= await newProducer(link);
    const { producer } = destination;
    const batch = asBuffer(encodeBatch({ baseOffset: 0, records, timestamp, producer }));
    const { errorCode, baseOffset } = await link.produce.async(link.connection, topic, partition, batch);
    if (errorCode === NONE || errorCode === DUPLICATE_SEQUENCE_NUMBER) {
      destination.producer = { ...producer, sequence: after(producer.sequence, records.length) };
      return errorCode === NONE ? baseOffset : -1;
    }
    // The leader lacks batches before this one, or has forgotten the producer: it has not stored this one either.
    if (PRODUCER_STATE_LOST.has(errorCode)) destination.producer = null;
    throw new ProtocolError(errorCode);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#pool.close();
  }
}

async function newProducer({ connection, initProducerId }: BrokerLink): Promise<BatchProducer> {
  const asked = await initProducerId.async(connection, null, NO_TIMEOUT, NO_PRODUCER, NO_EPOCH);
  const { producerId, producerEpoch } = asked;
  return { id: Number(producerId), epoch: producerEpoch, sequence: 0 };
}

function after(sequence: number, count: number): number {
  const next = sequence + count;
  return next > SEQUENCE_MAX ? next - SEQUENCE_MAX - 1 : next;
}
