/** Polls Kafka for topics that appear, are recreated, or have more partitions. */
import type { Topic, Wanted } from "../log.ts";
import { isWanted } from "../watching.ts";
import { NONE } from "./faults.ts";
import type { LocatedTopic } from "./metadata.ts";
import type { Pause } from "./pause.ts";

/** Poll interval, ms: a new topic is noticed within 5 s, and an answer of ten thousand topics takes some tens of ms. */
const WATCH_INTERVAL_MS = 3000;

/** What to watch, and the listener. */
export interface TopicWatchOptions {
  readonly wanted: Wanted;
  readonly onTopics: (topics: readonly Topic[]) => void;
  readonly pause: Pause;
  /** All topics, or those of these names. */
  readonly find: (names: readonly string[] | null) => Promise<readonly LocatedTopic[]>;
  /** Makes them known to the log. */
  readonly open: (found: readonly LocatedTopic[]) => Promise<Topic[]>;
}

/** States: watching → stopped. */
export class TopicWatch {
  readonly #options: TopicWatchOptions;
  readonly #stop = new AbortController();
  /** What the listener knows of each topic, by name. */
  readonly #told = new Map<string, { readonly id: string; readonly partitions: number }>();
  /** Settles when it has stopped. A bug in the listener is not caught, and ends the process. */
  readonly ended: Promise<void>;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { pause, onTopics } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const topics = await this.#news();
      if (signal.aborted) return;
      if (topics.length > 0) onTopics(topics);
      await pause(WATCH_INTERVAL_MS, signal);
    }
  }

  /** Opens what the listener does not know yet; nothing when Kafka cannot be reached. */
  async #news(): Promise<Topic[]> {
    const { wanted, find, open } = this.#options;
    let topics: Topic[];
    try {
      const found = await find(typeof wanted === "function" ? null : wanted);
      const fresh = found.filter((topic) => isWanted(wanted, topic.name) && this.#isNews(topic));
      topics = fresh.length > 0 ? await open(fresh) : [];
    } catch {
      return []; // retried at the next poll; a reader that cannot read reports why
    }
    for (const { name, id, partitions } of topics) this.#told.set(name, { id, partitions: partitions.length });
    return topics;
  }

  #isNews({ name, id, errorCode, leaders }: LocatedTopic): boolean {
    if (errorCode !== NONE || leaders.length === 0) return false;
    const told = this.#told.get(name);
    return told === undefined || told.id !== id || told.partitions < leaders.length;
  }
}
