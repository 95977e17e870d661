/** What changed in a window since a revision: which seconds, why, and how many readings more or fewer. */
import type { Window } from "../core/window.ts";
import { emptyAnswer } from "../metrics/answer.ts";
import { pageKey, SECONDS_PER_PAGE } from "./levels.ts";
import type { PageTable } from "./page-table.ts";
import { partsOf } from "./past-query.ts";
import { BLANK, CORRECTED, columnsOf, type Note, RELEASED } from "./revision-note.ts";
import type { Since } from "./revisions.ts";
import { SecondColumns } from "./second-columns.ts";
import { encodeSeconds } from "./seconds-codec.ts";
import { addWindow } from "./window-query.ts";

/** Why seconds changed. */
const REVISED_BY = ["reading", "late", "released", "corrected"] as const;

/** What one cause changed. */
export interface RevisedBy {
  readonly cause: (typeof REVISED_BY)[number];
  /** More now than then; fewer: negative. */
  readonly readings: number;
  /** Seconds whose readings are others, and the smallest run that holds them. */
  readonly seconds: number;
  readonly range: Window;
}

/** All that changed. */
export interface Revised {
  readonly by: readonly RevisedBy[];
  /** Ranges that hold the changed seconds, ascending: those of neighbouring pages are one. */
  readonly ranges: readonly Window[];
}

/** Ranges that are told; the last one holds all that follow. */
const RANGES_MAX = 100;

const now = new SecondColumns();
const then = new SecondColumns();
/** By second of a page: a bit for each cause. */
const causes = new Uint8Array(SECONDS_PER_PAGE);

/** What changed in a window. O(pages that changed, and seconds of these). */
export function revisedIn(pages: PageTable, series: number, window: Window, since: Since): Revised {
  const tally = new Tally();
  for (const [page, notes] of since.notes) tally.addPage(pages, series, page, window, notes);
  for (const part of newestOf(since.blank, window)) {
    for (const rest of partsOf(part, { notes: since.notes, blank: [] })) {
      if (rest.notes === null) tally.addBlank(pages, series, rest, part.flags);
    }
  }
  return tally.revised();
}

/**
 * The parts of a window that ranges cover, each with the flags of its newest one: a range holds pages between the new ones that are still
 * missing, and may be filled later. O(ranges · ranges that overlap).
 */
function* newestOf(ranges: Since["blank"], window: Window): Generator<Window & { readonly flags: number }> {
  const ascending = [...ranges].sort((a, b) => a.start - b.start);
  for (let i = 0; i < ascending.length; ) {
    const first = i;
    let { end } = ascending[i];
    for (i++; i < ascending.length && ascending[i].start < end; i++) end = Math.max(end, ascending[i].end);
    const told: Window[] = [];
    for (const range of ascending.slice(first, i).sort((a, b) => b.revision - a.revision)) {
      const part = { start: Math.max(range.start, window.start), end: Math.min(range.end, window.end) };
      for (const rest of partsOf(part, { notes: new Map(), blank: told })) yield { ...rest, flags: range.flags };
      told.push(range);
    }
  }
}

