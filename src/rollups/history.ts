/** The history of all series: takes readings in, answers windows, and writes what changed with each commit. */
import type { StatementSync } from "node:sqlite";
import type { Window } from "../core/window.ts";
import type { Needs } from "../metrics/aggregate.ts";
import { type Answer, emptyAnswer } from "../metrics/answer.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { Backlog } from "./backlog.ts";
import {
  BUCKETS_PER_PAGE,
  FIRST_PAGE,
  pageKey,
  pageOf,
  SECONDS_PER_PAGE,
  STEP_SECONDS,
  seriesOf,
  TOP_LEVEL,
} from "./levels.ts";
import { PageTable } from "./page-table.ts";
import { type Revised, revisedIn } from "./past-changes.ts";
import { addPast } from "./past-query.ts";
import { ReadingRun } from "./reading-run.ts";
import { addNotes, before, coverPages, joined, type Revision, Revisions, type Since } from "./revisions.ts";
import { encodeSeconds } from "./seconds-codec.ts";
import { copyOfSeconds } from "./seconds-copy.ts";
import type { SecondsPage } from "./seconds-page.ts";
import { SeriesChanges } from "./series-changes.ts";
import { queryWindow } from "./window-query.ts";

/** One reading. */
const one = new ReadingRun(1);

/** The pages of all series, in memory and on disk. */
export class History implements CommitPart {
  readonly waitingRows = 0;
  readonly #db: Database;
  readonly #deleteRange: StatementSync;
  readonly #pages: PageTable;
  /** Deferred readings of one series. */
  readonly #backlog = new Backlog();
  #backlogOf: SeriesChanges | null = null;
  /** Of one that is written through; empty in between. */
  readonly #throughBacklog = new Backlog();
  /** Series that changed since the last commit. */
  readonly #changes = new Map<number, SeriesChanges>();

  /** What it was at earlier commits; the last part of one. */
  readonly revisions: Revisions;

  /** A question's merging failed halfway, as of a page that cannot be read: what is in memory must neither be answered from nor committed. */
  isTorn = false;

  constructor(db: Database, cacheBytesMax?: number) {
    this.#db = db;
    this.#pages = new PageTable(db, cacheBytesMax);
    this.revisions = new Revisions(db);
    this.#deleteRange = db.prepare("DELETE FROM page WHERE key>=? AND key<?");
  }

  /** Series that changed since the last commit. */
  get changedSeries(): number {
    return this.#changes.size;
  }

  /** Enough readings are deferred that they should be folded: `catchUp`. */
  get isBehind(): boolean {
    return this.#backlog.isFull;
  }

  /** Bytes of changed pages that wait for a commit, and of deferred readings. */
  get waitingBytes(): number {
    return this.#pages.dirtyBytes + this.#backlog.bytes;
  }

  /**
   * Folds one counted reading.
   * @param time event time, ms (integer); @param late 1 when it came late, else 0
   */
  fold(series: number, time: number, value: number, late: number): void {
    this.foldRun(series, one.setOne(time, value, late));
  }

  /**
   * Folds counted readings of one series. Amortised O(1) a reading: merging upwards is deferred to a query or a commit. Fast when
   * neighbours in time are neighbours in the run.
   * @param isReleased they had been held back
   */
  foldRun(series: number, run: ReadingRun, isReleased = false): void {
    if (run.count > 0) this.#changesOf(series).foldRun(run, isReleased);
  }

  /**
   * Replaces what the seconds [start, end) of a series hold by a run of readings of these seconds, which may be empty: afterwards every
   * answer, and every stored byte of all levels, is as if only the run had ever been folded there. Not before what `expire` deleted.
   * O(pages of seconds in the range); merging upwards is deferred as for `foldRun`.
   */
  replaceSeconds(series: number, { start, end }: Window, run: ReadingRun): void {
    this.#changesOf(series).replaceSeconds(start, end, run);
  }

  /** The numbers of the pages of seconds that hold something of a window. O(pages). */
  pagesIn(series: number, { start, end }: Window): number[] {
    return this.#changesOf(series).numbersIn(start, end);
  }

  /** Takes a window's seconds out of a page that `pagesIn` named, as `replaceSeconds` does. @returns what they held, a page of its own */
  takeSeconds(series: number, number: number, { start, end }: Window): SecondsPage {
    return this.#changesOf(series).takeSeconds(number, start, end);
  }

