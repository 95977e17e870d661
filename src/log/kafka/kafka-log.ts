/** The log contract over a Kafka cluster: partitions are assigned by hand, and how far they were read is kept by the history, not by a consumer group. */
import type { Clock } from "../../core/clock.ts";
import { type ErrorCode, TidemarkError } from "../../core/errors.ts";
import type { Log, LogReader, NewRecord, Opened, Position, Topic, Wanted } from "../log.ts";
import type { KafkaAddress } from "./address.ts";
import { Appender } from "./appender.ts";
import { KafkaClient } from "./client.ts";
import { Cluster } from "./cluster.ts";
import {
  INVALID_TOPIC,
  NONE,
  openingFault,
  operatingError,
  TOPIC_AUTHORIZATION_FAILED,
  UNKNOWN_TOPIC_OR_PARTITION,
} from "./faults.ts";
import { GroupOffsets } from "./group-offsets.ts";
import { type LocatedTopic, NOWHERE } from "./metadata.ts";
import { type Pause, retryMs, systemPause } from "./pause.ts";
import type { Producer } from "./producer.ts";
import { KafkaReader } from "./reader.ts";
import { TopicWatch } from "./topic-watch.ts";
import { MISSING_TRIES, partitionKey } from "./track.ts";
import type { OnTrouble } from "./trouble.ts";

/** How long opening, creating and asking for bounds try to get through, ms: a broker that is just starting, not one that is not there. */
const REACH_MS_MAX = 10_000;
/** How long an append waits for Kafka, ms: shorter than clients and proxies do. After it what became of the records is not known. */
const APPEND_MS_MAX = 20_000;
/** For this long after a refused append the log is said to take none, ms; then senders may try again. */
const REFUSED_MS = 10_000;
/** Errors that the next append will get, too. */
const REFUSES_ALL: ReadonlySet<ErrorCode> = new Set(["log-unreachable", "log-full"]);
/** How long closing waits for records on their way and for group offsets, ms. */
const CLOSE_MS_MAX = 5000;
/**
 * Partitions of a topic that tidemark makes: one keeps all readings of a sensor in the order they came, and one is read at tens of millions of readings
 * a second, far above what a process counts. More only help producers on a cluster of several brokers.
 */
const PARTITIONS = 1;

/** Where the cluster is, and how it is read. */
export interface KafkaLogOptions extends Omit<KafkaAddress, "clientId"> {
  readonly clock: Clock;
  /** Default "tidemark". */
  readonly clientId?: string;
  /** The group whose offsets are written; default "tidemark". */
  readonly groupId?: string;
  /** Of topics that are made; default 1. */
  readonly partitions?: number;
  /** Listener: called with the reason when reading has stopped for some seconds, with null when it goes on. Without it `read` throws "log-unreachable". */
  readonly onTrouble?: OnTrouble;
  /** How long to try before "log-unreachable", ms; default 10 s. */
  readonly reachMs?: number;
  /** Waiting between tries; for simulations. */
  readonly pause?: Pause;
}

