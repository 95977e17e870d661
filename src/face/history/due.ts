/** Something that is to be done by a time, and once for all who asked for it until then. */
export class Due {
  readonly #act: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(act: () => void) {
    this.#act = act;
  }

  /** In so many ms at the latest. */
  within(ms: number): void {
    const atMs = performance.now() + ms;
    if (atMs >= this.#atMs) return;
    this.stop();
    this.#atMs = atMs;
    this.#timer = setTimeout(() => {
      this.stop();
      this.#act();
    }, ms);
  }

  /** No longer. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
