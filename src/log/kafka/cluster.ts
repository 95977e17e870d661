/** What reading and appending ask of a Kafka cluster. Two ways to get it: our own Fetch and Produce (direct-cluster.ts), and the client library's consumer and producer (library-cluster.ts). */
import type { ConnectionOptions } from "@platformatic/kafka";
import type { NewRecord } from "../log.ts";
import type { RecordSet } from "./fetched.ts";

/** How long one connection attempt may take; a local broker needs one of them, a cluster across a continent 300. */
const CONNECT_MS_MAX = 3000;
/** How long an answer may take before the connection is given up. A fetch waits `FETCH_WAIT_MS` in the broker. */
const ANSWER_MS_MAX = 15_000;

/** How long a fetch waits in the broker when there is nothing new: it ends at the first new record anyway. */
export const FETCH_WAIT_MS = 500;
/** A fetch's answer, bytes. Measured best from 1 to 4 MB (bench/kafka-fetch.ts); two answers per leader are held at most. A larger batch comes alone. */
export const FETCH_BYTES_MAX = 2_097_152;
/** The broker's answer to acks=all may wait for replicas this long, ms. */
export const PRODUCE_MS_MAX = 5000;
/** Tries of one batch again, over three seconds and a half: a leader election, not a broken broker. */
export const PRODUCE_RETRIES = 6;
export const PRODUCE_RETRY_MS_MAX = 1000;
/** "Read committed": records of open and aborted transactions are not readings yet, or never. */
export const READ_COMMITTED = 1;
/** Offsets asked for by these "timestamps" (Kafka protocol, ListOffsets). */
export const LATEST = -1n;
export const EARLIEST = -2n;

/** Passed to the library as it is. */
export type KafkaSecurity = Pick<ConnectionOptions, "tls" | "sasl" | "tlsServerName">;

export interface KafkaAddress extends KafkaSecurity {
  /** `host:port` of some brokers of the cluster. */
  readonly bootstrap: readonly string[];
  readonly clientId: string;
}

/** Where a topic's partitions are led, or why that is unknown. */
export interface LocatedTopic {
  readonly name: string;
  /** "" where it is not known. */
  readonly id: string;
  readonly errorCode: number;
  /** Node by partition number; -1 where no broker leads. */
  readonly leaders: readonly number[];
}

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

export interface OffsetBounds {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** What to fetch of one partition. */
export interface FetchPosition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The offset to read next. */
  readonly next: number;
  /** The leader epoch of the record before it, -1 when unknown: lets the broker tell whether the log was cut back since. */
  readonly epoch: number;
}

/** A transaction that was taken back: its records from `firstOffset` up to its abort marker do not count. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface FetchedPartition {
  /** As the library writes a UUID: lower case, with hyphens. */
  readonly topicId: string;
  readonly partition: number;
  /** A protocol error code; 0 when all is well. */
  readonly errorCode: number;
  /** The offset after the newest record that no open transaction holds back: what "read committed" may read. */
  readonly lastStableOffset: number;
  /** Where the log differs from what was read under an older leader; -1 when it does not. */
  readonly divergedAt: number;
  /** In any order; null when there is none. */
  readonly aborted: readonly AbortedTransaction[] | null;
  /** Batches as they are stored, the last one perhaps cut off; null when there are none. */
  readonly records: RecordSet | null;
}

/** Fetches over connections of its own, so that a fetch that waits holds up nothing else. */
export interface Fetcher {
  /**
   * One request for all `positions`, in this order, to their leader. Waits in the broker for the first record. Partitions without news may be left out.
   * @throws the library's errors, or `Unreadable`
   */
  fetch(node: number, positions: readonly FetchPosition[]): Promise<readonly FetchedPartition[]>;
  close(): Promise<void>;
}

/** Appends over connections of its own, as durably as the topic is configured (acks=all). */
export interface Producing {
  /**
   * The records as one batch of one partition; one call at a time for each partition. What is sent again in here is told apart by its sequence and stored once.
   * @returns the first one's offset, -1 where the broker does not say
   * @throws the library's errors; afterwards the batch may be stored, unless it was refused
   */
  produce(topic: string, partition: number, records: readonly NewRecord[]): Promise<number>;
  close(): Promise<void>;
}

/** Methods throw the library's errors (faults.ts names them), once each: trying again is the caller's business. */
export interface Cluster {
  /** Connects to one of the bootstrap brokers. @throws Unreadable when it does not speak what is needed */
  reach(): Promise<void>;
  /** Where the topics are now; asked anew, creates nothing. In the order of `names`. */
  locate(names: readonly string[]): Promise<LocatedTopic[]>;
  /** All topics that there are, but Kafka's own. */
  list(): Promise<LocatedTopic[]>;
  /** The first offset and the one after the last that "read committed" may read, from the partitions' leader; in the order of `partitions`. */
  offsets(node: number, partitions: readonly PartitionName[]): Promise<OffsetBounds[]>;
  fetcher(): Fetcher;
  producing(): Producing;
  close(): Promise<void>;
}

/** Reading this way can never work here: not a fault that passes, and no damage. The other way may. */
export class Unreadable extends Error {}

/** What every connection is made with. */
export function connectionOptions({ bootstrap: _bootstrap, clientId: _clientId, ...security }: KafkaAddress) {
  return { ...security, connectTimeout: CONNECT_MS_MAX, requestTimeout: ANSWER_MS_MAX };
}
