/** Notes of some series, in eras of about the same size: the oldest goes as a whole once they take more bytes than they may. */
import type { StatementSync } from "node:sqlite";
import type { Window } from "../core/window.ts";
import type { Database } from "../store/database.ts";
import { pageKey, pageOf, SECONDS_PER_PAGE } from "./levels.ts";
import { appendNote, type Note, readNotes } from "./revision-note.ts";

const TABLES = `
  CREATE TABLE IF NOT EXISTS revision_era(era INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS revision_note(era INTEGER, key INTEGER, first INTEGER, bytes BLOB NOT NULL,
    PRIMARY KEY(era, key, first)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS revision_range(era INTEGER, series INTEGER, start INTEGER, revision INTEGER, end INTEGER NOT NULL,
    flags INTEGER NOT NULL, PRIMARY KEY(era, series, start, revision)) WITHOUT ROWID`;

/** Notes are kept in so many eras: a question looks into each that its moment is before. */
const ERAS = 16;

/** A row of notes is added to until it has so many bytes: the page that a sensor fills has one of a few dozen. */
const ROW_BYTES_MAX = 1024;

/** About what a row takes besides its bytes. */
export const ROW_BYTES = 24;

/** Rows of an old era that are deleted at once: some ms. */
const ROWS_AT_ONCE = 2048;

/** Seconds of whole pages, as they were before a revision. */
export interface Range extends Window {
  readonly revision: number;
  readonly flags: number;
}

/** Eras are numbered from 1 up where they are of sensors, from −1 down where they are of devices. */
export type Side = 1 | -1;

/** In a commit: `begin` → `note`, `putRange` → `write` → `committed`; after a rollback `begin` again. */
export class NoteEras {
  readonly #db: Database;
  readonly #side: Side;
  readonly #lastRow: StatementSync;
  readonly #putRow: StatementSync;
  readonly #putRange: StatementSync;
  readonly #rowsOf: StatementSync;
  readonly #rangesOf: StatementSync;
  /** The oldest first, with the bytes of their notes; the last one is written to. */
  #eras: { readonly era: number; bytes: number }[] = [];
  /** Of the commit that is being written. */
  #bytes = 0;
  #dropping = 0;
  /** Eras that were dropped for want of room, since the start. */
  dropped = 0;

  constructor(db: Database, side: Side) {
    this.#db = db;
    this.#side = side;
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
  }

