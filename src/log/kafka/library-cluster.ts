/**
 * The fall-back way to read a cluster: the client library's own consumer, with manual positions and without a group, in whatever versions it and the brokers agree on.
 * About twenty times slower than direct-cluster.ts, and it verifies no checksums.
 */
import { Admin, Consumer, type ConsumerOptions, type FetchOptions, ResponseError } from "@platformatic/kafka";
import { messageOf } from "../../core/errors.ts";
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
} from "./cluster.ts";
import { UNKNOWN_TOPIC_OR_PARTITION } from "./faults.ts";
import { LibraryBatches } from "./library-batches.ts";
import { LibraryProducing } from "./library-producing.ts";

const READ_UNCOMMITTED = 0;
/** The first Fetch version that names topics by id. */
const FETCH_BY_ID = 13;
/** Given where a broker knows no topic ids. */
const NO_ID = "00000000-0000-0000-0000-000000000000";

type BytesConsumer = Consumer<Buffer, Buffer, Buffer, Buffer>;
type Topics = FetchOptions<Buffer, Buffer, Buffer, Buffer>["topics"];
type Response = Awaited<ReturnType<BytesConsumer["fetch"]>>;
type Partition = Response["responses"][number]["partitions"][number];

function createConsumer(address: KafkaAddress): BytesConsumer {
  const options: ConsumerOptions<Buffer, Buffer, Buffer, Buffer> = {
    ...connectionOptions(address),
    clientId: address.clientId,
    bootstrapBrokers: [...address.bootstrap],
    groupId: `${address.clientId}-reads`, // it wants a name; no group is ever joined
    retries: 0,
  };
  return new Consumer(options);
}

export class LibraryCluster implements Cluster {
  readonly #address: KafkaAddress;
  readonly #consumer: BytesConsumer;
  readonly #admin: Admin;

  constructor(address: KafkaAddress) {
    this.#address = address;
    this.#consumer = createConsumer(address);
    const { clientId, bootstrap } = address;
    this.#admin = new Admin({ ...connectionOptions(address), retries: 0, clientId, bootstrapBrokers: [...bootstrap] });
  }

  async reach(): Promise<void> {
    await this.#consumer.listApis();
  }

  /** Topic by topic, as the library answers for all or throws. */
  async locate(names: readonly string[]): Promise<LocatedTopic[]> {
    const located: LocatedTopic[] = [];
    for (const name of names) located.push(await this.#locate(name));
    return located;
  }

  async list(): Promise<LocatedTopic[]> {
    return this.locate(await this.#admin.listTopics());
  }

  async #locate(name: string): Promise<LocatedTopic> {
    try {
      const { topics } = await this.#consumer.metadata({ topics: [name], forceUpdate: true });
      const topic = topics.get(name);
      const leaders = topic?.partitions.map(({ leader }) => leader) ?? [];
      return { name, id: idOf(name, topic?.id), errorCode: topic === undefined ? -1 : 0, leaders };
    } catch (error) {
      if (isUnknownTopic(error)) return { name, id: "", errorCode: UNKNOWN_TOPIC_OR_PARTITION, leaders: [] };
      if (!(error instanceof ResponseError)) throw error;
      const topic: LibraryTopic | undefined = error.response.topics?.[0];
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of topic?.partitions ?? []) leaders[partitionIndex] = leaderId;
      return { name, id: idOf(name, topic?.topicId), errorCode: topic?.errorCode ?? -1, leaders: [...leaders] };
    }
  }

  async offsets(_node: number, partitions: readonly PartitionName[]): Promise<OffsetBounds[]> {
    const topics = [...new Set(partitions.map(({ topic }) => topic))];
    const asked: Record<string, number[]> = {};
    for (const { topic, partition } of partitions) (asked[topic] ??= []).push(partition);
    const ask = (timestamp: bigint) =>
      this.#consumer.listOffsets({ topics, partitions: asked, timestamp, isolationLevel: READ_COMMITTED });
    // One after the other: both may ask for metadata first, which the library shares.
    const start = await ask(EARLIEST);
    const end = await ask(LATEST);
    const found = (offsets: typeof start, { topic, partition }: PartitionName): number =>
      Number(offsets.get(topic)?.[partition] ?? 0n);
    return partitions.map((partition) => ({ start: found(start, partition), end: found(end, partition) }));
  }

