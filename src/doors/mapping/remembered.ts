/** Texts by their key, the newest so many. */

/** Entries: some MB. Past it the oldest ones are forgotten. */
const ENTRIES_MAX = 10_000;

/** A memory of bounded size, in the order of the last setting. */
export class Remembered {
  readonly #texts = new Map<string, string>();

  get(key: string): string | undefined {
    return this.#texts.get(key);
  }

  set(key: string, text: string): void {
    this.#texts.delete(key);
    this.#texts.set(key, text);
    if (this.#texts.size <= ENTRIES_MAX) return;
    const [oldest] = this.#texts.keys();
    this.#texts.delete(oldest);
  }
}
