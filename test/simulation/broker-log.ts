/** A client of the broker of broker.ts: the log of one simulated process. Batches, reads and turns come as `random` says. */
import { TidemarkError } from "../../src/core/errors.ts";
import type { Records } from "../../src/core/records.ts";
import { FetchedFailure } from "../../src/log/fetched-failure.ts";
import type { Fetched, Gap, Log, LogReader, Opened, Position, Topic, Wanted } from "../../src/log/log.ts";
import type { Seeded } from "../oracle/seeded.ts";
import type { Broker, BrokerPartition, BrokerTopic, Held } from "./broker.ts";
import { fillRecords } from "./fill-records.ts";
import type { Plan } from "./plan.ts";

/** Most records of a read and of a batch. */
const READ_MAX = 60;
const BATCH_MAX = 20;

interface Track {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  offset: number;
  end: number;
  /** Cuts that happened before it read last: it notices others. */
  cuts: number;
  isHalted: boolean;
  /** Replaced by another track. */
  isDropped: boolean;
}

export interface BrokerLogOptions {
  readonly broker: Broker;
  /** That of the step that is being done. */
  readonly random: () => Seeded;
  /** Whether the broker stamps the records. */
  readonly appendTime: boolean;
  /** Partitions of a topic that is made. */
  readonly partitions: number;
}

export class BrokerLog implements Log {
  readonly kind = "kafka";
  readonly trouble = null;
  readonly #options: BrokerLogOptions;
  readonly #broker: Broker;
  readonly #open = new Map<string, string>();
  #isClosed = false;

  constructor(options: BrokerLogOptions) {
    this.#options = options;
    this.#broker = options.broker;
  }

  #reach(): void {
    if (this.#broker.unreachable === 0) return;
    this.#broker.unreachable--;
    throw new TidemarkError("log-unreachable", "Cannot reach the simulated broker: it does not answer");
  }

  async topics(): Promise<string[]> {
    this.#reach();
    return [...this.#broker.topics.keys()].sort();
  }

  #opened({ name, id, partitions }: BrokerTopic): Topic {
    this.#open.set(name, id);
    return { name, id, partitions: partitions.map((_, partition) => partition) };
  }

