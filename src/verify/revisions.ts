/** Checks what is noted of earlier revisions: every row can be read, and is of a revision, an era and a series that there are. */
import { messageOf } from "../core/errors.ts";
import { levelOf, seriesOf } from "../rollups/levels.ts";
import { readNotes } from "../rollups/revision-note.ts";
import type { Database } from "../store/database.ts";

/** Tells what is wrong with a row. */
type Say = (what: string, stored: string, expected: string) => void;

/** O(rows). Yields after each. @param isSeries whether pages of that number may be there */
export function* checkRevisions(db: Database, isSeries: (series: number) => boolean, say: Say): Generator<void> {
  const eras = new Set(
    db
      .prepare("SELECT era FROM revision_era")
      .all()
      .map(({ era }) => Number(era)),
  );
  const eraOf = new Map<number, number>();
  for (const { ms, era } of db.prepare("SELECT ms, era FROM revision ORDER BY ms").iterate()) {
    eraOf.set(Number(ms), Number(era));
  }
  // The first one is what others are told from: it changed nothing, or its notes are dropped.
  const silent = new Set([...eraOf.keys()].slice(1));
  const isKnown = (revision: number, era: number): boolean => {
    silent.delete(revision);
    // Eras of devices have numbers of their own.
    return eras.has(era) && (era > 0 ? eraOf.get(revision) === era : eraOf.has(revision));
  };
  for (const { era, key, first, bytes } of db.prepare("SELECT * FROM revision_note").iterate()) {
    const what = `row ${era}, ${key}, ${first} of table revision_note`;
    const page = Number(key);
    if (!isSeries(seriesOf(page)) || levelOf(page) !== 0)
      say(what, "another page", "a page of seconds of a series that there is");
    try {
      if (!(bytes instanceof Uint8Array)) throw new RangeError("no bytes");
      const notes = readNotes(page, Number(first), bytes);
      if (notes.length === 0 || notes.some(({ revision }) => !isKnown(revision, Number(era))))
        say(what, "another revision", "revisions of its era");
    } catch (error) {
      say(what, messageOf(error), "bytes that this version writes");
    }
    yield;
  }
  for (const { era, series, start, revision, end, flags } of db.prepare("SELECT * FROM revision_range").iterate()) {
    const what = `row ${era}, ${series}, ${start}, ${revision} of table revision_range`;
    const isRange = Number(start) < Number(end) && [0, 4, 8, 12, 16].includes(Number(flags));
    if (!isRange || !isSeries(Number(series))) say(what, "another range", "seconds of a series that there is");
    if (!isKnown(Number(revision), Number(era))) say(what, "another revision", "a revision of its era");
    yield;
  }
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name='revision_devices'").get() !== undefined)
    for (const { ms } of db.prepare("SELECT ms FROM revision_devices").iterate()) silent.delete(Number(ms));
  for (const ms of silent)
    say(`row ${ms} of table revision`, "a revision that changed nothing", "notes of what it changed");
}
