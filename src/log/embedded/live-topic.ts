/** A topic of the open embedded log. */
import type { Topic } from "../log.ts";
import type { TopicTail } from "./embedded-reader.ts";
import type { StoredTopic } from "./messages.ts";

/** A stored topic, and how far it is durable. */
export class LiveTopic implements TopicTail {
  readonly number: number;
  readonly name: string;
  readonly id: string;
  /** Offset after the newest durable record. */
  end: number;

  constructor(stored: StoredTopic) {
    this.number = stored.number;
    this.name = stored.name;
    this.id = stored.id;
    this.end = stored.end;
  }

  /** As the contract has it. */
  get topic(): Topic {
    return { name: this.name, id: this.id, partitions: [0] };
  }
}
