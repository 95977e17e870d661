/**
 * What the history was at earlier commits: a *revision* is the state of one, and notes say what each changed, as it was before. They are
 * written in the transaction of the pages that they are about. docs/decisions/0041-as-of.md.
 */
import type { StatementSync } from "node:sqlite";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { formatMs } from "../core/time.ts";
import type { Window } from "../core/window.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { pageKey, pageOf, SECONDS_PER_PAGE } from "./levels.ts";
import { appendNote, BLANK, type Note, readNotes } from "./revision-note.ts";

const TABLES = `
  CREATE TABLE IF NOT EXISTS revision(ms INTEGER PRIMARY KEY, era INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS revision_era(era INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS revision_note(era INTEGER, key INTEGER, first INTEGER, bytes BLOB NOT NULL,
    PRIMARY KEY(era, key, first)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS revision_range(era INTEGER, series INTEGER, start INTEGER, revision INTEGER, end INTEGER NOT NULL,
    flags INTEGER NOT NULL, PRIMARY KEY(era, series, start, revision)) WITHOUT ROWID`;

/** Notes are kept in so many eras of about the same size: the oldest goes as a whole, and a question looks into each that its moment is before. */
const ERAS = 16;

/** A row of notes is added to until it has so many bytes: the page that a sensor fills has one of a few dozen. */
const ROW_BYTES_MAX = 1024;

/** About what a row takes besides its bytes. */
const ROW_BYTES = 24;

/** Rows of an old era that are deleted at once: some ms. */
const ROWS_AT_ONCE = 2048;

/** Most rows of notes that a question reads, half a year of changed pages: some hundred ms. Past it it is refused, and asks for less. */
const QUESTION_ROWS_MAX = 32_768;

/** Flag of a range of seconds that `--keep` deleted: what they held is not kept. */
const EXPIRED = 16;

/** A state of the history that can be asked for. */
export interface Revision {
  /** When it was, ms. */
  readonly ms: number;
  readonly era: number;
}

/** Pages of seconds that held nothing, or seconds whose content is gone. */
interface Range extends Window {
  readonly revision: number;
  readonly flags: number;
}

/** What changed of a series after a revision, by page; a page without readings then, and then many, is in `blank` only. */
export interface Since {
  /** By page number, each page's in the order of their revisions. */
  readonly notes: Map<number, Note[]>;
  /** Seconds of whole pages that held nothing before a revision. */
  readonly blank: readonly Range[];
}

/** What may be kept. */
export interface RevisionOptions {
  readonly clock: Clock;
  /** Bytes of notes; 0: none are kept. Past it the oldest go. */
  readonly bytesMax: number;
}

/**
 * States: *off* (nothing is noted) → `start` → *without a base* (the first commit is the first revision, and notes nothing) → *noting*.
 * In a commit: `begin` → `note`, `noteBlank`, `noteExpired` → `write` → `committed`; after a rollback `begin` again.
 */
