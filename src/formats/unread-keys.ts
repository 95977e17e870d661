/** What of a source's payloads is not read: keys that look as if they should be, and values that are no numbers. Counted in memory, since the start. */

/** One of them. */
export interface UnreadKey {
  /** As it was first written. */
  readonly key: string;
  /** Objects that have it and not the field that it looks like, among those that were looked at closely. */
  readonly count: number;
  readonly hint: string;
}

/** An entry of `UnreadKeys`. */
export interface UnreadKeyCount extends UnreadKey {
  count: number;
}

/** The keys of one source; a format lists which there may be, so there are no more than that. */
export class UnreadKeys {
  readonly #onFirst: (found: UnreadKey) => void;
  readonly #found = new Map<string, UnreadKeyCount>();
  /** Texts and booleans in formats that have such beside numbers. */
  passedOver = 0;

  /** @param onFirst listener for keys that are found for the first time */
  constructor(onFirst: (found: UnreadKey) => void) {
    this.#onFirst = onFirst;
  }

  /** The entry of a key, for its counter. @param name what its spellings have in common; @param meant the field that it looks like */
  entry(name: string, key: string, meant: string): UnreadKeyCount {
    let found = this.#found.get(name);
    if (found === undefined) {
      found = { key, count: 0, hint: `the key \`${key}\` is not read; did you mean \`${meant}\`?` };
      this.#found.set(name, found);
      this.#onFirst(found);
    }
    return found;
  }

  list(): UnreadKey[] {
    return Array.from(this.#found.values(), (found) => ({ ...found }));
  }
}
