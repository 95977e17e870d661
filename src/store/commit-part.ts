/** What takes part in a commit: it keeps what changed in memory, writes it with the others in one transaction, and then knows that it is stored. */
export interface CommitPart {
  /** New rows that wait for a commit. */
  readonly waitingRows: number;
  /** About the bytes in memory that only a commit lets go of. */
  readonly waitingBytes: number;
  /**
   * Writes what waits, inside a transaction, in steps between which others run (nothing is taken in meanwhile); yields about the bytes of each.
   * After a rollback it is called again: nothing in memory says "stored" before `committed`.
   * @throws TidemarkError "disk-full"
   */
  write(): Iterable<number>;
  /** The transaction of `write` has ended well. */
  committed(): void;
}
