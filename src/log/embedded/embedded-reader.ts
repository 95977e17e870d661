/** Reads the embedded log forward and follows its tail, woken by the writer's word that a transaction is durable. */
import { assert, TidemarkError } from "../../core/errors.ts";
import type { Records } from "../../core/records.ts";
import type { Fetched, Gap, LogReader, Position } from "../log.ts";
import { BatchHeader, decodeBatch, readBatchHeader } from "../record-batch.ts";
import type { ReadConnection, Row } from "./log-file.ts";

/** Bytes of batches that one read brings, at least one batch: enough to make a read's own cost vanish, little enough to hold in memory. */
const READ_BYTES = 1_048_576;

/** What a reader sees of a topic: `end` is the offset after its newest durable record and grows. */
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
  /** Found by the first read, reported by the first that brings records. */
  gap: Gap | null;
  tail: TopicTail | null;
  /** Another track has taken its place. */
  isDropped: boolean;
}

/** States: idle → reading (waiting for a record, or not) → idle; closed for good from either. */
export class EmbeddedReader implements LogReader {
  readonly #source: ReaderSource;
  readonly #tracks: Track[] = [];
  /** Of `#tracks`, by topic and partition. */
  readonly #indexOf = new Map<string, number>();
  /** Where the next read begins to look: the track after the one that was read last. */
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
          // Reading what is there already must not keep everything else in the process waiting.
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
      const tail = (track.tail ??= this.#tailOf(track));
      if (track.offset >= tail.end) continue;
      this.#turn = at + 1;
      const where = `${connection.path}, topic "${track.topic}"`;
      const rows = connection.rows(tail.number, track.offset, tail.end, READ_BYTES);
      const from = firstOffset(track, rows, tail.end, where);
      const { gap } = track;
      track.gap = null;
      track.offset = rows[rows.length - 1].next;
      const logEnd = Math.max(tail.end, track.offset);
      const fetched = new EmbeddedFetched(track.topic, track.partition, logEnd, gap, rows, from, where);
      return { track, fetched };
    }
    return null;
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
  return { topic, partition, offset, gap: null, tail: null, isDropped: false };
}

/** Where in `rows` reading goes on; notes the gap when the first records wanted are gone. @throws TidemarkError "log-corrupt" when others are missing */
function firstOffset(track: Track, rows: readonly Row[], end: number, where: string): number {
  const from = track.offset;
  let expected = from;
  for (const [i, { base, next }] of rows.entries()) {
    if (i === 0 && base > from) track.gap = { ...track.gap, from, to: base };
    else if (i === 0 ? next <= from : base !== expected) throw missing(where, expected, base);
    expected = next;
  }
  if (rows.length === 0) throw missing(where, from, end);
  return Math.max(from, rows[0].base);
}

function missing(where: string, from: number, to: number): TidemarkError {
  return new TidemarkError("log-corrupt", `Cannot read ${where}: the batch at offset ${from} is missing (next: ${to})`);
}

const header = new BatchHeader();

class EmbeddedFetched implements Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  readonly #rows: readonly Row[];
  readonly #from: number;
  readonly #where: string;
  #at = 0;

  constructor(
    topic: string,
    partition: number,
    logEnd: number,
    gap: Gap | null,
    rows: readonly Row[],
    from: number,
    where: string,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.logEnd = logEnd;
    this.gap = gap;
    this.#rows = rows;
    this.#from = from;
    this.#where = where;
  }

  next(into: Records): boolean {
    if (this.#at === this.#rows.length) return false;
    const { base, next, bytes } = this.#rows[this.#at++];
    const whole = readBatchHeader(bytes, 0, bytes.length, header, this.#where) && header.end === bytes.length;
    if (!whole || header.baseOffset !== base || header.nextOffset !== next) {
      const found = `${bytes.length} bytes of offsets ${header.baseOffset} to ${header.nextOffset}`;
      const text = `the batch at offset ${base} is damaged: it must end at offset ${next}, was ${found}`;
      throw new TidemarkError("log-corrupt", `Cannot read ${this.#where}: ${text}`);
    }
    decodeBatch(bytes, 0, bytes.length, this.#from, into, this.#where);
    // Every timestamp in this file is the log's own; a packed batch has them as deltas, without the attribute.
    into.appendTime = true;
    return true;
  }
}
