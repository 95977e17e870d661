/** Answers a window as it was at a revision: buckets where nothing changed since, and what was noted of the seconds that did. */
import type { Window } from "../core/window.ts";
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Answer } from "../metrics/answer.ts";
import { pageKey, SECONDS_PER_PAGE } from "./levels.ts";
import type { PageTable } from "./page-table.ts";
import { BLANK, type Note } from "./revision-note.ts";
import type { Since } from "./revisions.ts";
import { EncodedSeconds } from "./seconds-codec.ts";
import { addWindow } from "./window-query.ts";

/** Where a second's content is: not noted (as it is now), in no note as it held nothing, or in the note of that number. */
const NOW = -1;
const NOWHERE = -2;

const places = new Int32Array(SECONDS_PER_PAGE);
const reader = new EncodedSeconds();

/** Adds what the seconds of a window held. O(pages that changed since, and levels for each run of others). */
export function addPast(pages: PageTable, answer: Answer, series: number, window: Window, since: Since): void {
  for (const part of partsOf(window, since)) {
    if (part.notes === null) addWindow(pages, answer, series, part);
    else addPage(pages, answer, series, part, part.notes);
  }
}

/** A part of a window: of one page that changed, or of any number that did not. */
export interface Part extends Window {
  readonly notes: readonly Note[] | null;
}

/** The parts of a window that may hold something: those that held nothing before the revision are left out. In the order of time. */
export function* partsOf(
  { start, end }: Window,
  { notes, blank }: { readonly notes: Since["notes"]; readonly blank: readonly Window[] },
): Generator<Part> {
  const ranges = [...blank].sort((a, b) => a.start - b.start);
  let at = start;
  for (const page of [...notes.keys()].sort((a, b) => a - b)) {
    const from = Math.max(start, page * SECONDS_PER_PAGE);
    const to = Math.min(end, (page + 1) * SECONDS_PER_PAGE);
    if (from >= to) continue;
    yield* without(at, from, ranges);
    yield { start: from, end: to, notes: notes.get(page) as readonly Note[] };
    at = to;
  }
  yield* without(at, end, ranges);
}

/** [start, end) without ranges, which ascend. */
function* without(start: number, end: number, ranges: readonly Window[]): Generator<Part> {
  let at = start;
  for (const range of ranges) {
    if (range.end <= at) continue;
    if (range.start >= end) break;
    if (range.start > at) yield { start: at, end: range.start, notes: null };
    at = range.end;
  }
  if (at < end) yield { start: at, end, notes: null };
}

/** Adds the seconds of one page: the earliest note of a second says what it held. */
function addPage(
  pages: PageTable,
  { aggregate, cost }: Answer,
  series: number,
  window: Window,
  notes: readonly Note[],
): void {
  cost.pages++;
  const number = Math.floor(window.start / SECONDS_PER_PAGE);
  const [from, to] = [window.start - number * SECONDS_PER_PAGE, window.end - number * SECONDS_PER_PAGE];
  const key = pageKey(series, 0, number);
  findPlaces(notes);
  for (let second = from; second < to; ) {
    const first = second;
    const place = places[first];
    while (second < to && places[second] === place) second++;
    if (place === NOWHERE) continue;
    cost.buckets += second - first;
    if (place === NOW) {
      const page = pages.find(series, 0, number, cost);
      if (page !== undefined) addSeconds(aggregate, page.readSeconds(), first, second);
    } else addSeconds(aggregate, reader.open(key, notes[place].old as Uint8Array), first, second);
  }
}

function findPlaces(notes: readonly Note[]): void {
  places.fill(NOW);
  for (const [i, { flags, runs, old }] of notes.entries()) {
    if ((flags & BLANK) !== 0) {
      for (let second = 0; second < SECONDS_PER_PAGE; second++) if (places[second] === NOW) places[second] = NOWHERE;
      return;
    }
    const place = old === null ? NOWHERE : i;
    for (let run = 0; run < runs.length; run += 2) {
      for (let second = runs[run]; second < runs[run + 1]; second++) if (places[second] === NOW) places[second] = place;
    }
  }
}

function addSeconds(aggregate: Aggregate, seconds: Readable, from: number, to: number): void {
  seconds.mergeInto(aggregate, from, to, aggregate.needs.sums);
  if (aggregate.distribution !== null) seconds.mergeValues(aggregate.distribution, from, to);
}

type Readable = Pick<EncodedSeconds, "mergeInto" | "mergeValues">;
