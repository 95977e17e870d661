/** A log that makes its records up as they are read, in columns: as fast as the pipeline takes them, and nothing of it is kept. */
import type { Records } from "../../src/core/records.ts";
import type { Fetched, Log, LogReader, Opened, Position, Topic } from "../../src/log/log.ts";

/** Rows of one batch, and batches of one read: a fetch of about a megabyte. */
export const BATCH_ROWS = 4096;
const BATCHES_PER_READ = 4;

/** Writes the records of one topic. */
export interface ColumnSource {
  readonly topic: string;
  /** Records in all; offsets are 0 to records - 1. */
  readonly records: number;
  /** Fills `into` with the records [from, from + rows): values, keys and timestamps, not offsets. */
  fill(into: Records, from: number, rows: number): void;
}

export class ColumnLog implements Log {
  readonly trouble = null;
  readonly kind = "columns";
  readonly #sources: readonly ColumnSource[];
  readonly #topics: readonly Topic[];
  /** Told where reading may go on: up to this many records of each topic. */
  #limit = 0;
  #wake: (() => void) | null = null;
  #drained: (() => void) | null = null;

  constructor(sources: readonly ColumnSource[]) {
    this.#sources = sources;
    this.#topics = sources.map(({ topic }) => ({ name: topic, id: `id-${topic}`, partitions: [0] }));
  }

  /** Lets reading go on up to `records` records of each topic; resolves when all of them were taken in. */
  readUpTo(records: number): Promise<void> {
    return new Promise((resolve) => {
      this.#limit = records;
      this.#drained = resolve;
      this.#wake?.();
    });
  }

  async topics(): Promise<string[]> {
    return this.#topics.map(({ name }) => name).sort();
  }

  async open(names: readonly string[]): Promise<Opened> {
    const topics = this.#topics.filter(({ name }) => names.includes(name));
    return { topics, missing: names.filter((name) => !topics.some((topic) => topic.name === name)) };
  }

  async create(names: readonly string[]): Promise<Topic[]> {
    return [...(await this.open(names)).topics];
  }

  watch(): () => void {
    return () => {};
  }

  reader(positions: readonly Position[]): LogReader {
    const next = this.#sources.map(({ topic }) => positions.find((position) => position.topic === topic)?.offset ?? 0);
    let turn = 0;
    let isClosed = false;
    const endOf = (i: number): number => Math.min(this.#limit, this.#sources[i].records);
    return {
      read: async (signal) => {
        for (;;) {
          if (isClosed || signal?.aborted === true) return null;
          for (let tried = 0; tried < this.#sources.length; tried++) {
            const i = turn++ % this.#sources.length;
            const from = next[i];
            const to = Math.min(endOf(i), from + BATCH_ROWS * BATCHES_PER_READ);
            if (to <= from) continue;
            next[i] = to;
            return fetchedOf(this.#sources[i], from, to, endOf(i));
          }
          this.#drained?.();
          this.#drained = null;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            signal?.addEventListener("abort", () => resolve(), { once: true });
          });
        }
      },
      add: () => {
        throw new Error("its topics do not change");
      },
      blockedSince: () => null,
      end: (topic) => endOf(this.#sources.findIndex((source) => source.topic === topic)),
      close: async () => {
        isClosed = true;
        this.#wake?.();
      },
    };
  }

  async append(): Promise<void> {
    throw new Error("it makes its records itself");
  }

  async bounds(): Promise<{ start: number; end: number }> {
    return { start: 0, end: this.#limit };
  }

  async committed(): Promise<void> {}

  size(): null {
    return null;
  }

  async close(): Promise<void> {}
}

function fetchedOf(source: ColumnSource, from: number, to: number, logEnd: number): Fetched {
  let at = from;
  return {
    topic: source.topic,
    partition: 0,
    logEnd,
    gap: null,
    resumeAt: null,
    isDropped: false,
    next(into: Records): boolean {
      if (at >= to) return false;
      const rows = Math.min(BATCH_ROWS, to - at);
      into.reserve(rows);
      source.fill(into, at, rows);
      for (let i = 0; i < rows; i++) into.offset[i] = at + i;
      into.count = rows;
      at += rows;
      into.nextOffset = at;
      return true;
    },
  };
}
