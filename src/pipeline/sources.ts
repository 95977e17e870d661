/** The topics that are read: how far each partition is, and which sensors its readings go to. */
import type { StatementSync } from "node:sqlite";
import type { Topic } from "../log/log.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { Fronts } from "./fronts.ts";
import type { Series } from "./sensors.ts";

const TABLES = `
CREATE TABLE IF NOT EXISTS position(topic TEXT NOT NULL, partition INTEGER NOT NULL, topic_id TEXT NOT NULL, next INTEGER NOT NULL,
  newest REAL, PRIMARY KEY(topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS front(topic TEXT NOT NULL, partition INTEGER NOT NULL, sensor INTEGER NOT NULL, newest REAL NOT NULL,
  PRIMARY KEY(topic, partition, sensor)) WITHOUT ROWID;
`;

/** What the history said last of a partition, outside of its database (ends-file.ts). */
interface PartitionEnd {
  readonly topic: string;
  readonly partition: number;
  readonly id: string;
  /** All before it was in a commit that was on disk. */
  readonly next: number;
}

/** Reads an entry of the ends. */
export function endOf(name: string, value: string): PartitionEnd {
  const at = name.lastIndexOf("/");
  const [id, next] = value.split(" ");
  return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)), id, next: Number(next) };
}

/** `committed` of a partition whose stored position means nothing any more. */
export const NOT_COMMITTED = -1;

/** The setting that says that a topic of this name was read, was made anew, and is read anew: its readings of before are in no log. */
export function replacedSetting(topic: string): string {
  return `replaced:${topic}`;
}

/** How far a topic partition is read. */
export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  /** What to read next: all before it is taken in. */
  next: number;
  /** `next` at the last commit: the log may delete only what is before it. */
  committed: number;
  /** Where the log ended when that was last heard of. */
  end: number;
  /** The furthest of its fronts, ms. */
  newest: number;
  readonly fronts: Fronts;
}

/** A topic as it was last opened. It is made at its first opening and stays the same object. */
export interface Source {
  readonly topic: string;
  /** The sensor of the topic's name: readings that name no other count there, and so do refused and lost records, which name none. */
  readonly own: Series;
  /** Other sensors that its readings have named since it was opened. */
  readonly others: Set<Series>;
  /** By their numbers. */
  partitions: readonly PartitionState[];
  /** Its topic was made anew, as was heard, and is not opened yet: what waits in it may be of any time. */
  isOutdated: boolean;
}

