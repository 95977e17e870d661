/** Records of the log that are not taken in yet: lag, and what they hold back. */
import type { LogReader } from "../log/log.ts";
import type { PartitionState, Source } from "./sources.ts";

/** Knows where the log of each partition ends. */
export class Unread {
  /** The reader that follows the log; null while there is none: then what was last heard counts. */
  reader: LogReader | null = null;

  #isAtEnd(partition: PartitionState): boolean {
    return partition.next >= this.endOf(partition);
  }

  /** Where the log ends, as last heard. */
  endOf(partition: PartitionState): number {
    if (this.reader !== null) partition.end = this.reader.end(partition.topic, partition.partition);
    return partition.end;
  }

  /** Since when an open transaction blocks the next record, ms; null when none does. */
  blockedSince({ topic, partition }: PartitionState): number | null {
    return this.reader?.blockedSince(topic, partition) ?? null;
  }

  /** Records of the sources that are not taken in. */
  lag(sources: readonly Source[]): number {
    let lag = 0;
    for (const { partitions } of sources) {
      for (const partition of partitions) if (!this.#isAtEnd(partition)) lag += partition.end - partition.next;
    }
    return lag;
  }

  /** What holds a sensor's mark back: the smallest front of partitions that are not read to their end, and every topic that was made anew. Infinity when all are. */
  limit(sources: readonly Source[]): number {
    let limit = Number.POSITIVE_INFINITY;
    for (const { partitions, isOutdated } of sources) {
      if (isOutdated) return Number.NEGATIVE_INFINITY;
      for (const partition of partitions) {
        if (!this.#isAtEnd(partition) && partition.newest < limit) limit = partition.newest;
      }
    }
    return limit;
  }
}
