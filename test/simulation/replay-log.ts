/** A log for simulations: the arrivals of a generated history, read in their order, with batch splits and stops where the test wants them. */
import { TidemarkError } from "../../src/core/errors.ts";
import { ABSENT, type Records } from "../../src/core/records.ts";
import type { Fetched, Log, LogReader, NewRecord, Position, Topic } from "../../src/log/log.ts";
import type { Arrival } from "../oracle/oracle.ts";

/** Delivers what `deliver` is given, and tells when all of it was taken in. */
export class ReplayLog implements Log {
  readonly kind = "replay";
  readonly #topics: Topic[];
  #recreated = false;
  #queue: Arrival[][] = [];
  #wake: (() => void) | null = null;
  #drained: (() => void) | null = null;
  #closed = false;
  /** Positions that readers were opened at, and that were reported as committed. */
  readonly opened: Position[][] = [];
  readonly committedPositions: Position[][] = [];

  constructor(topics: readonly Topic[]) {
    this.#topics = [...topics];
  }

  /** The topic was deleted and made anew: readers fail until they open it again. */
  recreate(topic: Topic): void {
    const at = this.#topics.findIndex((known) => known.name === topic.name);
    this.#topics[at] = topic;
    this.#recreated = true;
    this.#wake?.();
  }

  /** Hands a batch of one partition to the reader; resolves when it asked for more, that is: has taken it in. */
  deliver(batch: readonly Arrival[]): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push([...batch]);
      this.#drained = resolve;
      this.#wake?.();
    });
  }

  async open(names: readonly string[]): Promise<Topic[]> {
    return this.#topics.filter((topic) => names.includes(topic.name));
  }

  reader(positions: readonly Position[]): LogReader {
    this.opened.push([...positions]);
    const next = new Map(positions.map((p) => [`${p.topic}/${p.partition}`, p.offset]));
    return {
      read: async (signal) => {
        for (;;) {
          if (this.#closed || signal?.aborted) return null;
          if (this.#recreated) {
            this.#recreated = false;
            throw new TidemarkError("topic-recreated", "Cannot read on: the topic was recreated");
          }
          const batch = this.#queue.shift();
          if (batch !== undefined) {
            const first = batch[0];
            const key = `${first.sensor}/${first.partition}`;
            const from = next.get(key) ?? 0;
            next.set(key, Math.max(from, batch[batch.length - 1].offset + 1));
            return fetchedOf(batch, from);
          }
          this.#drained?.();
          this.#drained = null;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            signal?.addEventListener("abort", () => resolve(), { once: true });
          });
        }
      },
      ends: () => [],
      close: async () => {},
    };
  }

  async append(_topic: string, _records: readonly NewRecord[]): Promise<void> {
    throw new Error("a replay log takes no records");
  }

  async bounds(): Promise<{ start: number; end: number }> {
    return { start: 0, end: 0 };
  }

  async committed(positions: readonly Position[]): Promise<void> {
    this.committedPositions.push([...positions]);
  }

  size(): null {
    return null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
  }
}

function fetchedOf(batch: readonly Arrival[], from: number): Fetched {
  let done = false;
  const rows = batch.filter((arrival) => arrival.offset >= from);
  return {
    topic: batch[0].sensor,
    partition: batch[0].partition,
    logEnd: batch[batch.length - 1].offset + 1,
    gap: null,
    next(into: Records): boolean {
      if (done) return false;
      done = true;
      fill(into, rows, batch[batch.length - 1].offset + 1);
      return true;
    },
  };
}

function fill(into: Records, rows: readonly Arrival[], nextOffset: number): void {
  into.reserve(rows.length);
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array | null): [number, number] => {
    if (bytes === null) return [ABSENT, ABSENT];
    parts.push(bytes);
    at += bytes.length;
    return [at - bytes.length, at];
  };
  rows.forEach((row, i) => {
    into.offset[i] = row.offset;
    into.timestamp[i] = row.recordTime;
    [into.keyStart[i], into.keyEnd[i]] = put(row.key);
    [into.valueStart[i], into.valueEnd[i]] = put(row.value);
  });
  into.data = Buffer.concat(parts);
  into.count = rows.length;
  into.appendTime = rows.length > 0 && rows[0].appendTime;
  into.nextOffset = Math.max(nextOffset, 0);
}