/** Every source that was opened, and every position that is known. */
export class Sources implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #byTopic = new Map<string, Source>();
  /** By the number of the sensor. */
  readonly #feeding = new Map<number, Source[]>();
  /** Also of topics that are not read at the time. */
  readonly #partitions = new Map<string, PartitionState>();
  readonly #insert: StatementSync;
  readonly #insertFront: StatementSync;
  readonly #deleteFronts: StatementSync;
  /** Topics that were made anew since the last commit. */
  readonly #replaced = new Set<string>();
  /** What the commit that is being written says, in the order of `#moved`. */
  #moved: PartitionState[] = [];
  #movedTo: number[] = [];

  /** What the history had taken in by its last words, and has not: it went back. A sentence for the operator each. */
  readonly wentBack: readonly string[];

  constructor(db: Database) {
    this.#db = db;
    db.declare(TABLES);
    this.#insert = db.prepare("INSERT OR REPLACE INTO position VALUES(?, ?, ?, ?, ?)");
    this.#insertFront = db.prepare("INSERT OR REPLACE INTO front VALUES(?, ?, ?, ?)");
    this.#deleteFronts = db.prepare("DELETE FROM front WHERE topic=? AND partition=?");
    for (const row of db.prepare("SELECT * FROM position").all()) {
      const next = Number(row.next);
      this.#partitions.set(`${row.topic}/${row.partition}`, {
        topic: String(row.topic),
        partition: Number(row.partition),
        topicId: String(row.topic_id),
        next,
        committed: next,
        end: next,
        newest: row.newest === null ? Number.NEGATIVE_INFINITY : Number(row.newest),
        fronts: new Fronts(),
      });
    }
    for (const { topic, partition, sensor, newest } of db.prepare("SELECT * FROM front").iterate()) {
      this.#partitions.get(`${topic}/${partition}`)?.fronts.restore(Number(sensor), Number(newest));
    }
    this.wentBack = Array.from(db.lastWords, ([name, value]) => this.#behind(endOf(name, value))).filter(isText);
    db.beginEnds(Array.from(this.#partitions, ([name, { topicId, next }]) => [name, `${topicId} ${next}`]));
  }

  /** What of a partition is to be taken in again, or was lost. */
  #behind({ topic, partition, id, next }: PartitionEnd): string | null {
    const known = this.#partitions.get(`${topic}/${partition}`);
    if (known !== undefined && known.topicId !== id) return null;
    const has = known?.next ?? 0;
    if (has >= next) return null;
    return `${next - has} records of "${topic}" partition ${partition} from offset ${has} on are taken in again: the history went back to an earlier commit`;
  }

  /** These offsets are in a commit that is on disk. */
  onDisk(offsets: readonly { readonly partition: PartitionState; readonly offset: number }[]): void {
    this.#db.keepEnds(
      offsets.map(({ partition: { topic, partition, topicId }, offset }) => [
        `${topic}/${partition}`,
        `${topicId} ${offset}`,
      ]),
    );
  }

  find(topic: string): Source | undefined {
    return this.#byTopic.get(topic);
  }

  /** Whether a topic of that name was ever read. */
  hadTopic(name: string): boolean {
    return this.#partitions.has(`${name}/0`);
  }

  /** Those that were opened. */
  list(): Iterable<Source> {
    return this.#byTopic.values();
  }

  /** The sources whose readings go to the sensor. */
  feeding(series: Series): readonly Source[] {
    return this.#feeding.get(series.id) ?? [];
  }

  /** Whether a topic is read whose readings go to the sensor. */
  isFed(series: Series): boolean {
    return this.feeding(series).some(({ partitions }) => partitions.length > 0);
  }

  /** A reading of the source is of the sensor. */
  feed(source: Source, series: Series): void {
    if (series === source.own || source.others.has(series)) return;
    source.others.add(series);
    this.#feeding.set(series.id, [...this.feeding(series), source]);
  }

  /** Every partition whose position is known, read at the time or not. */
  partitions(): Iterable<PartitionState> {
    return this.#partitions.values();
  }

  /** Says where to read a topic's partitions on from: a recreated topic starts anew. @param own the sensor of its name */
  open(topic: Topic, own: Series): Source {
    let source = this.#byTopic.get(topic.name);
    if (source === undefined) {
      source = { topic: topic.name, own, others: new Set(), partitions: [], isOutdated: false };
      this.#byTopic.set(topic.name, source);
      this.#feeding.set(own.id, [...this.feeding(own), source]);
    }
    source.partitions = topic.partitions.map((partition) => this.#openPartition(topic, partition, own));
    source.isOutdated = false;
    return source;
  }

  /** A topic was heard of, which is opened once what runs has ended. */
  appeared({ name, id }: Topic): void {
    const source = this.#byTopic.get(name);
    if (source?.partitions.some(({ topicId }) => topicId !== id) === true) source.isOutdated = true;
  }

  /** Its topic is gone: it is no longer read or waited for; its positions stay known. */
  close(source: Source): void {
    source.partitions = [];
  }

  #openPartition(topic: Topic, partition: number, own: Series): PartitionState {
    const key = `${topic.name}/${partition}`;
    const known = this.#partitions.get(key);
    if (known !== undefined && known.topicId === topic.id) {
      // Older versions kept one front a partition.
      if (known.fronts.isEmpty) known.fronts.advance(own.id, known.newest);
      return known;
    }
    // One that takes another's place is stored with the next commit, so that all partitions of a topic are of one life of it.
    const committed = known === undefined ? 0 : NOT_COMMITTED;
    if (known !== undefined && known.next > 0) this.#replaced.add(topic.name);
    const start = { next: 0, committed, end: 0, newest: Number.NEGATIVE_INFINITY, fronts: new Fronts() };
    const fresh = { topic: topic.name, partition, topicId: topic.id, ...start };
    this.#partitions.set(key, fresh);
    return fresh;
  }

  /** A partition was read on since the last commit. O(partitions). */
  get hasMoved(): boolean {
    for (const { next, committed } of this.#partitions.values()) if (next !== committed) return true;
    return false;
  }

  /** Writes the partitions that were read on, and how far. */
  *write(): Generator<number> {
    this.#moved = [...this.#partitions.values()].filter(({ next, committed }) => next !== committed);
    this.#movedTo = this.#moved.map(({ next }) => next);
    for (const [i, moved] of this.#moved.entries()) {
      const { topic, partition, topicId, newest } = moved;
      const newestTime = Number.isFinite(newest) ? newest : null;
      this.#db.guarded(() => this.#insert.run(topic, partition, topicId, this.#movedTo[i], newestTime));
      yield topic.length + topicId.length;
      yield* this.#writeFronts(moved);
    }
    for (const topic of this.#replaced) this.#db.guarded(() => this.#db.setSetting(replacedSetting(topic), 1));
  }

  *#writeFronts({ topic, partition, fronts, committed }: PartitionState): Generator<number> {
    // What is stored may be of another life of the topic.
    const isStored = committed !== NOT_COMMITTED;
    if (!isStored) this.#db.guarded(() => this.#deleteFronts.run(topic, partition));
    for (const [series, ms] of fronts.list(isStored ? "changed" : "all")) {
      this.#db.guarded(() => this.#insertFront.run(topic, partition, series, ms));
      yield topic.length;
    }
  }

  committed(): void {
    for (const [i, partition] of this.#moved.entries()) {
      partition.committed = this.#movedTo[i];
      partition.fronts.committed();
    }
    this.#moved = [];
    this.#replaced.clear();
  }
}

function isText(text: string | null): text is string {
  return text !== null;
}
