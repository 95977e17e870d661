/** Scrubbing: pages of a database are compared with their sums while it runs, a few at a time. */

/** What it has come to since the start. */
export interface Scrub {
  /** Pages compared. */
  readonly compared: number;
  /** Whole passes. */
  readonly passes: number;
  /** Pages that are not what was written, the first ones of them, in the order they were found. */
  readonly damaged: readonly number[];
}

/** Pages named in a sentence; the rest is counted. */
const NAMED_MAX = 10;

/** "pages 3, 7 and 12 more". */
export function pagesText(pages: readonly number[]): string {
  const named = pages.slice(0, NAMED_MAX).join(", ");
  const left = pages.length > NAMED_MAX ? ` and ${pages.length - NAMED_MAX} more` : "";
  return `${pages.length === 1 ? "page" : "pages"} ${named}${left}`;
}

/** What an operator is told of damaged pages. */
export function damageText(path: string, pages: readonly number[]): string {
  const verb = pages.length === 1 ? "is" : "are";
  return `${pagesText(pages)} of ${path} ${verb} not what was written: restart tidemark, which puts right what can be (docs/OPERATIONS.md, Damage)`;
}
