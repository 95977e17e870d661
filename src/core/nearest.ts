/** The nearest known word to a mistyped one, for "did you mean". */

/** Edits up to which a word counts as a typo of another: one in three of its letters. */
const LETTERS_PER_EDIT = 3;

/**
 * @returns the candidate with the fewest edits when these are few enough, else undefined
 * @example
 * ```ts
 * assert.equal(nearest("tmezone", ["timezone", "token"]), "timezone");
 * assert.equal(nearest("volume", ["timezone", "token"]), undefined);
 * ```
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(word.length / LETTERS_PER_EDIT)) + 1;
  for (const candidate of candidates) {
    const count = edits(word, candidate);
    if (count < fewest) {
      fewest = count;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment; Damerau 1964, Levenshtein 1965). O(a × b). */
function edits(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
      }
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}

/** The end of an error that has a suggestion; "" without one. */
export function didYouMean(word: string | undefined): string {
  return word === undefined ? "" : `; did you mean ${word}?`;
}
