/** Where the topics of the log end, kept outside of its database (store/ends-file.ts): what was acknowledged and is gone is then known, and said. */
import { EndsFile, endsPath } from "../../store/ends-file.ts";

/** How often it is made durable, ms: what a power failure takes of it makes it say less. */
const SYNC_MS = 1000;

/** What is said of a topic. */
export interface TopicWords {
  readonly number: number;
  readonly name: string;
  readonly id: string;
  /** Everything before was deleted by retention. */
  readonly first: number;
  /** The offset after the newest record that was made durable. */
  readonly end: number;
}

/** What a log's file of ends says of its topics; none when it is not there. */
export function lastWordsOf(path: string): TopicWords[] {
  return Array.from(EndsFile.read(endsPath(path)), ([name, value]) => {
    const [number, id, first, end]: [number, string, number, number] = JSON.parse(value);
    return { number, name, id, first, end };
  });
}

/** The file while the log is open. */
export class LogEnds {
  readonly #file: EndsFile;
  #syncedMs = 0;

  /** Begins anew with these. */
  constructor(path: string, topics: Iterable<TopicWords>) {
    this.#file = EndsFile.create(endsPath(path), Array.from(topics, entryOf));
  }

  /** So far they are on disk. */
  put(topics: Iterable<TopicWords>): void {
    this.#file.put(Array.from(topics, entryOf));
    const now = performance.now();
    if (now - this.#syncedMs < SYNC_MS) return;
    this.#syncedMs = now;
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}

function entryOf({ number, name, id, first, end }: TopicWords): [string, string] {
  return [name, JSON.stringify([number, id, first, end])];
}