  /** A page of its own with what a window's seconds of a page hold. */
  seconds(series: number, number: number, { start, end }: Window): SecondsPage {
    return this.#changesOf(series).secondsOf(number, start, end);
  }

  /** The same content in a page of its own. */
  copyOf(series: number, seconds: SecondsPage): SecondsPage {
    return copyOfSeconds(pageKey(series, 0, seconds.start / SECONDS_PER_PAGE), seconds);
  }

  /** Whether two pages of the same seconds hold the same. */
  areSame(a: SecondsPage, b: SecondsPage): boolean {
    if (a.count !== b.count || a.start !== b.start) return false;
    return a.count === 0 || Buffer.compare(encodeSeconds(0, a).slice(), encodeSeconds(0, b)) === 0;
  }

  /** Adds what a page of seconds holds, which is not used any more: afterwards every stored byte is as if its readings had been folded. */
  addSeconds(series: number, seconds: SecondsPage): void {
    if (seconds.count > 0) this.#changesOf(series).addSeconds(seconds);
  }

  /** Moves what a window's seconds of one series hold to another series. Yields the readings of each page, so that the caller can let others run in between. */
  *moveSeconds(from: number, to: number, window: Window): Generator<number> {
    for (const number of this.pagesIn(from, window)) {
      const taken = this.takeSeconds(from, number, window);
      const { count } = taken;
      this.addSeconds(to, taken);
      yield count;
    }
  }

  /** The changes of a series; the backlog belongs to it from now on. */
  #changesOf(series: number): SeriesChanges {
    let changes = this.#changes.get(series);
    if (changes === undefined) {
      changes = new SeriesChanges(series, this.#pages, this.#backlog, this.revisions);
      this.#changes.set(series, changes);
    }
    if (this.#backlogOf !== changes) {
      this.#backlogOf?.foldBacklog();
      this.#backlogOf = changes;
    }
    return changes;
  }

  /** Whether a series changed since the last commit. */
  hasChanged(series: number): boolean {
    return this.#changes.has(series);
  }

