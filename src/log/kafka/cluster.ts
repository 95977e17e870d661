/** A Kafka cluster as reading and appending see it: where topics are led, what offsets they hold. The client library's connections, our own requests. */
import { type Connection, type ConnectionOptions, ConnectionPool, ProtocolError } from "@platformatic/kafka";
import type { Clock } from "../../core/clock.ts";
import { isInternal } from "../watching.ts";
import { type BrokerAddress, connectionOptions, type KafkaAddress, parseAddress } from "./address.ts";
import { linkTo } from "./broker-link.ts";
import { NONE } from "./faults.ts";
import { READ_COMMITTED } from "./fetch.ts";
import { Fetcher } from "./fetcher.ts";
import { type LocatedTopic, NOWHERE } from "./metadata.ts";
import type { Pause } from "./pause.ts";
import { Producer } from "./producer.ts";

/** Offsets asked for by these "timestamps" (Kafka protocol, ListOffsets). */
const LATEST = -1n;
const EARLIEST = -2n;
const CONSUMER_REPLICA = -1;
const UNKNOWN_EPOCH = -1;
/** What Kafka itself answers where it has no other code. */
const UNKNOWN_ERROR = -1;

interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** The first offset and the one after the last. */
interface OffsetRange {
  readonly start: number;
  readonly end: number;
}

/** Methods throw the library's errors (faults.ts names them), once each: trying again is the caller's business. */
export class Cluster {
  readonly #clientId: string;
  readonly #options: ConnectionOptions;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #connections: ConnectionPool;
  readonly #clock: Clock;
  readonly #pause: Pause;
  #nodes: ReadonlyMap<number, BrokerAddress> = new Map();
  /** The bootstrap broker to try first: moves on after a failure. */
  #first = 0;

  constructor(address: KafkaAddress, clock: Clock, pause: Pause) {
    this.#clock = clock;
    this.#pause = pause;
    this.#clientId = address.clientId;
    this.#options = connectionOptions(address);
    this.#bootstrap = address.bootstrap.map(parseAddress);
    this.#connections = new ConnectionPool(this.#clientId, this.#options);
  }

  /** Connects to one of the bootstrap brokers. @throws TidemarkError "log-refused" when it is too old */
  async reach(): Promise<void> {
    await linkTo(await this.#connection());
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

  /** Where the topics are now; asked anew, creates nothing. In the order of `names`. */
  async locate(names: readonly string[]): Promise<LocatedTopic[]> {
    const topics = await this.#metadata(names);
    const byName = new Map(topics.map((topic) => [topic.name, topic]));
    return names.map(
      (name) => byName.get(name) ?? { name, id: "", errorCode: UNKNOWN_ERROR, leaders: [], isInternal: false },
    );
  }

  /** All topics but Kafka's own. */
  async list(): Promise<LocatedTopic[]> {
    const topics = await this.#metadata(null);
    return topics.filter((topic) => !topic.isInternal && !isInternal(topic.name));
  }

  async #metadata(names: readonly string[] | null): Promise<readonly LocatedTopic[]> {
    try {
      const { connection, metadata } = await linkTo(await this.#connection());
      const { nodes, topics } = await metadata.async(connection, names);
      this.#nodes = nodes;
      return topics;
    } catch (error) {
      this.#first = (this.#first + 1) % this.#bootstrap.length;
      throw error;
    }
  }

  /** The first offset and the one after the last that "read committed" may read, from the partitions' leader; in the order of `partitions`. */
  async offsets(node: number, partitions: readonly PartitionName[]): Promise<OffsetRange[]> {
    const { connection, listOffsets } = await linkTo(await this.#connections.get(this.#addressOf(node)));
    const ask = async (timestamp: bigint): Promise<(partition: PartitionName) => number> => {
      const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, own]) => ({
        name,
        partitions: own.map(({ partition }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: UNKNOWN_EPOCH,
          timestamp,
        })),
      }));
      const answer = await listOffsets.async(connection, CONSUMER_REPLICA, READ_COMMITTED, topics);
      const found = new Map<string, number>();
      for (const topic of answer.topics) {
        for (const one of topic.partitions) found.set(`${topic.name}/${one.partitionIndex}`, Number(one.offset));
      }
      return ({ topic, partition }) => found.get(`${topic}/${partition}`) ?? 0;
    };
    const [start, end] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
    return partitions.map((partition) => ({ start: start(partition), end: end(partition) }));
  }

  /** Fetches over connections of its own, so that a waiting fetch delays nothing else. */
  fetcher(): Fetcher {
    return new Fetcher(this.#clientId, this.#options, (node) => this.#addressOf(node));
  }

  /** Appends over connections of its own. */
  producer(): Producer {
    const findLeader = (topic: string, partition: number): Promise<BrokerAddress> => this.#leaderOf(topic, partition);
    return new Producer(this.#clientId, this.#options, findLeader, this.#clock, this.#pause);
  }

  async #leaderOf(topic: string, partition: number): Promise<BrokerAddress> {
    const [{ errorCode, leaders }] = await this.locate([topic]);
    const leader = leaders[partition] ?? NOWHERE;
    if (leader !== NOWHERE) return this.#addressOf(leader);
    if (errorCode !== NONE) throw new ProtocolError(errorCode);
    throw new Error(`no broker leads "${topic}" partition ${partition}`);
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}
