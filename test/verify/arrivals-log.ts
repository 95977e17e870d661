/** A log that holds the arrivals of a generated history, as a Kafka does: several partitions, topics that were made anew, a beginning that is gone. */
import { ABSENT, type Records } from "../../src/core/records.ts";
import type { Fetched, LogReader, Opened, Position, ReadableLog, Topic } from "../../src/log/log.ts";
import type { Arrival } from "../oracle/oracle.ts";

/** Rows of a batch. */
const ROWS = 50;

/** What is gone of each partition: the first of its records. */
export interface ArrivalsLogOptions {
  readonly start?: (topic: string, partition: number) => number;
}

export class ArrivalsLog implements ReadableLog {
  readonly kind = "arrivals";
  readonly #topics = new Map<string, Topic>();
  readonly #rows = new Map<string, Arrival[]>();
  readonly #options: ArrivalsLogOptions;

  constructor(arrivals: readonly Arrival[], partitions: number, options: ArrivalsLogOptions = {}) {
    this.#options = options;
    for (const { sensor, topicId } of arrivals) {
      const numbers = Array.from({ length: partitions }, (_, i) => i);
      this.#topics.set(sensor, { name: sensor, id: topicId, partitions: numbers });
    }
    for (const arrival of arrivals) {
      if (this.#topics.get(arrival.sensor)?.id !== arrival.topicId) continue;
      const key = `${arrival.sensor}/${arrival.partition}`;
      const rows = this.#rows.get(key) ?? [];
      // Replays come again at offsets that are there.
      if (arrival.offset === rows.length) rows.push(arrival);
      this.#rows.set(key, rows);
    }
  }

  async open(names: readonly string[]): Promise<Opened> {
    return {
      topics: names.flatMap((name) => this.#topics.get(name) ?? []),
      missing: names.filter((name) => !this.#topics.has(name)),
    };
  }

  async bounds(topic: string, partition: number): Promise<{ start: number; end: number }> {
    const end = this.#rows.get(`${topic}/${partition}`)?.length ?? 0;
    return { start: Math.min(end, this.#options.start?.(topic, partition) ?? 0), end };
  }

  reader(positions: readonly Position[]): LogReader {
    const left = positions.map((position) => ({ ...position }));
    return {
      read: async () => {
        const at = left.shift();
        if (at === undefined) return null;
        const rows = this.#rows.get(`${at.topic}/${at.partition}`) ?? [];
        if (at.offset + ROWS < rows.length) left.push({ ...at, offset: at.offset + ROWS });
        return fetchedOf(at, rows.slice(at.offset, at.offset + ROWS), rows.length);
      },
      add: (added) => void left.push(...added),
      end: () => 0,
      blockedSince: () => null,
      close: async () => {},
    };
  }

  async close(): Promise<void> {}
}

function fetchedOf({ topic, partition, offset }: Position, rows: readonly Arrival[], logEnd: number): Fetched {
  // One batch has timestamps of one kind; here all have.
  let isUsed = rows.length === 0;
  return {
    topic,
    partition,
    logEnd,
    gap: null,
    resumeAt: null,
    isDropped: false,
    next(into: Records): boolean {
      if (isUsed) return false;
      isUsed = true;
      fill(into, rows);
      into.nextOffset = offset + rows.length;
      return true;
    },
  };
}

function fill(into: Records, rows: readonly Arrival[]): void {
  into.reserve(rows.length);
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array | null): [number, number] => {
    if (bytes === null) return [ABSENT, ABSENT];
    parts.push(bytes);
    at += bytes.length;
    return [at - bytes.length, at];
  };
  for (const [i, { offset, recordTime, key, value }] of rows.entries()) {
    into.offset[i] = offset;
    into.timestamp[i] = recordTime;
    [into.keyStart[i], into.keyEnd[i]] = put(key);
    [into.valueStart[i], into.valueEnd[i]] = put(value);
  }
  into.data = Buffer.concat(parts);
  into.count = rows.length;
  into.appendTime = rows[0].appendTime;
}
