/** The Kafka client library behind one door: connections (TLS, SASL), metadata and offsets are its own; what a fetch brings stays bytes (fetch-response.ts). */
import {
  Admin,
  type API,
  apiVersionsV3,
  type Connection,
  type ConnectionOptions,
  ConnectionPool,
  createAPI,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  listOffsetsV7,
  metadataV12,
  murmur2,
  Producer,
  ResponseError,
} from "@platformatic/kafka";
import { TidemarkError } from "../../core/errors.ts";
import { type FetchedPartition, type FetchResponse, parseFetchResponse } from "./fetch-response.ts";

/** How long one connection attempt may take; a local broker needs one of them, a cluster across a continent 300. */
const CONNECT_MS_MAX = 3000;
/** How long an answer may take before the connection is given up. A fetch waits `FETCH_WAIT_MS` in the broker. */
const ANSWER_MS_MAX = 15_000;
/** How long a fetch waits in the broker when there is nothing new: it ends at the first new record anyway. */
const FETCH_WAIT_MS = 500;
/** A fetch's answer, bytes. Measured best from 1 to 4 MB (bench/kafka-fetch.ts); two answers per leader are held at most. A larger batch comes alone. */
export const FETCH_BYTES_MAX = 2_097_152;
/** "Read committed": records of open and aborted transactions are not readings yet, or never. */
const READ_COMMITTED = 1;
/** No fetch session: each request says all it wants. */
const NO_SESSION = 0;
const FINAL_EPOCH = -1;
/** Offsets asked for by these "timestamps" (Kafka protocol, ListOffsets). */
const LATEST = -1n;
const EARLIEST = -2n;
const CONSUMER_REPLICA = -1;
const FETCH_KEY = 1;

/** The broker's answer to acks=all may wait for replicas this long, ms. */
const PRODUCE_MS_MAX = 5000;
/** Six tries over three seconds and a half: a leader election, not a broken broker. */
const PRODUCE_RETRIES = 6;
const PRODUCE_RETRY_MS_MAX = 1000;

/** The Fetch versions that name topics by id (Kafka 3.1 and later), each with our parser. */
const FETCH_APIS: ReadonlyMap<number, API<fetchV17.FetchRequest, FetchResponse>> = new Map(
  [fetchV13, fetchV14, fetchV15, fetchV16, fetchV17].map(({ api, createRequest }) => [
    api.version,
    createAPI<fetchV17.FetchRequest, FetchResponse>(FETCH_KEY, api.version, createRequest, parseFetchResponse),
  ]),
);

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
  readonly topicId: string;
  readonly partition: number;
  /** The offset to read next. */
  readonly next: number;
  /** The leader epoch of the record before it, -1 when unknown: lets the broker tell whether the log was cut back since. */
  readonly epoch: number;
}

export interface OutgoingMessage {
  readonly topic: string;
  readonly partition: number;
  readonly value: Buffer;
  readonly key?: Buffer;
}

/** A connection of one broker, with the Fetch version that both sides speak. */
interface FetchLink {
  readonly connection: Connection;
  readonly api: API<fetchV17.FetchRequest, FetchResponse>;
}

/** Fetches over connections of its own, so that a fetch that waits holds up nothing else. */
export class Fetcher {
  readonly #client: KafkaClient;
  readonly #pool: ConnectionPool;
  readonly #links = new Map<number, FetchLink>();

  constructor(client: KafkaClient, clientId: string, options: ConnectionOptions) {
    this.#client = client;
    this.#pool = new ConnectionPool(clientId, options);
  }

