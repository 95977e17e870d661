/** Notes what the changes of one series make of its pages of seconds, as these were before: with the commit, or for a question as of an earlier one. */
import type { Window } from "../core/window.ts";
import { pageOf, REMOVED_SERIES_END, REMOVED_SERIES_START, SECONDS_PER_PAGE } from "./levels.ts";
import type { CachedPage } from "./page-cache.ts";
import type { PageTable } from "./page-table.ts";
import { CORRECTED, type Note, noteOf, RELEASED } from "./revision-note.ts";
import type { Revisions } from "./revisions.ts";

/** New pages without an older one between them are noted as one range from so many on: those of a backfill, or of one reading a page. */
const NEW_PAGES_IN_RANGE = 8;

const NO_BYTES = new Uint8Array(0);

/** Of the changes between two commits. */
export class SeriesNotes {
  readonly #series: number;
  readonly #pages: PageTable;
  readonly #revisions: Revisions;
  /** What came had been held back. */
  isReleased = false;
  /** Pages with seconds that were replaced. */
  readonly #corrected = new Set<CachedPage>();

  constructor(series: number, pages: PageTable, revisions: Revisions) {
    this.#series = series;
    this.#pages = pages;
    this.#revisions = revisions;
  }

  /** Of what was removed it is not asked how it was. */
  get #isNoting(): boolean {
    const isRemoved = this.#series >= REMOVED_SERIES_START && this.#series < REMOVED_SERIES_END;
    return !isRemoved && this.#revisions.isNoting;
  }

  /** Seconds of a window were replaced: those of its pages among these. */
  corrected(pages: Iterable<CachedPage>, window: Window): void {
    for (const page of pages) if (isOf(page, window)) this.#corrected.add(page);
  }

  #flagsOf(page: CachedPage): number {
    return (this.isReleased ? RELEASED : 0) | (this.#corrected.has(page) ? CORRECTED : 0);
  }

  /** Notes what a page held that is in the store, before it is written or (null) deleted. */
  ofStored(page: CachedPage, bytes: Uint8Array | null): void {
    if (page.level > 0 || !page.isStored || !this.#isNoting) return;
    const note = noteOf(page.key, this.#pages.stored(page), bytes, this.#flagsOf(page), this.#revisions.writing);
    if (note !== null) this.#revisions.note(page.key, note);
  }

  /** Notes that pages held nothing that are stored for the first time: by ranges where they are many. */
  *ofNewPages(changed: readonly CachedPage[]): Generator<number> {
    if (!this.#isNoting) return;
    const news = changed
      .filter((page) => page.level === 0 && !page.isStored && !page.isEmpty)
      .sort((a, b) => a.key - b.key);
    for (let i = 0; i < news.length; ) {
      const first = i++;
      const flags = this.#flagsOf(news[first]);
      while (i < news.length && this.#flagsOf(news[i]) === flags && !this.#isParted(news[i - 1], news[i])) i++;
      if (i - first >= NEW_PAGES_IN_RANGE) {
        this.#revisions.noteBlank(this.#series, pageOf(news[first].key), pageOf(news[i - 1].key) + 1, flags);
      } else {
        for (const { key } of news.slice(first, i)) {
          const note = noteOf(key, null, NO_BYTES, flags, this.#revisions.writing);
          if (note !== null) this.#revisions.note(key, note);
        }
      }
      yield 0;
    }
  }

  /** An older page is between them. */
  #isParted(page: CachedPage, next: CachedPage): boolean {
    const [number, other] = [pageOf(page.key), pageOf(next.key)];
    return other > number + 1 && this.#pages.hasBetween(this.#series, number, other);
  }

  /**
   * What differs in the pages of a window from what is committed, by page number; while that is written, from what is written so far.
   * @param encode makes bytes of an open page
   */
  *uncommitted(
    changed: readonly CachedPage[],
    window: Window,
    encode: (page: CachedPage) => Uint8Array,
  ): Generator<[number, Note]> {
    for (const page of changed) {
      if (!isOf(page, window)) continue;
      const bytes = page.isEmpty ? null : (page.encoded ?? encode(page));
      const note = noteOf(page.key, this.#pages.stored(page), bytes, this.#flagsOf(page), Number.POSITIVE_INFINITY);
      if (note !== null) yield [pageOf(page.key), note];
    }
  }
}

/** Whether it is a page of seconds, some of them of the window. */
function isOf({ key, level }: CachedPage, { start, end }: Window): boolean {
  const from = pageOf(key) * SECONDS_PER_PAGE;
  return level === 0 && from < end && from + SECONDS_PER_PAGE > start;
}
