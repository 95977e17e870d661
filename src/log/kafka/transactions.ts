/** Which batches of a fetch belong to aborted transactions, found as Kafka's own consumer finds it (Kafka protocol, "Fetch API", aborted_transactions; KIP-98). */

/** A transaction that was taken back: its records from `firstOffset` up to its abort marker do not count. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Walks along with the batches of one partition: a producer's batches are left out from the first offset of an aborted transaction on until its abort marker. */
export class Transactions {
  /** By first offset, the next to begin last. */
  readonly #aborted: AbortedTransaction[];
  readonly #aborting = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[] | null) {
    this.#aborted = [...(aborted ?? [])].sort((a, b) => b.firstOffset - a.firstOffset);
  }

  /** Call for each batch, in order, with the offset after it, before asking about it. */
  moveTo(nextOffset: number): void {
    while (this.#aborted.length > 0 && this.#aborted[this.#aborted.length - 1].firstOffset < nextOffset) {
      this.#aborting.add(this.#aborted.pop()!.producerId);
    }
  }

  /** An abort marker of this producer was passed. */
  end(producerId: number): void {
    this.#aborting.delete(producerId);
  }

  isAborted(producerId: number): boolean {
    return this.#aborting.has(producerId);
  }
}
