/**
 * What the history was at earlier commits: a *revision* is the state of one, and notes say what each changed, as it was before. They are
 * written in the transaction of the pages that they are about. docs/decisions/0041-as-of.md.
 */
import type { StatementSync } from "node:sqlite";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { formatMs } from "../core/time.ts";
import { EVER, type Window } from "../core/window.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { REMOVED_SERIES_END, SECONDS_PER_PAGE, seriesOf } from "./levels.ts";
import { NoteEras, type Range, ROW_BYTES } from "./note-eras.ts";
import { BLANK, type Note } from "./revision-note.ts";

const TABLES = `
  CREATE TABLE IF NOT EXISTS revision(ms INTEGER PRIMARY KEY, era INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS revision_devices(ms INTEGER PRIMARY KEY, last INTEGER NOT NULL)`;

/** The revision from which on the series of devices are noted; none: they are not. */
const DEVICES_SINCE = "device-revisions-since";

/** Notes of devices may take this share: with a thousand devices they are a thousand times those of their sensor, which shall not lose its past to them. */
const DEVICES_SHARE = 0.5;

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
 *
 * Notes of devices' series are kept apart (`NoteEras`), and reach less far back where there are many devices.
 */
export class Revisions implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #ofSensors: NoteEras;
  readonly #ofDevices: NoteEras;
  readonly #find: StatementSync;
  readonly #oldest: StatementSync;
  readonly #devicesAt: StatementSync;
  #options: RevisionOptions | null = null;
  /** The newest revision, ms; null: there is none. */
  #last: number | null = null;
  /** The revision that devices' notes reach back to, ms; null: they are not noted yet. And after the commit that is being written. */
  #devicesSince: number | null = null;
  #devicesSinceNext: number | null = null;
  /** The number of the newest device that was noted, and after the commit that is being written. */
  #devices: number | null = null;
  #devicesNext: number | null = null;
  /** The latest moment that was asked for, ms; none to come. */
  #asked = Number.NEGATIVE_INFINITY;
  /** Of the commit that is being written. */
  #writing = 0;
  #isNew = false;
  /** Between `begin` and `committed`: the revision is not there yet, and notes of it are. */
  #isWriting = false;

  constructor(db: Database) {
    this.#db = db;
    db.declare(TABLES);
    this.#ofSensors = new NoteEras(db, 1);
    this.#ofDevices = new NoteEras(db, -1);
    this.#find = db.prepare("SELECT ms, era FROM revision WHERE ms<=? ORDER BY ms DESC LIMIT 1");
    this.#oldest = db.prepare("SELECT min(ms) AS ms FROM revision");
    this.#devicesAt = db.prepare("SELECT last FROM revision_devices WHERE ms<=? ORDER BY ms DESC LIMIT 1");
  }

  /** Begins to note, with the next commit. Where nothing is to be kept, what was is deleted: commits without notes would make it wrong. */
  start(options: RevisionOptions): void {
    this.#options = options;
    if (options.bytesMax === 0) {
      this.#db.begin();
      this.#ofSensors.clear();
      this.forgetDevices();
      this.#db.guarded(() => this.#db.prepare("DELETE FROM revision").run());
      this.#db.commit();
      return;
    }
    this.#ofSensors.start();
    this.#ofDevices.start();
    const last = this.#db.lookUp(this.#db.prepare("SELECT max(ms) AS ms FROM revision"))?.ms;
    this.#last = typeof last === "number" ? last : null;
    const since = this.#db.setting(DEVICES_SINCE);
    this.#devicesSince = since === null ? null : Number(since);
    this.#devices = this.devicesAt({ ms: Number.MAX_SAFE_INTEGER });
  }

  /** Deletes what was noted of devices, inside a transaction: their series are gone. */
  forgetDevices(): void {
    this.#ofDevices.clear();
    this.#db.guarded(() => {
      this.#db.prepare("DELETE FROM revision_devices").run();
      this.#db.prepare("DELETE FROM setting WHERE name=?").run(DEVICES_SINCE);
    });
    this.#devicesSince = null;
    this.#devices = null;
  }

  /** Changes are noted: there is a revision that they can be told from. */
  get isNoting(): boolean {
    return this.#last !== null;
  }

  /** Bytes of all notes, about. */
  get bytes(): number {
    return this.#ofSensors.bytes + this.#ofDevices.bytes;
  }

  /** Eras that were dropped for want of room, since the start. */
  get dropped(): number {
    return this.#ofSensors.dropped + this.#ofDevices.dropped;
  }

  /** The oldest that can be asked for, ms; null: none can. */
  get since(): number | null {
    const ms = this.isNoting ? this.#db.lookUp(this.#oldest)?.ms : null;
    return typeof ms === "number" ? ms : null;
  }

  /** The last revision at or before a moment; no later one will be. @throws TidemarkError "revision-gone" when none is kept */
  at(ms: number): Revision {
    if (this.#options !== null)
      this.#asked = Math.max(this.#asked, Math.floor(Math.min(ms, this.#options.clock.now())));
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
    this.#isWriting = true;
    this.#devicesSinceNext = this.#devicesSince;
    this.#devicesNext = this.#devices;
    this.#ofSensors.begin();
    this.#ofDevices.begin();
  }

  /** The latest moment that is answered as of the newest revision for good: later ones get the revision that is being written. */
  get until(): number {
    return this.#isWriting ? this.#writing - 1 : Number.POSITIVE_INFINITY;
  }

  /** The revision that is being written, ms. */
  get writing(): number {
    return this.#writing;
  }

  #of(series: number): NoteEras {
    return series < REMOVED_SERIES_END ? this.#ofSensors : this.#ofDevices;
  }

  /** Notes what a page held. */
  note(key: number, note: Note): void {
    this.#isNew = true;
    this.#of(seriesOf(key)).note(key, note);
  }

  /** Notes that the seconds of these pages held nothing. @param flags RELEASED, CORRECTED or 0 */
  noteBlank(series: number, firstPage: number, endPage: number, flags: number): void {
    this.#putRange(series, firstPage * SECONDS_PER_PAGE, endPage * SECONDS_PER_PAGE, flags);
  }

  /** Notes that what these seconds held is deleted, and not kept. Of a sensor: it is so of its devices, too. */
  noteExpired(series: number, start: number, end: number): void {
    if (this.isNoting && start < end) this.#putRange(series, start, end, EXPIRED);
  }

  #putRange(series: number, start: number, end: number, flags: number): void {
    this.#isNew = true;
    this.#of(series).putRange(series, { start, end, revision: this.#writing, flags });
  }

  /** Notes that there are devices up to this number, of all sensors, where there were fewer before. */
  noteDevices(last: number): void {
    if (this.#options === null || this.#options.bytesMax === 0 || last === this.#devices) return;
    this.#isNew = true;
    this.#devicesNext = last;
    this.#db.guarded(() =>
      this.#db.prepare("INSERT OR REPLACE INTO revision_devices VALUES(?, ?)").run(this.#writing, last),
    );
  }

  /** The number of the newest device that there was at a revision; null: it is not known. */
  devicesAt({ ms }: Pick<Revision, "ms">): number | null {
    const last = this.#db.lookUp(this.#devicesAt, ms)?.last;
    return typeof last === "number" ? last : null;
  }

  /** Writes the revision, after all that it changed, and drops the oldest eras past the bound. */
  *write(): Generator<number> {
    if (this.#options === null || this.#options.bytesMax === 0 || !this.#isNew) return;
    const { era } = this.#ofSensors;
    this.#db.guarded(() => this.#db.prepare("INSERT INTO revision VALUES(?, ?)").run(this.#writing, era));
    // As it reaches back so far now. What is noted of the first commit says nothing before it.
    if (this.#devicesSinceNext === null) this.#setDevicesSince(this.#last ?? this.#writing);
    // What an era has before the first note of the next one changed nothing after that.
    yield* this.#ofDevices.write(this.#bytesMaxOfDevices, 0, (_, next) => {
      this.#setDevicesSince((this.#ofDevices.firstOf(next) ?? this.#writing) - 1);
    });
    // Its last revision stays: what came later can be told from it.
    yield* this.#ofSensors.write(this.#bytesMaxOfSensors, ROW_BYTES, (dropped) => {
      this.#db.guarded(() => {
        const last = "SELECT max(ms) FROM revision WHERE era=?";
        this.#db
          .prepare(`DELETE FROM revision_devices WHERE ms<(SELECT max(ms) FROM revision_devices WHERE ms<=(${last}))`)
          .run(dropped);
        this.#db.prepare(`DELETE FROM revision WHERE ms<(${last})`).run(dropped);
      });
    });
  }

  #setDevicesSince(ms: number): void {
    this.#devicesSinceNext = ms;
    this.#db.guarded(() => this.#db.setSetting(DEVICES_SINCE, ms));
  }

  get #bytesMaxOfDevices(): number {
    return (this.#options?.bytesMax ?? 0) * DEVICES_SHARE;
  }

  /** All that devices leave. */
  get #bytesMaxOfSensors(): number {
    return (this.#options?.bytesMax ?? 0) - Math.min(this.#ofDevices.bytes, this.#bytesMaxOfDevices);
  }

  committed(): void {
    this.#isWriting = false;
    if (this.#options === null || this.#options.bytesMax === 0 || !this.#isNew) return;
    this.#last = this.#writing;
    this.#isNew = false;
    this.#devicesSince = this.#devicesSinceNext;
    this.#devices = this.#devicesNext;
    this.#ofSensors.committed(this.#options.bytesMax);
    this.#ofDevices.committed(this.#bytesMaxOfDevices);
  }

  /** @throws TidemarkError "revision-gone" where notes of devices do not reach so far back */
  requireDevices({ ms }: Pick<Revision, "ms">): void {
    const since = this.#devicesSince;
    if (since !== null && ms >= since) return;
    const expected =
      since === null ? "none is noted yet; the next commit begins" : `expected a moment from ${formatMs(since)} on`;
    throw new TidemarkError("revision-gone", `Cannot answer for devices as of ${formatMs(ms)}: ${expected}`);
  }

  /**
   * What changed of a series' window after a revision, as far as it is committed. O(changed pages).
   * @param sensor whose series it is, or the sensor of the device whose it is
   * @throws TidemarkError "revision-gone" where seconds of the window were deleted since, "request-invalid" where too many changed
   */
  after({ ms, era }: Revision, series: number, window: Window, sensor: number = series): Since {
    const isOfDevice = this.#of(series) === this.#ofDevices;
    const found = this.#of(series).after({ ms, from: isOfDevice ? 0 : era }, series, window, QUESTION_ROWS_MAX);
    if (found === null) {
      const text = `Cannot answer as of ${formatMs(ms)}: expected <= ${QUESTION_ROWS_MAX} rows of what changed since in the window, a later moment or a shorter window has fewer`;
      throw new TidemarkError("request-invalid", text);
    }
    const ofSensor = isOfDevice
      ? this.#ofSensors.rangesAfter({ ms, from: era }, sensor, window, QUESTION_ROWS_MAX)
      : found.ranges;
    const gone = ofSensor.find(({ flags }) => flags === EXPIRED);
    if (gone !== undefined) {
      const text = `Cannot answer as of ${formatMs(ms)}: seconds of the window before ${formatMs(gone.end * 1000)} were deleted (--keep) on ${formatMs(gone.revision)}, expected a window or a moment from then on`;
      throw new TidemarkError("revision-gone", text);
    }
    const notes = new Map<number, Note[]>();
    for (const [page, its] of found.notes) addNotes(notes, page, its);
    return { notes, blank: found.ranges };
  }

  /** The range that was deleted first of a sensor after a revision; null: none was. O(ranges of the sensor). */
  expiredSince({ ms, era }: Revision, sensor: number): Window | null {
    let expired: Range | null = null;
    for (const range of this.#ofSensors.rangesAfter({ ms, from: era }, sensor, EVER, QUESTION_ROWS_MAX)) {
      if (range.flags === EXPIRED && (expired === null || range.start < expired.start)) expired = range;
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

/** Of what changed what revisions before one did. */
export function before({ notes, blank }: Since, end: number): Since {
  const early = [...notes].map(([page, its]) => [page, its.filter(({ revision }) => revision < end)] as const);
  return {
    notes: new Map(early.flatMap(([page, its]) => (its.length === 0 ? [] : [[page, its]]))),
    blank: blank.filter(({ revision }) => revision < end),
  };
}

/** What changed first, and then. */
export function joined(first: Since, then: Since): Since {
  for (const [page, notes] of then.notes) addNotes(first.notes, page, notes);
  return { notes: first.notes, blank: [...first.blank, ...then.blank] };
}