class Tally {
  readonly #by = REVISED_BY.map(() => ({
    readings: 0,
    seconds: 0,
    start: Number.POSITIVE_INFINITY,
    end: Number.NEGATIVE_INFINITY,
  }));
  readonly #ranges: Window[] = [];

  /** From the newest note back: what a second held after a note is what the next one says, or what it holds now. */
  addPage(pages: PageTable, series: number, number: number, window: Window, notes: readonly Note[]): void {
    const key = pageKey(series, 0, number);
    const pageStart = number * SECONDS_PER_PAGE;
    const from = Math.max(0, window.start - pageStart);
    const to = Math.min(SECONDS_PER_PAGE, window.end - pageStart);
    const page = pages.find(series, 0, number, null);
    const open = page?.seconds ?? null;
    columnsOf(key, open === null ? (page?.encoded ?? null) : open.count === 0 ? null : encodeSeconds(key, open), now);
    causes.fill(0);
    for (let i = notes.length - 1; i >= 0; i--) {
      const { flags, runs, old } = notes[i];
      columnsOf(key, old, then);
      const isBlank = (flags & BLANK) !== 0;
      for (let run = 0; run < (isBlank ? 2 : runs.length); run += 2) {
        const [first, end] = isBlank ? [0, SECONDS_PER_PAGE] : [runs[run], runs[run + 1]];
        for (let second = Math.max(from, first); second < Math.min(to, end); second++) {
          if (!isBlank || now.readings[second] > 0) this.#addSecond(second, flags);
          now.readings[second] = then.readings[second];
          now.late[second] = then.late[second];
        }
      }
    }
    this.#addSeconds(pageStart, from, to);
  }

  /** The difference between `then` and `now`. */
  #addSecond(second: number, flags: number): void {
    const more = now.readings[second] - then.readings[second];
    const late = (flags & CORRECTED) === 0 ? now.late[second] - then.late[second] : 0;
    const rest = (flags & CORRECTED) !== 0 ? 3 : (flags & RELEASED) !== 0 ? 2 : 0;
    if (late !== 0) {
      causes[second] |= 1 << 1;
      this.#by[1].readings += late;
    }
    if (more === late && late !== 0) return;
    causes[second] |= 1 << rest;
    this.#by[rest].readings += more - late;
  }

  #addSeconds(pageStart: number, from: number, to: number): void {
    let [first, end] = [-1, -1];
    for (let second = from; second < to; second++) {
      if (causes[second] === 0) continue;
      if (first < 0) first = second;
      end = second + 1;
      for (const [cause, by] of this.#by.entries()) {
        if ((causes[second] & (1 << cause)) === 0) continue;
        by.seconds++;
        by.start = Math.min(by.start, pageStart + second);
        by.end = Math.max(by.end, pageStart + second + 1);
      }
    }
    if (first >= 0) this.#ranges.push({ start: pageStart + first, end: pageStart + end });
  }

  /** Seconds of pages that were not there: all that they hold now came since. Page by page only where some of it came late. */
  addBlank(pages: PageTable, series: number, window: Window, flags: number): void {
    const answer = emptyAnswer({ sums: false, quantiles: false });
    addWindow(pages, answer, series, window);
    const { count, seconds, late, firstTime, lastTime } = answer.aggregate;
    if (count === 0) return;
    if (late > 0) {
      const [first, last] = [window.start, window.end - 1].map((second) => Math.floor(second / SECONDS_PER_PAGE));
      const blank: Note = { revision: 0, flags: flags | BLANK, runs: [], old: null };
      for (const number of pages.numbers(series, first, last)) this.addPage(pages, series, number, window, [blank]);
      return;
    }
    const range = { start: Math.floor(firstTime / 1000), end: Math.floor(lastTime / 1000) + 1 };
    const by = this.#by[(flags & CORRECTED) !== 0 ? 3 : (flags & RELEASED) !== 0 ? 2 : 0];
    by.readings += count;
    by.seconds += seconds;
    by.start = Math.min(by.start, range.start);
    by.end = Math.max(by.end, range.end);
    this.#ranges.push(range);
  }

  revised(): Revised {
    const by = this.#by.flatMap(({ readings, seconds, start, end }, cause) => {
      return seconds === 0 ? [] : [{ cause: REVISED_BY[cause], readings, seconds, range: { start, end } }];
    });
    return { by, ranges: joined(this.#ranges) };
  }
}

/** Ascending; those less than a page apart are one. */
function joined(ranges: Window[]): Window[] {
  const told: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.sort((a, b) => a.start - b.start)) {
    const last = told.at(-1);
    if (last !== undefined && (start - last.end < SECONDS_PER_PAGE || told.length === RANGES_MAX)) last.end = end;
    else told.push({ start, end });
  }
  return told;
}