  async open(names: readonly string[]): Promise<Opened> {
    this.#reach();
    const found = names.flatMap((name) => this.#broker.topics.get(name) ?? []);
    return {
      topics: found.map((topic) => this.#opened(topic)),
      missing: names.filter((name) => !this.#broker.topics.has(name)),
    };
  }

  async create(names: readonly string[]): Promise<Topic[]> {
    this.#reach();
    return names.map((name) => {
      const { partitions } = this.#options;
      return this.#opened(this.#broker.topics.get(name) ?? this.#broker.create(name, partitions));
    });
  }

  watch(wanted: Wanted, onTopics: (topics: readonly Topic[]) => void): () => void {
    const told = new Map<string, string>();
    const look = (): void => {
      const isWanted = typeof wanted === "function" ? wanted : (name: string) => wanted.includes(name);
      const topics = [...this.#broker.topics.values()].filter(({ name }) => isWanted(name));
      const fresh = topics.filter(({ name, id, partitions }) => told.get(name) !== `${id} ${partitions.length}`);
      for (const { name, id, partitions } of fresh) told.set(name, `${id} ${partitions.length}`);
      if (fresh.length > 0) onTopics(fresh.map((topic) => this.#opened(topic)));
    };
    const timer = setTimeout(look, 1);
    const stop = this.#broker.onChange(look);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }

  reader(positions: readonly Position[]): LogReader {
    const { random } = this.#options;
    const tracks: Track[] = [];
    let isClosed = false;
    let wake = (): void => {};
    const stop = this.#broker.onChange(() => {
      for (const track of tracks) this.#hear(track);
      wake();
    });
    const find = (topic: string, partition: number): Track | undefined =>
      tracks.find((each) => each.topic === topic && each.partition === partition);
    const add = (added: readonly Position[]): void => {
      for (const { topic, partition, offset } of added) {
        const topicId = this.#open.get(topic);
        const found = this.#broker.topics.get(topic);
        if (topicId === undefined) throw new Error(`BUG: "${topic}" is read but was not opened`);
        const at = found?.id === topicId ? found.partitions[partition] : undefined;
        const cuts = at?.cuts.length ?? 0;
        const track: Track = {
          topic,
          topicId,
          partition,
          offset,
          end: at?.end ?? offset,
          cuts,
          isHalted: false,
          isDropped: false,
        };
        const before = tracks.findIndex((each) => each.topic === topic && each.partition === partition);
        if (before < 0) tracks.push(track);
        else {
          tracks[before].isDropped = true;
          tracks[before] = track;
        }
      }
      wake();
    };
    add(positions);
    return {
      read: async (signal) => {
        for (;;) {
          if (isClosed || this.#isClosed || signal?.aborted === true) return null;
          this.#reach();
          for (const track of random().shuffle(tracks)) {
            const fetched = this.#fetch(track);
            if (fetched !== null) return fetched;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal?.addEventListener("abort", () => resolve(), { once: true });
          });
        }
      },
      add,
      end: (topic, partition) => find(topic, partition)?.end ?? 0,
      blockedSince: (topic, partition) => {
        const track = find(topic, partition);
        const at = track === undefined ? null : this.#partition(track);
        const isBlocked = at !== null && at.stableEnd < at.end && (track?.offset ?? 0) >= at.stableEnd;
        return isBlocked ? at.openSince : null;
      },
      close: async () => {
        isClosed = true;
        stop();
        wake();
      },
    };
  }

  #partition({ topic, topicId, partition }: Track): BrokerPartition | null {
    const found = this.#broker.topics.get(topic);
    return found?.id === topicId ? (found.partitions[partition] ?? null) : null;
  }

  /** Learns where the partition ends; not of a leader that is silent. */
  #hear(track: Track): void {
    const at = this.#partition(track);
    if (at !== null && !at.isStalled) track.end = at.end;
  }

  /** What the partition brings now; null: nothing. */
  #fetch(track: Track): Fetched | null {
    if (track.isHalted) return null;
    const { topic, partition } = track;
    const at = this.#partition(track);
    if (at === null) {
      track.isHalted = true;
      const code = this.#broker.topics.has(topic) ? "topic-recreated" : "topic-missing";
      const error = new TidemarkError(
        code,
        `Cannot read on "${topic}" partition ${partition}: the topic is another one`,
      );
      return new FetchedFailure({ topic, partition, logEnd: track.end }, error, () => track.isDropped);
    }
    if (at.isStalled) return null;
    track.end = at.end;
    const gap = gapAt(track, at);
    if (gap !== null) {
      track.offset = gap.to;
      return new BrokerFetched(track, { gap, records: [], to: gap.to, sizes: [], corruptAt: null, appendTime: false });
    }
    const stableEnd = at.stableEnd;
    if (track.offset >= stableEnd) return null;
    const { appendTime } = this.#options;
    const random = this.#options.random();
    const to = Math.min(stableEnd, track.offset + random.int(1, READ_MAX));
    const isDamaged = at.corruptAt !== null && at.corruptAt >= track.offset && at.corruptAt < to;
    const corruptAt = isDamaged ? at.corruptAt : null;
    const records = at.records.filter(
      ({ offset, state }) => state === "there" && offset >= track.offset && offset < (corruptAt ?? to),
    );
    const sizes: number[] = [];
    for (let left = records.length; left > 0; left -= sizes[sizes.length - 1]) {
      sizes.push(Math.min(left, random.int(1, BATCH_MAX)));
    }
    track.offset = to;
    return new BrokerFetched(track, { gap: null, records, to, sizes, corruptAt, appendTime });
  }

  async append(): Promise<void> {
    throw new Error("BUG: the process appends to a log of others");
  }

  async bounds(name: string, partition: number): Promise<{ start: number; end: number }> {
    this.#reach();
    const at = this.#broker.topics.get(name)?.partitions[partition];
    return { start: at?.start ?? 0, end: at?.end ?? 0 };
  }

  async committed(positions: readonly Position[]): Promise<void> {
    this.#reach();
    for (const { topic, partition, offset } of positions) {
      this.#broker.told.set(`${this.#open.get(topic)} ${partition}`, offset);
    }
  }

  size(): null {
    return null;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#broker.changed();
  }
}

/** What was lost before the position. A cut back is noticed where this reader saw the partition before it, or where the position lies past the end. */
function gapAt(track: Track, { start, end, cuts }: BrokerPartition): Gap | null {
  const position = track.offset;
  const cutTo = Math.min(end, ...cuts.slice(track.cuts));
  track.cuts = cuts.length;
  if (cutTo < position) return { from: cutTo, to: cutTo, cutFrom: position };
  return position < start ? { from: position, to: start } : null;
}

interface Content {
  readonly gap: Gap | null;
  readonly records: readonly Held[];
  readonly to: number;
  /** Records of each batch. */
  readonly sizes: readonly number[];
  readonly corruptAt: number | null;
  readonly appendTime: boolean;
}

class BrokerFetched implements Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  resumeAt: number | null = null;
  readonly #track: Track;
  readonly #content: Content;
  #at = 0;
  #batch = 0;
  #isDone = false;

  constructor(track: Track, content: Content) {
    [this.topic, this.partition, this.logEnd, this.gap] = [track.topic, track.partition, track.end, content.gap];
    this.#track = track;
    this.#content = content;
  }

  get isDropped(): boolean {
    return this.#track.isDropped;
  }

  next(into: Records): boolean {
    const { records, sizes, to, corruptAt, appendTime } = this.#content;
    if (this.#batch < sizes.length) {
      const rows = records.slice(this.#at, this.#at + sizes[this.#batch++]);
      this.#at += rows.length;
      const isLast = this.#at === records.length;
      fillRecords(into, rows, isLast && corruptAt === null ? to : rows[rows.length - 1].offset + 1, appendTime);
      this.#isDone = isLast && corruptAt === null;
      return true;
    }
    if (corruptAt !== null) {
      this.#track.isHalted = true;
      this.resumeAt = corruptAt + 1;
      throw new TidemarkError(
        "log-corrupt",
        `Cannot read "${this.topic}" partition ${this.partition}: damaged at ${corruptAt}`,
      );
    }
    if (this.#isDone) return false;
    // Nothing to hand out, but the position goes on: control records, aborted transactions, compaction, a gap.
    this.#isDone = true;
    fillRecords(into, [], to, appendTime);
    return true;
  }
}

/** The log of a plan's broker, as a process opens it. */
export function logOf(broker: Broker, { log, partitions }: Plan, random: () => Seeded): BrokerLog {
  return new BrokerLog({ broker, random, appendTime: log === "kafka-append", partitions });
}
