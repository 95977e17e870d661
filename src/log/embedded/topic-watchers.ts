/** Listeners for topics of the embedded log. They neither vanish nor grow: the only news are new ones. */
import type { Topic, Wanted } from "../log.ts";
import { isWanted } from "../watching.ts";

interface Watcher {
  readonly wanted: Wanted;
  readonly onTopics: (topics: readonly Topic[]) => void;
}

/** As `Log.watch` has it. */
export class TopicWatchers {
  readonly #watchers = new Set<Watcher>();

  /** @returns removes the listener */
  add(wanted: Wanted, onTopics: Watcher["onTopics"], existing: readonly Topic[]): () => void {
    const watcher: Watcher = { wanted, onTopics };
    // Only after the caller has its `stop` function; topics created until then are reported on their own.
    queueMicrotask(() => this.#tellOne(watcher, existing));
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  tell(added: readonly Topic[]): void {
    for (const watcher of this.#watchers) this.#tellOne(watcher, added);
  }

  #tellOne(watcher: Watcher, topics: readonly Topic[]): void {
    const news = topics.filter(({ name }) => isWanted(watcher.wanted, name));
    if (news.length > 0 && this.#watchers.has(watcher)) watcher.onTopics(news);
  }

  clear(): void {
    this.#watchers.clear();
  }
}
