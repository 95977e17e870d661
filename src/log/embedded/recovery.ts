/** Finds out when the disk takes appends again, after it refused one: senders stay away from a server that says it takes nothing. */

/** First and longest wait between two tries, ms: a disk that has space again is noticed within a second, one that fails is not worn out. */
const TRY_FIRST_MS = 1000;
const TRY_LONGEST_MS = 15_000;

/** States: idle → waiting ⇄ trying → idle, when a try goes well or something else shows that appends are taken; closed. */
export class Recovery {
  readonly #attempt: (bytes: number) => Promise<void>;
  #timer: NodeJS.Timeout | null = null;
  #bytes = 0;
  #isOpen = true;

  /** @param attempt writes this much; rejects when that is not durable */
  constructor(attempt: (bytes: number) => Promise<void>) {
    this.#attempt = attempt;
  }

  /** An append of this size was refused: tries until one is taken. */
  begin(bytes: number): void {
    this.#bytes = Math.max(this.#bytes, bytes);
    if (this.#timer === null) this.#wait(TRY_FIRST_MS);
  }

  #wait(ms: number): void {
    if (!this.#isOpen) return;
    this.#timer = setTimeout(() => {
      this.#attempt(this.#bytes).then(
        () => this.end(),
        () => {
          if (this.#timer !== null) this.#wait(Math.min(ms * 2, TRY_LONGEST_MS));
        },
      );
    }, ms);
    this.#timer.unref();
  }

  /** Appends are taken. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#bytes = 0;
  }

  close(): void {
    this.#isOpen = false;
    this.end();
  }
}