  /** One request for all `positions`, in this order, to their leader. Waits in the broker for the first record. @throws the library's errors */
  async fetch(node: number, positions: readonly FetchPosition[]): Promise<readonly FetchedPartition[]> {
    const { connection, api } = await this.#link(node);
    const topics = new Map<string, fetchV17.FetchRequestPartition[]>();
    for (const { topicId, partition, next, epoch } of positions) {
      const partitions = topics.get(topicId) ?? [];
      topics.set(topicId, partitions);
      partitions.push({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(next),
        lastFetchedEpoch: epoch,
        partitionMaxBytes: FETCH_BYTES_MAX,
      });
    }
    const request = [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
    const response = await api.async(
      connection,
      FETCH_WAIT_MS,
      1,
      FETCH_BYTES_MAX,
      READ_COMMITTED,
      NO_SESSION,
      FINAL_EPOCH,
      request,
      [],
      "",
    );
    if (response.errorCode !== 0)
      throw new ResponseError(FETCH_KEY, api.version, { "": [response.errorCode, null] }, null);
    return response.partitions;
  }

  async #link(node: number): Promise<FetchLink> {
    const connection = await this.#pool.get(this.#client.addressOf(node));
    const known = this.#links.get(node);
    if (known?.connection === connection) return known;
    const link = { connection, api: await fetchApi(connection) };
    this.#links.set(node, link);
    return link;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** The newest Fetch version that the broker and we speak. @throws TidemarkError "log-refused" */
async function fetchApi(connection: Connection): Promise<API<fetchV17.FetchRequest, FetchResponse>> {
  const { apiKeys } = await apiVersionsV3.api.async(connection, "tidemark", "1");
  const range = apiKeys.find(({ apiKey }) => apiKey === FETCH_KEY);
  const usable = [...FETCH_APIS.keys()].filter((v) => range && v >= range.minVersion && v <= range.maxVersion);
  const api = FETCH_APIS.get(Math.max(...usable));
  if (api === undefined) {
    throw new TidemarkError(
      "log-refused",
      `Cannot read from Kafka at ${connection.host}:${connection.port}: it must speak Fetch 13 to 17 (Kafka 3.1 or later), speaks ${range?.minVersion} to ${range?.maxVersion}`,
    );
  }
  return api;
}

/** Everything tidemark asks of a Kafka cluster. Methods throw the library's errors (faults.ts names them), once each: trying again is the caller's business. */
export class KafkaClient {
  readonly #clientId: string;
  readonly #options: ConnectionOptions;
  readonly #bootstrap: readonly { host: string; port: number }[];
  readonly #admin: Admin;
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>;
  #nodes = new Map<number, { host: string; port: number }>();
  /** Which bootstrap broker is asked first: moves on after a failure. */
  #first = 0;

  constructor({ bootstrap, clientId, ...security }: KafkaAddress) {
    this.#clientId = clientId;
    this.#options = { ...security, connectTimeout: CONNECT_MS_MAX, requestTimeout: ANSWER_MS_MAX };
    this.#bootstrap = bootstrap.map(parseAddress);
    const base = { ...this.#options, clientId, bootstrapBrokers: [...bootstrap], retries: 0, metadataMaxAge: 0 };
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

  /** The address that the cluster gives for a node. */
  addressOf(node: number): { host: string; port: number } {
    const address = this.#nodes.get(node);
    if (address === undefined) throw new Error(`node ${node} is not in the cluster's metadata`);
    return address;
  }

  /** Connects to one of the bootstrap brokers. @throws TidemarkError "log-refused" when it is too old */
  async reach(): Promise<void> {
    await fetchApi(await this.#connection());
  }

  async #connection(): Promise<Connection> {
    const brokers = [...this.#bootstrap.slice(this.#first), ...this.#bootstrap.slice(0, this.#first)];
    for (const node of this.#nodes.values()) {
      if (!brokers.some(({ host, port }) => host === node.host && port === node.port)) brokers.push(node);
    }
    return this.#admin.connections.getFirstAvailable(brokers);
  }

  /** Where the topics are now; asked anew, creates nothing. In the order of `names`. */
  async locate(names: readonly string[]): Promise<LocatedTopic[]> {
    const response = await this.#metadata(names);
    this.#nodes = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    const byName = new Map(response.topics.map((topic) => [topic.name, topic]));
    return names.map((name) => {
      const topic = byName.get(name);
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of topic?.partitions ?? []) leaders[partitionIndex] = leaderId;
      return { name, id: topic?.topicId ?? "", errorCode: topic?.errorCode ?? -1, leaders: [...leaders] };
    });
  }

  /** The library throws when any topic or partition has an error; the others' answers are in the error. */
  async #metadata(names: readonly string[]): Promise<metadataV12.MetadataResponse> {
    try {
      return await metadataV12.api.async(await this.#connection(), [...names], false, false);
    } catch (error) {
      if (error instanceof ResponseError) return error.response;
      this.#first = (this.#first + 1) % this.#bootstrap.length;
      throw error;
    }
  }

  /** Replication factor -1: the broker's own default. */
  async createTopics(names: readonly string[], partitions: number): Promise<void> {
    await this.#admin.createTopics({ topics: [...names], partitions, replicas: -1 });
  }

  /** The first offset and the one after the last that "read committed" may read, from the partitions' leader; in the order of `partitions`. */
  async offsets(node: number, partitions: readonly PartitionName[]): Promise<OffsetBounds[]> {
    const connection = await this.#admin.connections.get(this.addressOf(node));
    const ask = async (timestamp: bigint): Promise<(partition: PartitionName) => number> => {
      const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, own]) => ({
        name,
        partitions: own.map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp })),
      }));
      const answer = await listOffsetsV7.api.async(connection, CONSUMER_REPLICA, READ_COMMITTED, topics);
      const found = new Map<string, number>();
      for (const topic of answer.topics) {
        for (const one of topic.partitions) found.set(`${topic.name}/${one.partitionIndex}`, Number(one.offset));
      }
      return ({ topic, partition }) => found.get(`${topic}/${partition}`) ?? 0;
    };
    const [start, end] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
    return partitions.map((partition) => ({ start: start(partition), end: end(partition) }));
  }

  fetcher(): Fetcher {
    return new Fetcher(this, this.#clientId, this.#options);
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

function parseAddress(text: string): { host: string; port: number } {
  const match = /^\[?(.+?)\]?:(\d+)$/.exec(text);
  return match === null ? { host: text, port: 9092 } : { host: match[1], port: Number(match[2]) };
}
