/** Reads the embedded log forward and follows its tail; woken when the writer has made a transaction durable. */
import { assert, TidemarkError } from "../../core/errors.ts";
import type { Records } from "../../core/records.ts";
import { FetchedFailure } from "../fetched-failure.ts";
import type { Fetched, Gap, LogReader, Position } from "../log.ts";
import { BatchHeader, BatchRest, continueBatch, readBatchHeader, startBatch } from "../record-batch.ts";
import type { ReadConnection, StoredBatch } from "./log-file.ts";

/** Bytes of batches that one read brings, at least one batch: enough that a read's own cost vanishes, few enough for memory. */
const READ_BYTES = 1_048_576;

/** A topic as a reader sees it; `end` grows: the offset after its newest durable record. */
export interface TopicTail {
  readonly number: number;
  readonly name: string;
  readonly end: number;
}

/** The log behind the readers. */
export interface ReaderSource {
  /** Null once the log is closed. */
  readonly connection: ReadConnection | null;
  tail(topic: string): TopicTail | undefined;
  /** The reader is done. */
  release(reader: EmbeddedReader): void;
}

interface Track {
  readonly topic: string;
  readonly partition: number;
  offset: number;
  /** Found by the first read, reported by the first one that brings records. */
  gap: Gap | null;
  tail: TopicTail | null;
  /** Replaced by another track. */
  isDropped: boolean;
  /** Standing still: it cannot be read. */
  isHalted: boolean;
}

/** States: idle → reading (waiting for a record, or not) → idle; closed for good from either. */
export class EmbeddedReader implements LogReader {
  readonly #source: ReaderSource;
  readonly #tracks: Track[] = [];
  /** Of `#tracks`, by topic and partition. */
  readonly #indexOf = new Map<string, number>();
  /** The track that the next read tries first: the one after the track read last. */
  #turn = 0;
  #closed = false;
  #reading = false;
  #wake: (() => void) | null = null;

  constructor(source: ReaderSource, positions: readonly Position[]) {
    this.#source = source;
    this.add(positions);
  }

  add(positions: readonly Position[]): void {
    for (const position of positions) {
      const key = `${position.topic}/${position.partition}`;
      const at = this.#indexOf.get(key) ?? this.#tracks.length;
      this.#indexOf.set(key, at);
      if (at < this.#tracks.length) this.#tracks[at].isDropped = true;
      this.#tracks[at] = trackAt(position);
    }
    this.wake();
  }

  /** A transaction is durable, or the log is closing. */
  wake(): void {
    this.#wake?.();
  }

  async read(signal?: AbortSignal): Promise<Fetched | null> {
    assert(!this.#reading, () => "two reads at a time on one reader");
    this.#reading = true;
    try {
      let waited = false;
      while (!this.#closed && signal?.aborted !== true) {
        const connection = this.#source.connection;
        if (connection === null) return null;
        const read = this.#fetch(connection);
        if (read !== null) {
          // Reading a backlog must not starve the rest of the process.
          if (!waited) await new Promise<void>((resolve) => setImmediate(resolve));
          if (read.track.isDropped) continue;
          return this.#closed ? null : read.fetched;
        }
        await this.#wait(signal);
        waited = true;
      }
      return null;
    } finally {
      this.#reading = false;
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#wake = null;
        signal?.removeEventListener("abort", done);
        resolve();
      };
      this.#wake = done;
      signal?.addEventListener("abort", done);
    });
  }

  #fetch(connection: ReadConnection): { track: Track; fetched: Fetched } | null {
    for (let i = 0; i < this.#tracks.length; i++) {
      const at = (this.#turn + i) % this.#tracks.length;
      const track = this.#tracks[at];
      if (track.isHalted) continue;
      const tail = (track.tail ??= this.#tailOf(track));
      if (track.offset >= tail.end) continue;
      this.#turn = at + 1;
      return { track, fetched: this.#fetchOf(connection, track, tail) };
    }
    return null;
  }

  #fetchOf(connection: ReadConnection, track: Track, tail: TopicTail): Fetched {
    const { topic, partition } = track;
    const where = `${connection.path}, topic "${topic}"`;
    try {
      const rows = connection.rows(tail.number, track.offset, tail.end, READ_BYTES);
      const from = firstOffset(track, rows, tail, connection, where);
      const { gap } = track;
      track.gap = null;
      track.offset = rows.at(-1)?.next ?? from;
      const logEnd = Math.max(tail.end, track.offset);
      return new EmbeddedFetched({
        topic,
        partition,
        logEnd,
        gap,
        rows,
        from,
        where,
        track,
        onDamaged: () => halt(track),
      });
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      halt(track);
      return new FetchedFailure({ topic, partition, logEnd: tail.end }, error, () => track.isDropped);
    }
  }

  #tailOf(track: Track): TopicTail {
    const tail = track.partition === 0 ? this.#source.tail(track.topic) : undefined;
    if (tail === undefined) {
      const what = `topic "${track.topic}" partition ${track.partition}`;
      throw new TidemarkError("topic-missing", `Cannot read ${what}: it must be opened first`);
    }
    if (track.offset > tail.end) {
      track.gap = { from: tail.end, to: tail.end, cutFrom: track.offset };
      track.offset = tail.end;
    }
    return tail;
  }

