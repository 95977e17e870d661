/**
 * The fast way to use a cluster: the client library's connections, metadata and requests, and record batches that are bytes, read (fetch-response.ts) and
 * written (direct-producing.ts).
 * Loaded by name at opening (kafka-log.ts): a library that no longer exports one of these fails to load, and its own consumer reads instead.
 */
import {
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
  ResponseError,
} from "@platformatic/kafka";
import type { Clock } from "../../core/clock.ts";
import { isInternal } from "../watching.ts";
import {
  type Cluster,
  connectionOptions,
  EARLIEST,
  FETCH_BYTES_MAX,
  FETCH_WAIT_MS,
  type FetchedPartition,
  type Fetcher,
  type FetchPosition,
  type KafkaAddress,
  LATEST,
  type LocatedTopic,
  type OffsetBounds,
  type PartitionName,
  type Producing,
  READ_COMMITTED,
  Unreadable,
} from "./cluster.ts";
import { DirectProducing, PRODUCING_APIS } from "./direct-producing.ts";
import { NONE } from "./faults.ts";
import { type FetchResponse, parseFetchResponse } from "./fetch-response.ts";
import { type BrokerAddress, type KnownTopic, METADATA_API } from "./metadata.ts";
import type { Pause } from "./pause.ts";
import { NOWHERE } from "./track.ts";

/** No fetch session: each request says all it wants. */
const NO_SESSION = 0;
const FINAL_EPOCH = -1;
const CONSUMER_REPLICA = -1;
const FETCH_KEY = 1;

type FetchApi = API<fetchV17.FetchRequest, FetchResponse>;

/** The Fetch versions that name topics by id (Kafka 3.1 and later), each with our parser. */
const FETCH_APIS: ReadonlyMap<number, FetchApi> = new Map(
  [fetchV13, fetchV14, fetchV15, fetchV16, fetchV17].map(({ api, createRequest }) => [
    api.version,
    createAPI<fetchV17.FetchRequest, FetchResponse>(FETCH_KEY, api.version, createRequest, parseFetchResponse),
  ]),
);

export class DirectCluster implements Cluster {
  readonly #clientId: string;
  readonly #options: ConnectionOptions;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #connections: ConnectionPool;
  readonly #clock: Clock;
  readonly #pause: Pause;
  #nodes: ReadonlyMap<number, BrokerAddress> = new Map();
  /** Which bootstrap broker is asked first: moves on after a failure. */
  #first = 0;

  constructor(address: KafkaAddress, clock: Clock, pause: Pause) {
    this.#clock = clock;
    this.#pause = pause;
    this.#clientId = address.clientId;
    this.#options = connectionOptions(address);
    this.#bootstrap = address.bootstrap.map(parseAddress);
    this.#connections = new ConnectionPool(this.#clientId, this.#options);
  }

  async reach(): Promise<void> {
    await fetchApi(await this.#connection());
  }

  async #connection(): Promise<Connection> {
    const brokers = [...this.#bootstrap.slice(this.#first), ...this.#bootstrap.slice(0, this.#first)];
    for (const node of this.#nodes.values()) {
      if (!brokers.some(({ host, port }) => host === node.host && port === node.port)) brokers.push(node);
    }
    return this.#connections.getFirstAvailable(brokers);
  }

  /** The address that the cluster gives for a node. */
  #addressOf(node: number): BrokerAddress {
    const address = this.#nodes.get(node);
    if (address === undefined) throw new Error(`node ${node} is not in the cluster's metadata`);
    return address;
  }

  async locate(names: readonly string[]): Promise<LocatedTopic[]> {
    const topics = await this.#metadata(names);
    const byName = new Map(topics.map((topic) => [topic.name, topic]));
    return names.map((name) => byName.get(name) ?? { name, id: "", errorCode: -1, leaders: [] });
  }

  async list(): Promise<LocatedTopic[]> {
    const topics = await this.#metadata(null);
    return topics.filter((topic) => !topic.isInternal && !isInternal(topic.name));
  }

  async #metadata(names: readonly string[] | null): Promise<readonly KnownTopic[]> {
    try {
      const { nodes, topics } = await METADATA_API.async(await this.#connection(), names);
      this.#nodes = nodes;
      return topics;
    } catch (error) {
      this.#first = (this.#first + 1) % this.#bootstrap.length;
      throw error;
    }
  }

  async offsets(node: number, partitions: readonly PartitionName[]): Promise<OffsetBounds[]> {
    const connection = await this.#connections.get(this.#addressOf(node));
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
    return new DirectFetcher(this.#clientId, this.#options, (node) => this.#addressOf(node));
  }

  producing(): Producing {
    const findLeader = (topic: string, partition: number): Promise<BrokerAddress> => this.#leaderOf(topic, partition);
    return new DirectProducing(this.#clientId, this.#options, findLeader, this.#clock, this.#pause);
  }

  async #leaderOf(topic: string, partition: number): Promise<BrokerAddress> {
    const [{ errorCode, leaders }] = await this.locate([topic]);
    const leader = leaders[partition] ?? NOWHERE;
    if (leader !== NOWHERE) return this.#addressOf(leader);
    if (errorCode !== NONE)
      throw new ResponseError(METADATA_API.key, METADATA_API.version, { [topic]: [errorCode, null] }, null);
    throw new Error(`no broker leads "${topic}" partition ${partition}`);
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}

/** A connection of one broker, with the Fetch version that both sides speak. */
interface FetchLink {
  readonly connection: Connection;
  readonly api: FetchApi;
}

class DirectFetcher implements Fetcher {
  readonly #addressOf: (node: number) => BrokerAddress;
  readonly #pool: ConnectionPool;
  readonly #links = new Map<number, FetchLink>();

  constructor(clientId: string, options: ConnectionOptions, addressOf: (node: number) => BrokerAddress) {
    this.#addressOf = addressOf;
    this.#pool = new ConnectionPool(clientId, options);
  }

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
    const connection = await this.#pool.get(this.#addressOf(node));
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

/** The newest Fetch version that the broker and we speak. @throws Unreadable when there is none, or another call is not in our version */
async function fetchApi(connection: Connection): Promise<FetchApi> {
  const { apiKeys } = await apiVersionsV3.api.async(connection, "tidemark", "1");
  const range = apiKeys.find(({ apiKey }) => apiKey === FETCH_KEY);
  const usable = [...FETCH_APIS.keys()].filter((v) => range && v >= range.minVersion && v <= range.maxVersion);
  const api = FETCH_APIS.get(Math.max(...usable));
  const at = `Kafka at ${connection.host}:${connection.port}`;
  if (api === undefined) {
    const wanted = "Fetch 13 to 17 (Kafka 3.1 or later)";
    throw new Unreadable(`${at} must speak ${wanted}, speaks ${range?.minVersion} to ${range?.maxVersion}`);
  }
  for (const { key, version } of [METADATA_API, listOffsetsV7.api, ...PRODUCING_APIS]) {
    const spoken = apiKeys.find(({ apiKey }) => apiKey === key);
    if (spoken === undefined || version < spoken.minVersion || version > spoken.maxVersion)
      throw new Unreadable(`${at} must speak version ${version} of the protocol's call ${key}`);
  }
  return api;
}

function parseAddress(text: string): BrokerAddress {
  const match = /^\[?(.+?)\]?:(\d+)$/.exec(text);
  return match === null ? { host: text, port: 9092 } : { host: match[1], port: Number(match[2]) };
}