/** Connects to a Kafka, 0.11 or later. @throws TidemarkError "log-unreachable" after `reachMs`, "log-refused" at once */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const log = new KafkaLog(options);
  try {
    await log.reach();
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

function addressOf({ clientId = "tidemark", bootstrap, tls, sasl, tlsServerName }: KafkaLogOptions): KafkaAddress {
  const security = { ...(tls && { tls }), ...(sasl && { sasl }), ...(tlsServerName && { tlsServerName }) };
  return { clientId, bootstrap, ...security };
}

/** A Kafka cluster as a log. States: opened (`open` was called) → closed; readers and appends belong to it. */
export class KafkaLog implements Log {
  readonly kind = "kafka";
  readonly #options: KafkaLogOptions;
  readonly #client: KafkaClient;
  readonly #cluster: Cluster;
  /** Made by the first append. */
  #producer: Producer | null = null;
  readonly #appender: Appender;
  readonly #groupOffsets: GroupOffsets;
  readonly #topics = new Map<string, Topic>();
  /** Last known ends of partitions, by topic id and partition. */
  readonly #ends = new Map<string, number>();
  readonly #readers = new Set<KafkaReader>();
  readonly #watches = new Set<TopicWatch>();
  readonly #stop = new AbortController();
  readonly #pause: Pause;
  readonly #at: string;
  #closed: Promise<void> | null = null;
  /** The last append, when it was refused. */
  #refused: { readonly at: number; readonly why: string } | null = null;

  constructor(options: KafkaLogOptions) {
    const { groupId = "tidemark", pause = systemPause, bootstrap, clock } = options;
    this.#options = options;
    this.#pause = pause;
    this.#at = `Kafka at ${bootstrap.join(", ")}`;
    this.#client = new KafkaClient(addressOf(options));
    this.#cluster = new Cluster(addressOf(options), clock, pause);
    const producer = (): Producer => {
      this.#producer ??= this.#cluster.producer();
      return this.#producer;
    };
    this.#appender = new Appender(producer, (topic, partition, end) => this.#heardOf(topic, partition, end));
    this.#groupOffsets = new GroupOffsets(this.#client, groupId, pause, this.#stop.signal);
  }

  async reach(): Promise<void> {
    const doing = `reach ${this.#at}`;
    const { tls } = this.#options;
    await this.#persist(doing, async () => {
      await this.#cluster.reach().catch((error: unknown) => {
        throw openingFault(doing, error, tls !== undefined) ?? error;
      });
    });
  }

  /** Tries again what may help, for `reachMs` in all. */
  async #persist<T>(doing: string, attempt: () => Promise<T>): Promise<T> {
    const { clock, reachMs = REACH_MS_MAX } = this.#options;
    const start = clock.steady();
    for (let failures = 1; ; failures++) {
      this.#requireOpen(doing);
      try {
        return await attempt();
      } catch (error) {
        const failure = operatingError(doing, error);
        const mayPass =
          failure.code === "topic-missing" ? failures < MISSING_TRIES : failure.code === "log-unreachable";
        if (!mayPass || clock.steady() - start >= reachMs) throw failure;
        await this.#pause(retryMs(failures), this.#stop.signal);
      }
    }
  }

  #requireOpen(doing: string): void {
    if (this.#closed !== null) throw new TidemarkError("log-closed", `Cannot ${doing}: the log is closed`);
  }

  async topics(): Promise<string[]> {
    const found = await this.#persist(`list the topics of ${this.#at}`, () => this.#cluster.list());
    return found.map(({ name }) => name).sort();
  }

  async open(names: readonly string[]): Promise<Opened> {
    if (names.length === 0) return { topics: [], missing: [] };
    return this.#persist(`open topics on ${this.#at}`, async () => {
      const located = await this.#cluster.locate(names);
      const isMissing = ({ errorCode }: LocatedTopic): boolean => errorCode === UNKNOWN_TOPIC_OR_PARTITION;
      const found = located.filter((topic) => !isMissing(topic));
      requireReady(found);
      return { topics: await this.#remember(found), missing: located.filter(isMissing).map(({ name }) => name) };
    });
  }

  async create(names: readonly string[]): Promise<Topic[]> {
    if (names.length === 0) return [];
    return this.#persist(`create topics on ${this.#at}`, async () => {
      const found = await this.#cluster.locate(names);
      const missing = found.filter(({ errorCode }) => errorCode === UNKNOWN_TOPIC_OR_PARTITION).map(({ name }) => name);
      if (missing.length > 0) await this.#create(missing);
      const located = missing.length > 0 ? await this.#cluster.locate(names) : found;
      requireReady(located);
      return this.#remember(located);
    });
  }

  watch(wanted: Wanted, onTopics: (topics: readonly Topic[]) => void): () => void {
    this.#requireOpen("watch topics");
    const find = (names: readonly string[] | null): Promise<readonly LocatedTopic[]> =>
      names === null ? this.#cluster.list() : this.#cluster.locate(names);
    const open = (found: readonly LocatedTopic[]): Promise<Topic[]> => this.#remember(found);
    const watch = new TopicWatch({ wanted, onTopics, pause: this.#pause, find, open });
    this.#watches.add(watch);
    watch.ended.then(() => this.#watches.delete(watch));
    return () => watch.stop();
  }

  async #remember(located: readonly LocatedTopic[]): Promise<Topic[]> {
    const topics = located.map(({ name, id, leaders }) => ({ name, id, partitions: leaders.map((_, i) => i) }));
    const byName = new Map(topics.map((topic) => [topic.name, topic]));
    const partitions = located.flatMap(({ name, leaders }) =>
      leaders.map((leader, partition) => ({ topic: name, partition, leader })),
    );
    const led = partitions.filter(({ leader }) => leader !== NOWHERE);
    for (const [leader, own] of Map.groupBy(led, (partition) => partition.leader)) {
      const bounds = await this.#cluster.offsets(leader, own);
      for (const [i, { end }] of bounds.entries()) {
        const topic = byName.get(own[i].topic);
        if (topic !== undefined) this.#heardOf(topic, own[i].partition, end);
      }
    }
    for (const topic of topics) this.#topics.set(topic.name, topic);
    return topics;
  }

  #heardOf(topic: Topic, partition: number, end: number): void {
    this.#ends.set(partitionKey(topic.id, partition), end);
  }

  async #create(names: readonly string[]): Promise<void> {
    try {
      await this.#client.createTopics(names, this.#options.partitions ?? PARTITIONS);
    } catch (error) {
      const failure = operatingError(`create topics on ${this.#at}`, error);
      if (!failure.message.includes("already exists")) throw failure; // another process was quicker
    }
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<void> {
    const what = `append to "${topic}"`;
    this.#requireOpen(what);
    const waited = new AbortController();
    const tooLong = this.#pause(APPEND_MS_MAX, waited.signal).then(() => {
      if (waited.signal.aborted) return;
      const wanted = `Kafka must acknowledge within ${APPEND_MS_MAX} ms, did not; it may still`;
      throw new TidemarkError("log-unreachable", `Cannot ${what}: ${wanted}`);
    });
    try {
      await Promise.race([this.#appender.append(this.#topic(topic), records), tooLong]);
      this.#refused = null;
    } catch (error) {
      if (error instanceof TidemarkError && REFUSES_ALL.has(error.code)) {
        this.#refused = { at: this.#options.clock.steady(), why: error.message };
      }
      throw error;
    } finally {
      waited.abort();
    }
  }

  get trouble(): string | null {
    if (this.#refused === null || this.#options.clock.steady() - this.#refused.at > REFUSED_MS) return null;
    return this.#refused.why;
  }

  async bounds(topic: string, partition: number): Promise<{ start: number; end: number }> {
    return this.#persist(`find the offsets of "${topic}" partition ${partition}`, async () => {
      const [{ id, errorCode, leaders }] = await this.#cluster.locate([topic]);
      if (errorCode === UNKNOWN_TOPIC_OR_PARTITION) {
        throw new TidemarkError("topic-missing", `Cannot find "${topic}": Kafka does not know it`);
      }
      const known = this.#topic(topic).id;
      if (errorCode === NONE && id !== known) {
        throw new TidemarkError("topic-recreated", `Cannot find "${topic}": its topic id must be ${known}, was ${id}`);
      }
      const [bounds] = await this.#cluster.offsets(leaders[partition] ?? NOWHERE, [{ topic, partition }]);
      return bounds;
    });
  }

  reader(positions: readonly Position[]): LogReader {
    this.#requireOpen("read");
    const { clock, onTrouble } = this.#options;
    const onClosed = (): void => void this.#readers.delete(reader);
    const endOf = ({ id }: Topic, partition: number): number => this.#ends.get(partitionKey(id, partition)) ?? 0;
    const options = { clock, onTrouble, pause: this.#pause, onClosed, endOf };
    const reader = new KafkaReader(this.#cluster, positions, this.#topics, options);
    this.#readers.add(reader);
    return reader;
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new TidemarkError("topic-missing", `Cannot use "${name}": it was not opened`);
    return topic;
  }

  async committed(positions: readonly Position[]): Promise<void> {
    if (this.#closed === null) this.#groupOffsets.note(positions);
  }

  size(): null {
    return null;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    const waited = new AbortController();
    const limit = this.#pause(CLOSE_MS_MAX, waited.signal);
    await Promise.race([Promise.all([this.#appender.drain(), this.#groupOffsets.settled()]), limit]);
    waited.abort();
    this.#stop.abort();
    await Promise.all([...this.#watches].map((watch) => watch.ended));
    const doors = [this.#client, this.#producer, this.#cluster];
    await Promise.allSettled(doors.map((door) => door?.close()));
  }
}

/** A partition without a leader has none yet, or waits for one: its reader does, too. @throws Error when a topic cannot be opened yet, TidemarkError "log-refused" when it never will */
function requireReady(located: readonly LocatedTopic[]): void {
  for (const { name, errorCode, leaders } of located) {
    if (errorCode === TOPIC_AUTHORIZATION_FAILED || errorCode === INVALID_TOPIC) {
      const why = errorCode === INVALID_TOPIC ? "Kafka takes no topic of this name" : "Kafka does not allow it";
      throw new TidemarkError("log-refused", `Cannot open "${name}": ${why}`);
    }
    if (errorCode !== NONE || leaders.length === 0) throw new Error(`"${name}" is not ready (error ${errorCode})`);
  }
}