  /** Finds what there is. */
  start(): void {
    const own = this.#db.prepare("SELECT era, bytes FROM revision_era WHERE era*?>0 ORDER BY abs(era)");
    this.#eras = this.#db.lookUpAll(own, this.#side).map(({ era, bytes }) => ({
      era: Number(era),
      bytes: Number(bytes),
    }));
    if (this.#eras.length === 0) this.#eras.push({ era: this.#side, bytes: 0 });
  }

  /** Deletes all, inside a transaction. */
  clear(): void {
    this.#db.guarded(() => {
      for (const table of ["revision_era", "revision_note", "revision_range"])
        this.#db.prepare(`DELETE FROM ${table} WHERE era*?>0`).run(this.#side);
    });
    this.#eras = [{ era: this.#side, bytes: 0 }];
  }

  /** Bytes of all notes, about. */
  get bytes(): number {
    return this.#eras.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The one that is written to. */
  get era(): number {
    return this.#eras[this.#eras.length - 1].era;
  }

  /** A commit begins. */
  begin(): void {
    this.#bytes = 0;
    this.#dropping = 0;
  }

  /** Notes what a page held. */
  note(key: number, note: Note): void {
    const found = this.#db.lookUp(this.#lastRow, this.era, key);
    const old = found?.bytes instanceof Uint8Array && found.bytes.length < ROW_BYTES_MAX ? found.bytes : null;
    const first = old === null ? note.revision : Number(found?.first);
    const bytes = appendNote(key, first, old, note);
    this.#bytes += bytes.length - (old === null ? -ROW_BYTES : old.length);
    this.#db.guarded(() => this.#putRow.run(this.era, key, first, bytes));
  }

  /** Notes something of the seconds of whole pages. */
  putRange(series: number, { start, end, revision, flags }: Range): void {
    this.#bytes += 2 * ROW_BYTES;
    this.#db.guarded(() => this.#putRange.run(this.era, series, start, revision, end, flags));
  }

  /**
   * Writes the size of the era, and drops the oldest ones past the bound. Yields bytes.
   * @param more bytes that the commit takes besides its notes @param onDrop called before an era is deleted, with the one after it
   */
  *write(bytesMax: number, more: number, onDrop: (era: number, next: number) => void): Generator<number> {
    const { era } = this;
    this.#bytes += more;
    const bytes = this.#bytes;
    if (bytes === 0) return;
    this.#db.guarded(() =>
      this.#db
        .prepare("INSERT INTO revision_era VALUES(?, ?) ON CONFLICT(era) DO UPDATE SET bytes=bytes+excluded.bytes")
        .run(era, bytes),
    );
    yield bytes;
    let excess = this.bytes + bytes - bytesMax;
    while (excess > 0 && this.#dropping < this.#eras.length - 1) {
      const oldest = this.#eras[this.#dropping++];
      excess -= oldest.bytes;
      onDrop(oldest.era, this.#eras[this.#dropping].era);
      yield* this.#drop(oldest.era);
    }
  }

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
    this.#db.guarded(() => this.#db.prepare("DELETE FROM revision_era WHERE era=?").run(era));
    yield 0;
  }

  /** @param bytesMax as at `write` */
  committed(bytesMax: number): void {
    const current = this.#eras[this.#eras.length - 1];
    current.bytes += this.#bytes;
    this.#eras.splice(0, this.#dropping);
    this.dropped += this.#dropping;
    this.begin();
    if (current.bytes >= bytesMax / ERAS) this.#eras.push({ era: current.era + this.#side, bytes: 0 });
  }

  /** The first revision that an era has notes of; null: it has none. O(rows of the era). */
  firstOf(era: number): number | null {
    const firsts = ["SELECT min(first) AS ms FROM revision_note", "SELECT min(revision) AS ms FROM revision_range"]
      .map((select) => this.#db.lookUp(this.#db.prepare(`${select} WHERE era=?`), era)?.ms)
      .filter((ms) => typeof ms === "number");
    return firsts.length === 0 ? null : Math.min(...firsts);
  }

  /**
   * What was noted of a series' window after a revision, as far as it is committed, era by era: notes by page, in the order of their
   * revisions, and ranges. O(rows of the window).
   * @param from the oldest era to look into @param rowsMax null where there are more rows than these
   */
  after(
    { ms, from }: { readonly ms: number; readonly from: number },
    series: number,
    { start, end }: Window,
    rowsMax: number,
  ): { readonly notes: (readonly [page: number, notes: readonly Note[]])[]; readonly ranges: Range[] } | null {
    const notes: (readonly [number, readonly Note[]])[] = [];
    const ranges: Range[] = [];
    const low = pageKey(series, 0, Math.floor(start / SECONDS_PER_PAGE));
    const high = pageKey(series, 0, Math.floor((end - 1) / SECONDS_PER_PAGE));
    let room = rowsMax;
    for (const { era } of this.#eras) {
      if (Math.abs(era) < from) continue;
      const rows = this.#db.lookUpAll(this.#rowsOf, era, low, high, room + 1);
      const some = this.#db.lookUpAll(this.#rangesOf, era, series, end, start, ms, room + 1);
      room -= rows.length + some.length;
      if (room < 0) return null;
      for (const { key, first, bytes } of rows) {
        const later = this.#db
          .decoded("revision_note", bytes, (row) => readNotes(Number(key), Number(first), row))
          .filter(({ revision }) => revision > ms);
        if (later.length > 0) notes.push([pageOf(Number(key)), later]);
      }
      for (const row of some) ranges.push(rangeOf(row));
    }
    return { notes, ranges };
  }

  /** Ranges of a series' window that were noted after a revision. */
  rangesAfter(
    { ms, from }: { readonly ms: number; readonly from: number },
    series: number,
    { start, end }: Window,
    rowsMax: number,
  ): Range[] {
    return this.#eras
      .filter(({ era }) => Math.abs(era) >= from)
      .flatMap(({ era }) => this.#db.lookUpAll(this.#rangesOf, era, series, end, start, ms, rowsMax).map(rangeOf));
  }
}

function rangeOf({ start, end, revision, flags }: Record<string, unknown>): Range {
  return { start: Number(start), end: Number(end), revision: Number(revision), flags: Number(flags) };
}
