/** The changes of one series between two commits: readings are folded into level 0, and merged upwards for a query or the commit. */
import type { Window } from "../core/window.ts";
import type { Backlog } from "./backlog.ts";
import type { BucketPage } from "./bucket-page.ts";
import { encodeBuckets } from "./buckets-codec.ts";
import { SecondOrder } from "./by-second.ts";
import { keyOfSeries, SECONDS_PER_PAGE } from "./levels.ts";
import type { CachedPage } from "./page-cache.ts";
import { rekeyed } from "./page-frame.ts";
import type { PageTable } from "./page-table.ts";
import type { ReadingRun } from "./reading-run.ts";
import type { Note } from "./revision-note.ts";
import type { Revisions } from "./revisions.ts";
import { endOf, RollUp } from "./roll-up.ts";
import { decodeSeconds, encodeSeconds } from "./seconds-codec.ts";
import { copyOfSeconds, within, withinCopy } from "./seconds-copy.ts";
import { ALL_MINUTES, SecondsPage } from "./seconds-page.ts";
import { SeriesNotes } from "./series-notes.ts";

/** After this many further readings a page is assumed cold: resends and ordinary lateness come sooner. */
const COLD_READINGS = 16_384;
/** Memory pressure: past this many bytes waiting for the commit (three quarters of the bound) a page is encoded as soon as it is left. */
const PRESSURE_BYTES = 24 * 1024 * 1024;
/** The same while the backlog is folded: it touches most pages, and takes memory itself. */
const PRESSURE_BYTES_CATCHING_UP = 12 * 1024 * 1024;

/** A batch with fewer readings a page than this is deferred if it has at least `PRESSURE_PAGES` pages under memory pressure, else `OPEN_PAGES_MAX`. */
const DEFERRED_READINGS_PER_PAGE = 12;
const PRESSURE_PAGES = 128;
const OPEN_PAGES_MAX = 800;

/** Sorts batches. */
const order = new SecondOrder();

/**
 * The changed pages of one series between two commits. A reading is folded into its second; every other bucket is made anew from its
 * children when they changed (roll-up.ts). Sums are exact, so it does not matter when, how often or in what order that happens.
 *
 * A page of seconds, from its first change on:
 * ```
 * open ─▶ folded into ─▶ left ─▶ sealed ─▶ written ─▶ committed (clean; or gone, where it holds nothing any more)
 *           ▲              │        │
 *           └──────────────┴────────┘  a reading of it comes, or its seconds are replaced: opened again
 * ```
 * - *folded into*: one page at a time (`#foldPage`); in `#stale` until its minutes are merged.
 * - *left*: another page is turned to. One that is not ripe stays open until the commit, a ripe one (`#left`) is sealed at once, unless
 *   readings return to older pages: then when it was left long ago, or under memory pressure.
 * - *sealed*: its minutes are merged and it is encoded; *written*: by `write`, any number of times, as a transaction may be rolled back.
 *   Nothing is folded between `write` and `committed`; after `committed` this object is not used any more.
 *
 * A question merges (`rollUp`) in any of these states, and changes none but that of the page that is folded into, which is left.
 */
export class SeriesChanges {
  readonly #series: number;
  readonly #pages: PageTable;
  readonly #backlog: Backlog;
  /** The backlog is being folded: under memory pressure pages are sealed when they are left, ripe or not. */
  #isCatchingUp = false;
  readonly #dirty: CachedPage[] = [];
  /** Pages of seconds with minutes that were not merged upwards yet. */
  readonly #stale = new Set<CachedPage>();
  readonly #rollUp: RollUp;
  /** Open pages that are ripe, the one left longest first, and how many readings were folded when they were left. */
  readonly #left = new Map<CachedPage, number>();
  #folded = 0;
  /** `#folded` at the last return to an older page: pages that are left stay open for a while after it. */
  #foldedAtReturn = Number.NEGATIVE_INFINITY;
  #newestPage = Number.NEGATIVE_INFINITY;
  /** The page that is folded into. */
  #foldPage: CachedPage | null = null;
  readonly #notes: SeriesNotes;

  /** @param backlog empty, or of this series, whenever readings of it are folded */
  constructor(series: number, pages: PageTable, backlog: Backlog, revisions: Revisions) {
    this.#series = series;
    this.#pages = pages;
    this.#notes = new SeriesNotes(series, pages, revisions);
    this.#backlog = backlog;
    this.#rollUp = new RollUp(series, pages, (level, number) => this.#open(level, number));
  }

