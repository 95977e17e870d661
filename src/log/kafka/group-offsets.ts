/** Writes how far the history has come as a consumer group's offsets, so that Kafka's own tools show lag. Nothing reads them; nothing waits for them. */
import type { Position } from "../log.ts";
import type { KafkaClient } from "./client.ts";
import { type Pause, retryMs } from "./pause.ts";

/** A cluster that never had a group makes its coordinator at the first question, and says no to it. The next commit comes soon anyway. */
const WRITE_TRIES = 6;

/** Writes one group's offsets, the newest only: positions that come during a write replace those that wait. */
export class GroupOffsets {
  readonly #client: KafkaClient;
  readonly #groupId: string;
  /** What is to be written next, by topic and partition: a later position replaces one that has not been written. */
  #next = new Map<string, Position>();
  #writing: Promise<void> | null = null;
  readonly #pause: Pause;
  readonly #stop: AbortSignal;

  constructor(client: KafkaClient, groupId: string, pause: Pause, stop: AbortSignal) {
    this.#client = client;
    this.#groupId = groupId;
    this.#pause = pause;
    this.#stop = stop;
  }

  note(positions: readonly Position[]): void {
    for (const position of positions) this.#next.set(`${position.topic}/${position.partition}`, position);
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#next.size > 0) {
      const positions = [...this.#next.values()];
      this.#next = new Map();
      await this.#commit(positions);
    }
    this.#writing = null;
  }

  /** One that fails for good is left: the tools show an older position until the next one. */
  async #commit(positions: readonly Position[]): Promise<void> {
    for (let failures = 1; failures <= WRITE_TRIES && !this.#stop.aborted; failures++) {
      try {
        await this.#client.commitOffsets(this.#groupId, byTopic(positions));
        return;
      } catch {
        await this.#pause(retryMs(failures), this.#stop);
      }
    }
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
