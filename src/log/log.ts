/** The contract of a log: the durable, replayable truth that everything after it can be rebuilt from. Every backend passes test/suites/log-suite.ts. */

import type { Records } from "../core/records.ts";
import type { Scrub } from "../core/scrub.ts";

/** A topic as the log knows it. A recreated topic has the same name and another id, so its offsets are no replay. */
export interface Topic {
  readonly name: string;
  /** Unique for ever: Kafka's topic id, or a random UUID. */
  readonly id: string;
  /** Partition numbers, ascending, from 0. */
  readonly partitions: readonly number[];
}

/** One topic partition and the offset to read next. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A record to append: its bytes, which the log keeps as they are. */
export interface NewRecord {
  readonly value: Uint8Array;
  readonly key?: Uint8Array;
}

/** Records that the log dropped (retention, a recreated topic) before they were read: named, never jumped over. */
export interface Gap {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /**
   * Set when the log was cut back below what had been read (then `from` is `to`): where reading had come to. Up to `cutFrom - to` records that were read
   * are in no log any more, and records from `to` on are new, under offsets that were used before. Kafka: after the election of a leader that lacked them.
   * Noticed when the position is past the end, or differs in its leader epoch from what this reader itself read before it; not when the log was cut
   * back and grew past the position while no reader was there.
   */
  readonly cutFrom?: number;
}

/**
 * What one read brought: some complete batches of one partition.
 * Call `next` until it returns false; only then read again (the bytes may be reused).
 */
export interface Fetched {
  readonly topic: string;
  readonly partition: number;
  /** The offset after the newest record the log had at the time of this read: what is between is the lag. */
  readonly logEnd: number;
  /** Set when records before the first of this read were dropped unread. */
  readonly gap: Gap | null;
  /**
   * Fills `into` with the next batch; rows before the position asked for are left out already.
   * May yield `count` 0 with a larger `nextOffset` (control batches, aborted transactions, compaction).
   * @returns false when this read is used up; what `into` pointed to may be used again then
   * @throws TidemarkError "log-corrupt" (naming topic, partition and offset, when a checksum fails), "log-too-old" (written before Kafka 0.11),
   * "topic-missing", "topic-recreated" (open it anew), "log-refused" (Kafka does not allow it): the partition stands still. No read brings it any
   * more until `LogReader.add` gives it an offset; the others go on.
   */
  next(into: Records): boolean;
  /** Its partition was given another offset since (`LogReader.add`), and brings all from there on: this must not be taken in any more. */
  readonly isDropped: boolean;
  /** Once `next` threw: the offset behind what cannot be read, as its own header has it; null when that is not known. */
  readonly resumeAt: number | null;
}

/** Reads forward from its positions and follows the tail. One read at a time. */
export interface LogReader {
  /**
   * The next batches of any partition, fairly; waits for a record when all is read.
   * @returns null once closed, or when `signal` aborts
   * @throws TidemarkError "log-unreachable" (retried inside first), "log-refused" when all reading is
   */
  read(signal?: AbortSignal): Promise<Fetched | null>;
  /**
   * Reads these as well from now on, also while a read waits; their topics must be open. A partition that is read already goes on from the new offset,
   * and nothing of what was fetched of it before is handed out any more.
   */
  add(positions: readonly Position[]): void;
  /** The offset after the newest record of a partition that it reads, as last seen; no I/O. O(1): asked for at every batch. */
  end(topic: string, partition: number): number;
  /**
   * Since when an open transaction blocks a partition, ms, as far as this reader knows: no record from there on is read before the transaction has
   * ended, whatever its producer. Null when there is none. No I/O.
   */
  blockedSince(topic: string, partition: number): number | null;
  close(): Promise<void>;
}

/** What opening found. */
export interface Opened {
  /** In the order of the names. */
  readonly topics: readonly Topic[];
  /** The names that no topic has. */
  readonly missing: readonly string[];
}

/** Which topics: those of these names, or all whose name passes. */
export type Wanted = readonly string[] | ((name: string) => boolean);

/** Only `create` makes topics: nothing else does, neither asking for one nor appending to it. */
export interface Log {
  /** "embedded" or "kafka". */
  readonly kind: string;
  /**
   * The names of all topics that exist, ascending; those of the log's own (`__…`) are left out.
   * @throws TidemarkError "log-unreachable" | "log-refused"
   */
  topics(): Promise<string[]>;
  /**
   * Finds topics: only open ones are read and appended to. Creates nothing.
   * @throws TidemarkError "log-unreachable" | "log-refused"
   */
  open(names: readonly string[]): Promise<Opened>;
  /**
   * Creates those that are missing, and opens all; in the order of the names.
   * @throws TidemarkError "log-unreachable" | "log-refused" | "disk-full"
   */
  create(names: readonly string[]): Promise<Topic[]>;
  /**
   * Opens each wanted topic and calls the listener: soon after this call with those that exist, then with each that appears, is recreated (another id),
   * or has more partitions, once each time. Embedded: before the `create` that makes it resolves. Kafka: within 5 s; failures are retried silently, as
   * readers report them.
   * @param onTopics called with at least one; may add them to a reader
   * @returns removes the listener
   */
  watch(wanted: Wanted, onTopics: (topics: readonly Topic[]) => void): () => void;
  /**
   * Appends in order; resolves once durable (embedded: fsync; Kafka: acks=all).
   * @throws TidemarkError "log-full" (queue bound reached: slow down), "record-too-large", "disk-full", "log-sync-failed", "log-unreachable"
   */
  append(topic: string, records: readonly NewRecord[]): Promise<void>;
  /** First and end offset that can be read now: fetched, not cached. */
  bounds(topic: string, partition: number): Promise<{ start: number; end: number }>;
  /** A position outside what the log holds is moved to the nearest readable offset, and the first read there reports the gap. */
  reader(positions: readonly Position[]): LogReader;
  /**
   * Called after each history commit that is known to be *synced*: everything before `positions` is safe elsewhere.
   * Embedded: lets retention delete up to there. Kafka: writes the group's offsets, so that tools show lag. Never reads or moves a reader.
   */
  committed(positions: readonly Position[]): Promise<void>;
  /** Bytes held; null when the log does not say (Kafka). */
  size(): number | null;
  /** Why it takes no appends now; null: it does, as far as it knows. No I/O. */
  readonly trouble: string | null;
  /** What it found not as it was written, and what of it is lost: a sentence each. */
  readonly notices?: readonly string[];
  /** Where it has a file here whose pages are compared: which, and what came of it. */
  readonly path?: string;
  readonly scrub?: Scrub;
  /** Stops taking in, makes everything appended durable, frees all handles. Idempotent. */
  close(): Promise<void>;
}

/** A log that is only read: nothing is made in it, appended, or told of what is committed. */
export type ReadableLog = Pick<Log, "kind" | "open" | "bounds" | "reader" | "close">;