export class Revisions implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #lastRow: StatementSync;
  readonly #putRow: StatementSync;
  readonly #putRange: StatementSync;
  readonly #rowsOf: StatementSync;
  readonly #rangesOf: StatementSync;
  readonly #find: StatementSync;
  readonly #oldest: StatementSync;
  #options: RevisionOptions | null = null;
  /** Ascending, with the bytes of their notes; the last one is written to. */
  #eras: { readonly era: number; bytes: number }[] = [];
  /** The newest revision, ms; null: there is none. */
  #last: number | null = null;
  /** The latest moment that was asked for, ms; none to come. */
  #asked = Number.NEGATIVE_INFINITY;
  /** Of the commit that is being written. */
  #writing = 0;
  #isNew = false;
  #bytes = 0;
  #dropping = 0;
  /** Eras that were dropped for want of room, since the start. */
  dropped = 0;

  constructor(db: Database) {
    this.#db = db;
    db.declare(TABLES);
    this.#lastRow = db.prepare(
      "SELECT first, bytes FROM revision_note WHERE era=? AND key=? ORDER BY first DESC LIMIT 1",
    );
    this.#putRow = db.prepare("INSERT OR REPLACE INTO revision_note VALUES(?, ?, ?, ?)");
    this.#putRange = db.prepare("INSERT OR REPLACE INTO revision_range VALUES(?, ?, ?, ?, ?, ?)");
    this.#rowsOf = db.prepare(
      "SELECT key, first, bytes FROM revision_note WHERE era=? AND key>=? AND key<=? ORDER BY key, first LIMIT ?",
    );
    this.#rangesOf = db.prepare(
      `SELECT start, end, revision, flags FROM revision_range WHERE era=? AND series=? AND start<? AND end>? AND revision>? LIMIT ?`,
    );
    this.#find = db.prepare("SELECT ms, era FROM revision WHERE ms<=? ORDER BY ms DESC LIMIT 1");
    this.#oldest = db.prepare("SELECT min(ms) AS ms FROM revision");
  }

  /** Begins to note, with the next commit. Where nothing is to be kept, what was is deleted: commits without notes would make it wrong. */
  start(options: RevisionOptions): void {
    this.#options = options;
    if (options.bytesMax === 0) {
      this.#db.begin();
      this.#db.guarded(() => {
        for (const table of ["revision", "revision_era", "revision_note", "revision_range"])
          this.#db.prepare(`DELETE FROM ${table}`).run();
      });
      this.#db.commit();
      return;
    }
    const eras = this.#db.lookUpAll(this.#db.prepare("SELECT era, bytes FROM revision_era ORDER BY era"));
    this.#eras = eras.map(({ era, bytes }) => ({ era: Number(era), bytes: Number(bytes) }));
    if (this.#eras.length === 0) this.#eras.push({ era: 1, bytes: 0 });
    const last = this.#db.lookUp(this.#db.prepare("SELECT max(ms) AS ms FROM revision"))?.ms;
    this.#last = typeof last === "number" ? last : null;
  }

  /** Changes are noted: there is a revision that they can be told from. */
  get isNoting(): boolean {
    return this.#last !== null;
  }

  /** Bytes of all notes, about. */
  get bytes(): number {
    return this.#eras.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The oldest that can be asked for, ms; null: none can. */
  get since(): number | null {
    const ms = this.isNoting ? this.#db.lookUp(this.#oldest)?.ms : null;
    return typeof ms === "number" ? ms : null;
  }

  /** The last revision at or before a moment; no later one will be. @throws TidemarkError "revision-gone" when none is kept */
  at(ms: number): Revision {
    if (this.#options !== null)
      this.#asked = Math.max(this.#asked, Math.min(Math.floor(ms), this.#options.clock.now()));
    const row = this.isNoting ? this.#db.lookUp(this.#find, Math.floor(ms)) : undefined;
    if (row !== undefined) return { ms: Number(row.ms), era: Number(row.era) };
    const { since } = this;
    const isOff = this.#options?.bytesMax === 0;
    const none = isOff ? "none is kept (--revisions)" : "no revision is kept yet; the next commit makes one";
    const expected = since === null ? none : `expected a moment from ${formatMs(since)} on`;
    throw new TidemarkError("revision-gone", `Cannot answer as of ${formatMs(ms)}: ${expected}`);
  }

  /** A commit begins: its notes are told from those before by its time, which is later than theirs, and than any moment asked for, whatever the clock says. */
  begin(): void {
    if (this.#options === null) return;
    const earliest = Math.max(this.#last ?? Number.NEGATIVE_INFINITY, this.#asked) + 1;
    this.#writing = Math.max(Math.floor(this.#options.clock.now()), earliest);
    this.#isNew = this.#last === null;
    this.#bytes = 0;
  }

  /** The revision that is being written, ms. */
  get writing(): number {
    return this.#writing;
  }

  get #era(): number {
    return this.#eras[this.#eras.length - 1].era;
  }

  /** Notes what a page held. */
  note(key: number, note: Note): void {
    this.#isNew = true;
    const found = this.#db.lookUp(this.#lastRow, this.#era, key);
    const old = found?.bytes instanceof Uint8Array && found.bytes.length < ROW_BYTES_MAX ? found.bytes : null;
    const first = old === null ? note.revision : Number(found?.first);
    const bytes = appendNote(key, first, old, note);
    this.#bytes += bytes.length - (old === null ? -ROW_BYTES : old.length);
    this.#db.guarded(() => this.#putRow.run(this.#era, key, first, bytes));
  }

  /** Notes that the seconds of these pages held nothing. @param flags RELEASED, CORRECTED or 0 */
  noteBlank(series: number, firstPage: number, endPage: number, flags: number): void {
    this.#putRangeOf(series, firstPage * SECONDS_PER_PAGE, endPage * SECONDS_PER_PAGE, flags);
  }

  /** Notes that what these seconds held is deleted, and not kept. */
  noteExpired(series: number, start: number, end: number): void {
    if (this.isNoting && start < end) this.#putRangeOf(series, start, end, EXPIRED);
  }

  #putRangeOf(series: number, start: number, end: number, flags: number): void {
    this.#isNew = true;
    this.#bytes += 2 * ROW_BYTES;
    this.#db.guarded(() => this.#putRange.run(this.#era, series, start, this.#writing, end, flags));
  }

  /** Writes the revision, after all that it changed, and drops the oldest eras past the bound. */
  *write(): Generator<number> {
    this.#dropping = 0;
    if (this.#options === null || this.#options.bytesMax === 0 || !this.#isNew) return;
    const [era, bytes] = [this.#era, this.#bytes + ROW_BYTES];
    this.#db.guarded(() => {
      this.#db.prepare("INSERT INTO revision VALUES(?, ?)").run(this.#writing, era);
      this.#db
        .prepare("INSERT INTO revision_era VALUES(?, ?) ON CONFLICT(era) DO UPDATE SET bytes=bytes+excluded.bytes")
        .run(era, bytes);
    });
    yield bytes;
    let excess = this.bytes + bytes - this.#options.bytesMax;
    while (excess > 0 && this.#dropping < this.#eras.length - 1) {
      const oldest = this.#eras[this.#dropping++];
      excess -= oldest.bytes;
      yield* this.#drop(oldest.era);
    }
  }

  /** Its last revision stays: what came later can be told from it. */
  *#drop(era: number): Generator<number> {
    for (const [table, key] of [
      ["revision_note", "era, key, first"],
      ["revision_range", "era, series, start, revision"],
    ]) {
      const some = `(${key}) IN (SELECT ${key} FROM ${table} WHERE era=? LIMIT ${ROWS_AT_ONCE})`;
      const statement = this.#db.prepare(`DELETE FROM ${table} WHERE ${some}`);
      for (let rows = 1; rows > 0; ) {
        this.#db.guarded(() => {
          rows = Number(statement.run(era).changes);
        });
        yield 0;
      }
    }
    this.#db.guarded(() => {
      this.#db.prepare("DELETE FROM revision_era WHERE era=?").run(era);
      this.#db.prepare("DELETE FROM revision WHERE ms<(SELECT max(ms) FROM revision WHERE era=?)").run(era);
    });
    yield 0;
  }

  committed(): void {
    if (this.#options === null || this.#options.bytesMax === 0 || !this.#isNew) return;
    this.#last = this.#writing;
    this.#isNew = false;
    const current = this.#eras[this.#eras.length - 1];
    current.bytes += this.#bytes + ROW_BYTES;
    this.#eras.splice(0, this.#dropping);
    this.dropped += this.#dropping;
    if (current.bytes >= this.#options.bytesMax / ERAS) this.#eras.push({ era: current.era + 1, bytes: 0 });
  }

  /**
   * What changed of a series' window after a revision, as far as it is committed. O(changed pages).
   * @throws TidemarkError "revision-gone" where seconds of the window were deleted since, "request-invalid" where too many changed
   */
  after(revision: Revision, series: number, { start, end }: Window): Since {
    const notes = new Map<number, Note[]>();
    const blank: Range[] = [];
    const low = pageKey(series, 0, Math.floor(start / SECONDS_PER_PAGE));
    const high = pageKey(series, 0, Math.floor((end - 1) / SECONDS_PER_PAGE));
    let room = QUESTION_ROWS_MAX;
    for (const { era } of this.#eras) {
      if (era < revision.era) continue;
      const rows = this.#db.lookUpAll(this.#rowsOf, era, low, high, room + 1);
      const ranges = this.#db.lookUpAll(this.#rangesOf, era, series, end, start, revision.ms, room + 1);
      room -= rows.length + ranges.length;
      if (room < 0) {
        const text = `Cannot answer as of ${formatMs(revision.ms)}: expected <= ${QUESTION_ROWS_MAX} rows of what changed since in the window, a later moment or a shorter window has fewer`;
        throw new TidemarkError("request-invalid", text);
      }
      for (const { key, first, bytes } of rows) {
        const later = this.#db
          .decoded("revision_note", bytes, (row) => readNotes(Number(key), Number(first), row))
          .filter((note) => note.revision > revision.ms);
        if (later.length > 0) addNotes(notes, pageOf(Number(key)), later);
      }
      for (const row of ranges) blank.push(rangeOf(row));
    }
    const gone = blank.find(({ flags }) => flags === EXPIRED);
    if (gone !== undefined) {
      const text = `Cannot answer as of ${formatMs(revision.ms)}: seconds of the window before ${formatMs(gone.end * 1000)} were deleted (--keep) on ${formatMs(gone.revision)}, expected a window or a moment from then on`;
      throw new TidemarkError("revision-gone", text);
    }
    return { notes, blank };
  }

  /** The end of the newest range that was deleted of a series after a revision; null: none was. O(ranges of the series). */
  expiredSince(revision: Revision, series: number): Window | null {
    let expired: Range | null = null;
    for (const { era } of this.#eras) {
      if (era < revision.era) continue;
      const [from, to] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
      for (const row of this.#db.lookUpAll(this.#rangesOf, era, series, to, from, revision.ms, QUESTION_ROWS_MAX)) {
        const range = rangeOf(row);
        if (range.flags === EXPIRED && (expired === null || range.start < expired.start)) expired = range;
      }
    }
    return expired;
  }
}

/** Adds to the notes of each page that it held nothing, where that was noted of a range. */
export function coverPages({ notes, blank }: Since): void {
  for (const [page, its] of notes) {
    const covers = blank.filter(
      (range) => range.start <= page * SECONDS_PER_PAGE && page * SECONDS_PER_PAGE < range.end,
    );
    for (const { revision: ms, flags } of covers) its.push({ revision: ms, flags: flags | BLANK, runs: [], old: null });
    // Of one revision what it says of single seconds comes first.
    if (covers.length > 0) its.sort((a, b) => a.revision - b.revision || (a.flags & BLANK) - (b.flags & BLANK));
  }
}

/** Adds notes of a page that are later than those known. */
export function addNotes(notes: Map<number, Note[]>, page: number, more: readonly Note[]): void {
  const known = notes.get(page);
  if (known === undefined) notes.set(page, [...more]);
  else for (const note of more) known.push(note);
}

function rangeOf({ start, end, revision, flags }: Record<string, unknown>): Range {
  return { start: Number(start), end: Number(end), revision: Number(revision), flags: Number(flags) };
}
