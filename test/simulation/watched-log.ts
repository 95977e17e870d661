/** A log over whose reader's shoulder a witness looks, so that the oracle takes everything in in the same order as the pipeline. */
import type { Clock } from "../../src/core/clock.ts";
import type { Records } from "../../src/core/records.ts";
import type { Fetched, Gap, Log, LogReader, Position } from "../../src/log/log.ts";

/** Is told what readers do. `ids`: those of the topics that are open. */
interface ReaderWitness {
  opened(ids: ReadonlyMap<string, string>, positions: readonly Position[]): void;
  told(ids: ReadonlyMap<string, string>, positions: readonly Position[]): void;
  gap(topicId: string, fetched: Fetched, gap: Gap): void;
  batch(topicId: string, fetched: Fetched, records: Records, nowMs: number): void;
}

/** Passes everything on. */
export class WatchedLog implements Log {
  readonly kind: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #witness: ReaderWitness;
  readonly #ids = new Map<string, string>();

  constructor(log: Log, clock: Clock, witness: ReaderWitness) {
    this.kind = log.kind;
    this.#log = log;
    this.#clock = clock;
    this.#witness = witness;
  }

  get trouble(): string | null {
    return this.#log.trouble;
  }

  topics() {
    return this.#log.topics();
  }

  async open(names: readonly string[]) {
    const opened = await this.#log.open(names);
    for (const { name, id } of opened.topics) this.#ids.set(name, id);
    return opened;
  }

  async create(names: readonly string[]) {
    const topics = await this.#log.create(names);
    for (const { name, id } of topics) this.#ids.set(name, id);
    return topics;
  }

  watch(...[wanted, onTopics]: Parameters<Log["watch"]>) {
    return this.#log.watch(wanted, (topics) => {
      for (const { name, id } of topics) this.#ids.set(name, id);
      onTopics(topics);
    });
  }

  append(...args: Parameters<Log["append"]>) {
    return this.#log.append(...args);
  }

  bounds(...args: Parameters<Log["bounds"]>) {
    return this.#log.bounds(...args);
  }

  size() {
    return this.#log.size();
  }

  async committed(positions: readonly Position[]) {
    this.#witness.told(this.#ids, positions);
    await this.#log.committed(positions);
  }

  reader(positions: readonly Position[]): LogReader {
    this.#witness.opened(this.#ids, positions);
    const reader = this.#log.reader(positions);
    return {
      read: async (signal) => {
        const fetched = await reader.read(signal);
        return fetched === null ? null : this.#watched(fetched);
      },
      add: (added) => {
        this.#witness.opened(this.#ids, added);
        reader.add(added);
      },
      end: (...args) => reader.end(...args),
      blockedSince: (...args) => reader.blockedSince(...args),
      close: () => reader.close(),
    };
  }

  #watched(fetched: Fetched): Fetched {
    const topicId = this.#ids.get(fetched.topic) ?? "";
    const witness = this.#witness;
    const clock = this.#clock;
    let isGapTaken = false;
    return {
      topic: fetched.topic,
      partition: fetched.partition,
      logEnd: fetched.logEnd,
      // It is asked for when the gap is taken in.
      get gap() {
        if (fetched.gap !== null && !isGapTaken) {
          isGapTaken = true;
          witness.gap(topicId, fetched, fetched.gap);
        }
        return fetched.gap;
      },
      get isDropped() {
        return fetched.isDropped;
      },
      get resumeAt() {
        return fetched.resumeAt;
      },
      next: (into) => {
        if (!fetched.next(into)) return false;
        witness.batch(topicId, fetched, into, clock.now());
        return true;
      },
    };
  }

  close() {
    return this.#log.close();
  }
}