  /** As `History.foldRun`. */
  foldRun(run: ReadingRun, isReleased = false): void {
    if (isReleased) this.#notes.isReleased = true;
    const { count } = run;
    if (!order.sort(run)) this.#foldOrdered(run, 0, count);
    else if (order.pages < this.#pagesAtOnce() || count >= DEFERRED_READINGS_PER_PAGE * order.pages) {
      this.#foldOrdered(order.run, 0, count);
    } else if (this.#backlog.hasRoomFor(count)) {
      this.#backlog.add(run);
      this.#rollUp.changed(Math.floor(run.earliest / 1000), Math.floor(run.latest / 1000) + 1);
    } else {
      this.foldBacklog();
      this.#foldOrdered(order.run, 0, count);
    }
  }

  #pagesAtOnce(): number {
    return this.#pages.dirtyBytes > PRESSURE_BYTES ? PRESSURE_PAGES : OPEN_PAGES_MAX;
  }

  /** Folds the whole backlog. */
  foldBacklog(): void {
    while (this.foldBacklogSlice()) {
      // a query waits for all of it
    }
  }

  /** Folds a slice of the backlog. @returns false when it was empty */
  foldBacklogSlice(): boolean {
    this.#isCatchingUp = true;
    const wasSome = this.#backlog.foldSlice((run, from, to) => this.#foldOrdered(run, from, to));
    this.#settleFold();
    this.#isCatchingUp = false;
    return wasSome;
  }

  #foldOrdered(run: ReadingRun, from: number, to: number): void {
    const { time } = run;
    let seconds = this.#foldPage?.seconds ?? null;
    for (let row = from; row < to; ) {
      const first = row;
      if (seconds !== null) row = seconds.foldRows(run, row, to);
      if (row === first) seconds = this.#turnTo(Math.floor(time[row] / 1000));
    }
    this.#folded += to - from;
    if (this.#foldPage?.hasGrown) this.#pages.remeasure(this.#foldPage);
    this.#sealLeft();
  }

  /** Makes the page of `second` the fold page. */
  #turnTo(second: number): SecondsPage {
    this.#settleFold();
    const number = Math.floor(second / SECONDS_PER_PAGE);
    const page = this.#open(0, number);
    this.#stale.add(page);
    this.#rollUp.changed(number * SECONDS_PER_PAGE, (number + 1) * SECONDS_PER_PAGE);
    this.#left.delete(page);
    if (number < this.#newestPage) this.#foldedAtReturn = this.#folded;
    else this.#newestPage = number;
    this.#foldPage = page;
    return page.seconds as SecondsPage;
  }

  /** A page for changing. */
  #open(level: number, number: number): CachedPage {
    const page = this.#pages.page(this.#series, level, number) ?? this.#pages.newPage(this.#series, level, number);
    if (this.#pages.markDirty(page)) this.#dirty.push(page);
    if (level === 0 && this.#pages.isTopFull(this.#series, 0)) this.#rise();
    return page;
  }

  /** Seconds are the top: nothing is merged upwards. */
  get #isFlat(): boolean {
    return this.#pages.topOf(this.#series).level === 0;
  }

  /** There are pages of seconds enough for minutes: all of them are to be merged. */
  #rise(): void {
    for (const number of this.#pages.raise(this.#series)) {
      const page = this.#open(0, number);
      (page.seconds as SecondsPage).staleMinutes = ALL_MINUTES;
      this.#stale.add(page);
      this.#rollUp.changed(number * SECONDS_PER_PAGE, (number + 1) * SECONDS_PER_PAGE);
    }
  }

  /** Leaves the fold page: it may be committed and evicted now. */
  #settleFold(): void {
    const page = this.#foldPage;
    if (page === null) return;
    this.#foldPage = null;
    if (this.#isCatchingUp && this.#pages.dirtyBytes > PRESSURE_BYTES_CATCHING_UP) this.#seal(page);
    else if (!page.isRipe) {
      if (page.hasGrown) this.#pages.remeasure(page);
    } else if (this.#folded - this.#foldedAtReturn >= COLD_READINGS) this.#seal(page);
    else {
      this.#pages.remeasure(page);
      this.#left.set(page, this.#folded);
      if (this.#pages.dirtyBytes > PRESSURE_BYTES) this.#sealLeft();
    }
  }

  /** Seals ripe pages that are cold; under memory pressure all ripe ones. */
  #sealLeft(): void {
    for (const [page, folded] of this.#left) {
      if (this.#folded - folded < COLD_READINGS && this.#pages.dirtyBytes <= PRESSURE_BYTES) return;
      this.#left.delete(page);
      this.#seal(page);
    }
  }

  /** Merges a page's minutes upwards and encodes it ahead of the commit, while it is in the processor's cache: it then waits in an eighth of the memory. */
  #seal(page: CachedPage): void {
    this.#stale.delete(page);
    if (!this.#isFlat) this.#rollUp.close(page);
    page.close(encodeSeconds(page.key, page.seconds as SecondsPage).slice());
    this.#pages.remeasure(page);
  }

  /**
   * Replaces what the seconds [start, end) hold by a run, which may be empty: afterwards all levels are, to the byte, as if only the
   * run had ever been folded there. O(pages of seconds in the range).
   */
  replaceSeconds(start: number, end: number, run: ReadingRun): void {
    if (run.count > 0 && (run.earliest < start * 1000 || run.latest >= end * 1000)) {
      throw new Error(
        `BUG: readings of ${run.earliest}…${run.latest} ms cannot replace the seconds [${start}, ${end})`,
      );
    }
    for (const number of this.numbersIn(start, end)) {
      const page = this.#open(0, number);
      this.#replace(page, (page.seconds as SecondsPage).without(...within(number, start, end)));
    }
    if (run.count === 0) return;
    this.foldRun(run);
    this.foldBacklog();
    this.#notes.corrected(this.#dirty, { start, end });
  }

  /** The numbers of the pages of seconds that hold something of [start, end); nothing is on its way into them any more. */
  numbersIn(start: number, end: number): number[] {
    this.foldBacklog();
    this.#settleFold();
    const first = Math.floor(start / SECONDS_PER_PAGE);
    return this.#pages.numbers(this.#series, first, Math.floor((end - 1) / SECONDS_PER_PAGE));
  }

  /** Takes the seconds [start, end) out of a page that `numbersIn` named, as `replaceSeconds` does. @returns what they held, a page of its own */
  takeSeconds(number: number, start: number, end: number): SecondsPage {
    const page = this.#open(0, number);
    const seconds = page.seconds as SecondsPage;
    const [from, to] = within(number, start, end);
    if (from === 0 && to === SECONDS_PER_PAGE) {
      const left = new SecondsPage(seconds.start);
      left.staleMinutes = ALL_MINUTES;
      this.#replace(page, left);
      return seconds;
    }
    const taken = withinCopy(copyOfSeconds(page.key, seconds), from, to);
    this.#replace(page, seconds.without(from, to));
    return taken;
  }

  /** A page of its own with what the seconds [start, end) of a page hold. */
  secondsOf(number: number, start: number, end: number): SecondsPage {
    this.foldBacklog();
    this.#settleFold();
    const [from, to] = within(number, start, end);
    const page = this.#pages.find(this.#series, 0, number, null);
    if (page === undefined || from >= to) return new SecondsPage(number * SECONDS_PER_PAGE);
    const copy =
      page.seconds === null
        ? decodeSeconds(page.key, page.encoded as Uint8Array)
        : copyOfSeconds(page.key, page.seconds);
    return withinCopy(copy, from, to);
  }

  /** Adds what a page of seconds holds, which is not used any more: as if it had been folded. */
  addSeconds(added: SecondsPage): void {
    this.foldBacklog();
    this.#settleFold();
    const page = this.#open(0, added.start / SECONDS_PER_PAGE);
    const seconds = page.seconds as SecondsPage;
    seconds.merge(added);
    this.#replace(page, seconds);
    if (this.#pages.dirtyBytes > PRESSURE_BYTES) this.#seal(page);
  }

  /** Makes these the seconds of an open page. */
  #replace(page: CachedPage, seconds: SecondsPage): void {
    page.replaceSeconds(seconds);
    this.#notes.corrected([page], { start: seconds.start, end: seconds.start + SECONDS_PER_PAGE });
    this.#left.delete(page);
    this.#stale.add(page);
    this.#rollUp.changed(seconds.start, seconds.start + SECONDS_PER_PAGE);
    this.#pages.remeasure(page);
  }

  /** Merges all that was folded, and adds copies of all changed pages to the changes of a fork, which has none yet. O(changed pages). */
  copyTo(fork: SeriesChanges): void {
    this.foldBacklog();
    for (const _ of this.#merge()) {
      // nothing may be folded in between
    }
    fork.#pages.fork(this.#series, fork.#series);
    for (const page of this.#dirty) {
      const key = keyOfSeries(page.key, fork.#series);
      const bytes = page.isEmpty
        ? null
        : page.isOpen
          ? encode(page, key).slice()
          : rekeyed(key, page.encoded as Uint8Array);
      const copy = fork.#pages.adopt(fork.#series, page, bytes);
      if (fork.#pages.markDirty(copy)) fork.#dirty.push(copy);
    }
  }

  /** As `RollUp.reaches`. */
  reaches(window: Window, withValues: boolean): boolean {
    return this.#rollUp.reaches(window, withValues);
  }

  /** Merges what was folded upwards, as far as a question about the window needs it. O(changed minutes). */
  rollUp(window: Window, withValues: boolean): void {
    this.#settleFold();
    if (this.#isFlat) return;
    for (const page of this.#stale) {
      this.#stale.delete(page);
      this.#rollUp.minutes(page);
    }
    this.#rollUp.numbers();
    if (withValues) this.#rollUp.valuesFor(window);
  }

  /**
   * Merges everything upwards and writes the changed pages, inside a transaction. Each stays encoded until the next reading or
   * `committed`; an empty one is deleted. Yields the bytes of each page, so that the caller can let others run in between.
   */
  *write(): Generator<number> {
    yield* this.#merge();
    if (this.#dirty.some((page) => page.isEmpty)) this.#rollUp.lower(this.#dirty, (page) => page.isEmpty);
    for (const page of this.#dirty) yield this.#store(page);
    yield* this.#notes.ofNewPages(this.#dirty);
  }

  /** Merges all that was folded upwards. */
  *#merge(): Generator<number> {
    this.#settleFold();
    this.#left.clear();
    if (this.#isFlat) return;
    for (const page of this.#stale) {
      this.#stale.delete(page);
      this.#rollUp.minutes(page);
      yield 0;
    }
    this.#rollUp.numbers();
    yield* this.#rollUp.values();
  }

  /** Forgets its pages, after `write` or instead of it: they are as they are in the file. */
  drop(): void {
    for (const page of this.#dirty) {
      this.#pages.markClean(page);
      this.#pages.cache.drop(page);
    }
  }

  /** Writes a page, or deletes it. @returns its bytes */
  #store(page: CachedPage): number {
    if (page.isEmpty) {
      this.#notes.ofStored(page, null);
      this.#pages.delete(page);
      return 0;
    }
    if (page.isOpen) {
      page.close(encode(page).slice());
      this.#pages.remeasure(page);
    }
    const bytes = page.encoded as Uint8Array;
    this.#notes.ofStored(page, bytes);
    this.#pages.store(page, bytes);
    return bytes.length;
  }

  /** As `SeriesNotes.uncommitted`. */
  uncommitted(window: Window): Iterable<[number, Note]> {
    return this.#notes.uncommitted(this.#dirty, window, (page) => encode(page).slice());
  }

  /** After `write`, in the same transaction: removes buckets that end before a UTC midnight from pages that reach past it, and writes these. */
  *dropBefore(second: number): Generator<number> {
    this.#rollUp.dropBefore(second);
    for (const page of this.#dirty) if (page.isOpen) yield this.#store(page);
  }

  /** After that, and once all pages before the midnight are deleted: as few levels as those that are left need. */
  *lowerAfter(second: number): Generator<number> {
    this.#rollUp.lower(this.#dirty, (page) => page.isEmpty || endOf(page) <= second);
    for (const page of this.#dirty) if (page.isOpen) yield this.#store(page);
  }

  /** What was written is committed. */
  committed(): void {
    for (const page of this.#dirty) this.#pages.markClean(page);
  }
}

/** @returns bytes that are valid until another page is encoded */
function encode(page: CachedPage, key: number = page.key): Uint8Array {
  return page.seconds !== null ? encodeSeconds(key, page.seconds) : encodeBuckets(key, page.buckets as BucketPage);
}
