/** Writes how far the history has come as a consumer group's offsets, so that Kafka's own tools show lag. Nothing reads them; nothing waits for them. */
import type { Position } from "../log.ts";
import type { KafkaClient } from "./client.ts";

export class GroupOffsets {
  readonly #client: KafkaClient;
  readonly #groupId: string;
  /** What is to be written next, by topic and partition: a later position replaces one that has not been written. */
  #next = new Map<string, Position>();
  #writing: Promise<void> | null = null;
  /** Writes that failed: the tools show an older position until the next one. */
  errors = 0;

  constructor(client: KafkaClient, groupId: string) {
    this.#client = client;
    this.#groupId = groupId;
  }

  note(positions: readonly Position[]): void {
    for (const position of positions) this.#next.set(`${position.topic}/${position.partition}`, position);
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#next.size > 0) {
      const positions = [...this.#next.values()];
      this.#next = new Map();
      try {
        await this.#client.commitOffsets(this.#groupId, byTopic(positions));
      } catch {
        this.errors++;
      }
    }
    this.#writing = null;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }
}

function byTopic(positions: readonly Position[]) {
  return [...Map.groupBy(positions, ({ topic }) => topic)].map(([name, own]) => ({
    name,
    partitionOffsets: own.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) })),
  }));
}
