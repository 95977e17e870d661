/** What the log held when the process started and is still to be taken in: until then answers lack what they had before. */
import type { PartitionState, Sources } from "./sources.ts";
import type { Standstills } from "./standstills.ts";
import type { Unread } from "./unread.ts";

/** States: not begun → reading → done, for good. */
export class Replay {
  readonly #sources: Sources;
  readonly #unread: Unread;
  readonly #standstills: Standstills;
  /** Where the log of each partition ended; undefined: not begun, null: done. */
  #ends: Map<PartitionState, number> | null | undefined;

  constructor(sources: Sources, unread: Unread, standstills: Standstills) {
    this.#sources = sources;
    this.#unread = unread;
    this.#standstills = standstills;
  }

  /** The log is followed: notes where it ends now, the first time. */
  begin(): void {
    if (this.#ends !== undefined) return;
    this.#ends = new Map();
    for (const { partitions } of this.#sources.list()) {
      for (const partition of partitions) this.#ends.set(partition, this.#unread.endOf(partition));
    }
  }

  /** Records that are left; 0 once all were taken in. What cannot be read now is not waited for. O(partitions) until then. */
  get left(): number {
    if (this.#ends === null || this.#ends === undefined) return 0;
    let left = 0;
    for (const [partition, end] of this.#ends) {
      if (partition.next < end && this.#isRead(partition)) left += end - partition.next;
      else this.#ends.delete(partition);
    }
    if (left === 0) this.#ends = null;
    return left;
  }

  #isRead(partition: PartitionState): boolean {
    const isFollowed = this.#sources.find(partition.topic)?.partitions[partition.partition] === partition;
    return isFollowed && !this.#standstills.isAt(partition);
  }
}