  fetcher(): Fetcher {
    return new LibraryFetcher(this.#address);
  }

  producing(): Producing {
    return new LibraryProducing(this.#address);
  }

  async close(): Promise<void> {
    await Promise.all([this.#consumer.close(), this.#admin.close()]);
  }
}

/** What an error of the library's metadata call carries. */
interface LibraryTopic {
  readonly errorCode: number;
  readonly topicId: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly leaderId: number }[];
}

/** A broker before 2.8 knows no topic ids: the name stands for it. */
function idOf(name: string, id: string | undefined): string {
  return id === undefined || id === "" || id === NO_ID ? name : id;
}

/** The library says so in words alone. */
function isUnknownTopic(error: unknown): boolean {
  return /^Unknown topic /.test(messageOf(error));
}

class LibraryFetcher implements Fetcher {
  readonly #consumer: BytesConsumer;
  /** For what the first one leaves out; made when a transaction was aborted. */
  #unfiltered: BytesConsumer | null = null;
  readonly #address: KafkaAddress;
  /** Whether the brokers' Fetch names topics by id; asked once. */
  #byId: Promise<boolean> | null = null;

  constructor(address: KafkaAddress) {
    this.#address = address;
    this.#consumer = createConsumer(address);
  }

  async fetch(node: number, positions: readonly FetchPosition[]): Promise<readonly FetchedPartition[]> {
    this.#byId ??= namesById(this.#consumer);
    const byId = await this.#byId.catch((error: unknown) => {
      this.#byId = null;
      throw error;
    });
    const nameOf = (position: FetchPosition): string => (byId ? position.topicId : position.topic);
    const response = await fetchFrom(this.#consumer, node, requested(positions, nameOf), READ_COMMITTED);
    const fetched: FetchedPartition[] = [];
    for (const { topicId, partitions } of response.responses) {
      for (const part of partitions) {
        const asked = positions.find((one) => nameOf(one) === topicId && one.partition === part.partitionIndex);
        if (asked === undefined) continue; // a fetch session may still tell of a partition that was asked before
        fetched.push(partitionOf(asked.topicId, part, await this.#batches(node, requested([asked], nameOf), part)));
      }
    }
    return fetched;
  }

  /**
   * The library leaves aborted records out itself, but not all of them, and perhaps too many (it keeps one aborted transaction a producer, up to the last
   * marker it sees). So where the broker names any, the same range is fetched once more as it is, and they are left out as everywhere (transactions.ts).
   */
  async #batches(node: number, asked: Topics, part: Partition): Promise<LibraryBatches | null> {
    const { records, abortedTransactions } = part;
    if (!records || records.length === 0) return null;
    if ((abortedTransactions?.length ?? 0) === 0) return new LibraryBatches(records);
    this.#unfiltered ??= createConsumer(this.#address);
    const { responses } = await fetchFrom(this.#unfiltered, node, asked, READ_UNCOMMITTED);
    const last = records[records.length - 1].firstOffset;
    const whole = responses[0]?.partitions[0]?.records ?? [];
    const within = whole.filter(({ firstOffset }) => firstOffset <= last);
    return within.length === 0 ? null : new LibraryBatches(within);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#consumer.close(), this.#unfiltered?.close()]);
  }
}

async function namesById(consumer: BytesConsumer): Promise<boolean> {
  const apis = await consumer.listApis();
  return (apis.find(({ name }) => name === "Fetch")?.maxVersion ?? 0) >= FETCH_BY_ID;
}

/** The consumer follows no topics of its own: it sends and brings back topics as they are named here. */
async function fetchFrom(
  consumer: BytesConsumer,
  node: number,
  topics: Topics,
  isolationLevel: number,
): Promise<Response> {
  const bounds = { minBytes: 1, maxBytes: FETCH_BYTES_MAX, maxWaitTime: FETCH_WAIT_MS };
  try {
    return await consumer.fetch({ node, topics, isolationLevel, ...bounds });
  } catch (error) {
    // It throws when any partition has an error; the others' answers are in the error.
    if (error instanceof ResponseError && error.response?.errorCode === 0) return error.response;
    if (!/^Cannot find broker /.test(messageOf(error))) throw error;
    consumer.clearMetadata(); // a broker that came since it last asked
    throw new Error(messageOf(error));
  }
}

function requested(positions: readonly FetchPosition[], nameOf: (position: FetchPosition) => string): Topics {
  return [...Map.groupBy(positions, nameOf)].map(([topicId, own]) => ({
    topicId,
    partitions: own.map(({ partition, next, epoch }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(next),
      lastFetchedEpoch: epoch,
      partitionMaxBytes: FETCH_BYTES_MAX,
    })),
  }));
}

function partitionOf(topicId: string, part: Partition, records: LibraryBatches | null): FetchedPartition {
  const aborted = part.abortedTransactions?.map(({ producerId, firstOffset }) => ({
    producerId: Number(producerId),
    firstOffset: Number(firstOffset),
  }));
  return {
    topicId,
    partition: part.partitionIndex,
    errorCode: part.errorCode,
    lastStableOffset: Number(part.lastStableOffset),
    divergedAt: Number(part.divergingEpoch?.endOffset ?? -1),
    aborted: aborted ?? null,
    records,
  };
}
