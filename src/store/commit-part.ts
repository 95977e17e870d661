/** A part of a commit: it keeps changes in memory, writes them in the one transaction of all parts, and marks them as stored once that is committed. */
export interface CommitPart {
  /** New rows that wait for a commit. */
  readonly waitingRows: number;
  /** About the bytes of memory that only a commit frees. */
  readonly waitingBytes: number;
  /**
   * Writes what waits, inside a transaction, in steps between which others run (nothing is taken in meanwhile). Yields about the bytes of
   * each step. After a rollback it is called again: nothing in memory is marked as stored before `committed`.
   * @throws TidemarkError "disk-full"
   */
  write(): Iterable<number>;
  /** The transaction of `write` was committed. */
  committed(): void;
  /** It was rolled back; for parts that rely on what they wrote before that. */
  rolledBack?(): void;
}
