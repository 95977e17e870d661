/** The embedded log of a data directory as it is at one moment, to be read beside the process that owns it. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { LogReader, Opened, Position, ReadableLog, Topic } from "../log.ts";
import { LOG_FILE } from "./embedded-log.ts";
import { EmbeddedReader, type ReaderSource, type TopicTail } from "./embedded-reader.ts";
import { ReadConnection } from "./log-file.ts";

interface SnapshotTopic extends TopicTail {
  readonly topic: Topic;
  readonly start: number;
}

/** Its readers end where the log ended: they wait for nothing. */
export class LogSnapshot implements ReadableLog, ReaderSource {
  readonly kind = "embedded";
  #connection: ReadConnection | null;
  readonly #topics: ReadonlyMap<string, SnapshotTopic>;

  private constructor(connection: ReadConnection) {
    this.#connection = connection;
    this.#topics = new Map(
      connection.topics().map(({ number, name, id, start, end }) => {
        return [name, { number, name, start, end, topic: { name, id, partitions: [0] } }];
      }),
    );
  }

  /** @returns null where the directory has no log @throws TidemarkError "data-dir-unusable" | "log-corrupt" */
  static open(directory: string): LogSnapshot | null {
    const path = join(directory, LOG_FILE);
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return null;
    const connection = new ReadConnection(path, true);
    try {
      return new LogSnapshot(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get connection(): ReadConnection | null {
    return this.#connection;
  }

  tail(topic: string): TopicTail | undefined {
    return this.#topics.get(topic);
  }

  release(): void {}

  async open(names: readonly string[]): Promise<Opened> {
    const topics = names.flatMap((name) => this.#topics.get(name)?.topic ?? []);
    return { topics, missing: names.filter((name) => !this.#topics.has(name)) };
  }

  async bounds(topic: string): Promise<{ start: number; end: number }> {
    const { start, end } = this.#topics.get(topic) ?? { start: 0, end: 0 };
    return { start, end };
  }

  reader(positions: readonly Position[]): LogReader {
    return new EmbeddedReader(this, positions);
  }

  async close(): Promise<void> {
    this.#connection?.close();
    this.#connection = null;
  }
}