  /**
   * A series that has no readings begins with all that another one holds now. Cheap: O(pages that changed since the last commit); the
   * next commit copies the others.
   */
  fork(origin: number, series: number): void {
    const changes = this.#changes.get(origin);
    if (changes === undefined) {
      this.#pages.fork(origin, series);
      return;
    }
    if (changes === this.#backlogOf) changes.foldBacklog();
    changes.copyTo(this.#changesOf(series));
  }

  /** Copies the pages of forks, inside a transaction and before `write`. Yields bytes. */
  copyForks(): Generator<number> {
    return this.#pages.copyForks();
  }

  /**
   * Folds a run of a series that did not change since the last commit, and writes its pages at once, inside a transaction: nothing of it
   * stays in memory, however many series there are. @param isReleased they had been held back @returns bytes written
   * @throws TidemarkError "disk-full"
   */
  writeThrough(series: number, run: ReadingRun, isReleased: boolean): number {
    const changes = new SeriesChanges(series, this.#pages, this.#throughBacklog, this.revisions);
    let bytes = 0;
    try {
      changes.foldRun(run, isReleased);
      changes.foldBacklog();
      for (const step of changes.write()) bytes += step;
    } finally {
      changes.drop();
      this.#pages.forgetNewest(series);
    }
    return bytes;
  }

  /** The transaction was rolled back. @param written series that were written through */
  forgetWritten(written: ReadonlySet<number>): void {
    this.#pages.endFork(false);
    if (written.size > 0) this.#pages.forget(written);
  }

  /** Folds deferred readings, unless a query did; yields so that the caller can let others run in between. */
  *catchUp(): Generator<number> {
    while (this.#backlogOf?.foldBacklogSlice()) yield 0;
  }

  /** Everything in the window's seconds. O(levels) pages, plus merging what changed near the window since the last query. */
  query(series: number, window: Window, needs: Needs): Answer {
    return this.#reading(series, window, needs, () => queryWindow(this.#pages, series, window, needs));
  }

  /**
   * The same as it was at a revision, to the bit. O(pages of the window that changed since).
   * @param sensor of a device's series: its sensor
   * @throws TidemarkError as `Revisions.after`
   */
  queryPast(series: number, window: Window, needs: Needs, revision: Revision, sensor: number = series): Answer {
    return this.#reading(series, window, needs, () => {
      const answer = emptyAnswer(needs);
      addPast(this.#pages, answer, series, window, this.#since(revision, series, window, sensor));
      return answer;
    });
  }

  /**
   * What changed in a window since a revision.
   * @param sensor as of `queryPast` @param forked of a series that began later, as the sensor's was then: the first revision of its own
   * @throws TidemarkError as `Revisions.after`
   */
  revised(
    series: number,
    window: Window,
    revision: Revision,
    sensor: number = series,
    forked = Number.NEGATIVE_INFINITY,
  ): Revised {
    const needs = { sums: false, quantiles: false };
    return this.#reading(series, window, needs, () => {
      return revisedIn(this.#pages, series, window, this.#since(revision, series, window, sensor, forked));
    });
  }

  #since(revision: Revision, series: number, window: Window, sensor: number, forked = Number.NEGATIVE_INFINITY): Since {
    let since = this.revisions.after(revision, series, window, sensor);
    if (revision.ms < forked) since = joined(before(this.revisions.after(revision, sensor, window), forked), since);
    for (const [page, note] of this.#changes.get(series)?.uncommitted(window) ?? []) {
      addNotes(since.notes, page, [note]);
    }
    coverPages(since);
    return since;
  }

  /** Answers once what changed near the window is merged. */
  #reading<T>(series: number, window: Window, needs: Needs, answer: () => T): T {
    this.#db.startReading();
    try {
      const changes = this.#changes.get(series);
      if (changes?.reaches(window, needs.quantiles)) {
        this.isTorn = true;
        if (changes === this.#backlogOf) changes.foldBacklog();
        changes.rollUp(window, needs.quantiles);
        this.isTorn = false;
      }
      return answer();
    } finally {
      this.#db.endReading();
      this.#pages.trim();
    }
  }

  /**
   * Writes all changed pages, inside a transaction and after `revisions.begin`; call `committed` once that has succeeded. After a rollback it can be called again:
   * nothing is forgotten before. One series after the other, so that few pages are open at once. Yields after each page so that the
   * caller can let others run (nothing may be folded meanwhile).
   */
  *write(): Generator<number> {
    yield* this.catchUp();
    // In the order of keys, in which SQLite fills its pages.
    for (const series of [...this.#changes.keys()].sort((a, b) => a - b)) {
      yield* (this.#changes.get(series) as SeriesChanges).write();
    }
  }

  /** The transaction of `write` is committed. */
  committed(): void {
    for (const changes of this.#changes.values()) changes.committed();
    this.#changes.clear();
    this.#backlogOf = null;
    this.#backlog.release();
    this.#throughBacklog.release();
    this.#pages.endFork(true);
    this.#pages.trim();
  }

  /**
   * Deletes what a series holds before a UTC midnight, inside a transaction and after `write`: as if no reading before it had ever been
   * folded. Yields the bytes of pages that hold some of both.
   * @param second the midnight @param first from where on there was something; null: there was nothing
   */
  *expire(series: number, second: number, first: number | null = null): Generator<number> {
    if (first !== null) this.revisions.noteExpired(series, first, second);
    yield* this.#changesOf(series).dropBefore(second);
    for (let level = 0; level <= TOP_LEVEL; level++) {
      const pageSeconds = STEP_SECONDS[level] * BUCKETS_PER_PAGE[level];
      const end = pageKey(series, level, Math.floor(second / pageSeconds));
      this.#db.guarded(() => this.#deleteRange.run(pageKey(series, level, FIRST_PAGE), end));
    }
    yield* this.#changesOf(series).lowerAfter(second);
  }

  /** Evicts cached pages that `expire` deleted. @param horizons the second by series */
  forget(horizons: ReadonlyMap<number, number>): void {
    for (const series of horizons.keys()) this.#pages.forgetNewest(series);
    for (const page of this.#pages.cache.pages()) {
      const second = horizons.get(seriesOf(page.key));
      if (second === undefined) continue;
      const pageSeconds = STEP_SECONDS[page.level] * BUCKETS_PER_PAGE[page.level];
      if ((pageOf(page.key) + 1) * pageSeconds <= second && !page.dirty) this.#pages.cache.drop(page);
    }
  }
}