  /** There are no transactions. */
  blockedSince(): null {
    return null;
  }

  end(topic: string, partition: number): number {
    return partition === 0 ? (this.#source.tail(topic)?.end ?? 0) : 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#source.release(this);
    this.wake();
  }
}

function trackAt({ topic, partition, offset }: Position): Track {
  return { topic, partition, offset, gap: null, tail: null, isDropped: false, isHalted: false };
}

function halt(track: Track): void {
  track.isHalted = true;
}

/**
 * Where in `rows` reading goes on; notes the gap when the first records wanted are gone. Removes from `rows` what is behind a hole.
 * @throws TidemarkError "log-corrupt" when what is wanted first is missing, and was neither dropped with all before it nor is known to be lost
 */
function firstOffset(track: Track, rows: StoredBatch[], tail: TopicTail, log: ReadConnection, where: string): number {
  const from = track.offset;
  const to = rows.length === 0 ? tail.end : rows[0].base;
  if (to > from) {
    const isDropped = rows.length > 0 && log.start(tail.number) >= to;
    if (!isDropped && log.lostUntil(tail.number, from) < to) throw missing(where, from, to);
    track.gap = { ...track.gap, from, to };
  }
  const hole = rows.findIndex((row, i) => i > 0 && row.base !== rows[i - 1].next);
  if (hole > 0) rows.length = hole;
  return Math.max(from, to);
}

function missing(where: string, from: number, to: number): TidemarkError {
  return new TidemarkError("log-corrupt", `Cannot read ${where}: the batch at offset ${from} is missing (next: ${to})`);
}

interface EmbeddedContent {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  readonly rows: readonly StoredBatch[];
  /** The offset asked for: rows before it are left out. */
  readonly from: number;
  readonly where: string;
  readonly track: Track;
  /** A batch cannot be read, which `next` then throws. */
  readonly onDamaged: () => void;
}

class EmbeddedFetched implements Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  resumeAt: number | null = null;
  readonly #content: EmbeddedContent;
  readonly #header = new BatchHeader();
  readonly #rest = new BatchRest();
  #at = 0;

  constructor(content: EmbeddedContent) {
    this.#content = content;
    this.topic = content.topic;
    this.partition = content.partition;
    this.logEnd = content.logEnd;
    this.gap = content.gap;
  }

  get isDropped(): boolean {
    return this.#content.track.isDropped;
  }

  next(into: Records): boolean {
    const { rows, onDamaged } = this.#content;
    if (this.#at === rows.length) return false;
    const row = rows[this.#at];
    try {
      this.#read(row, into);
    } catch (error) {
      this.resumeAt = row.next;
      onDamaged();
      throw error;
    }
    if (this.#rest.left === 0) this.#at++;
    return true;
  }

  /** Reads a batch, or a piece of it. */
  #read({ base, next, bytes }: StoredBatch, into: Records): void {
    const { where, from } = this.#content;
    if (this.#rest.left === 0) this.#start(base, next, bytes);
    continueBatch(this.#header, this.#rest, from, into, where);
    // Every timestamp in this file is the log's own; a packed batch has them as deltas, without the attribute.
    into.appendTime = true;
  }

  #start(base: number, next: number, bytes: Uint8Array): void {
    const { where } = this.#content;
    const header = this.#header;
    const whole = readBatchHeader(bytes, 0, bytes.length, header, where) && header.end === bytes.length;
    if (!whole || header.baseOffset !== base || header.nextOffset !== next) {
      const found = `${bytes.length} bytes of offsets ${header.baseOffset} to ${header.nextOffset}`;
      const text = `the batch at offset ${base} is damaged: it must end at offset ${next}, was ${found}`;
      throw new TidemarkError("log-corrupt", `Cannot read ${where}: ${text}`);
    }
    startBatch(bytes, header, this.#rest, where);
  }
}
