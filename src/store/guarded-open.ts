/**
 * Before SQLite opens a database: are its pages what was last written (page-check.ts)? What can be put right is put right, and said; what cannot is the
 * caller's to deal with.
 */
import { rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../core/errors.ts";
import { pagesText } from "../core/scrub.ts";
import { checkPages, makeSums, type OnCompared, type PageCheck, putBack, sumsPath } from "./page-check.ts";
import { PageSums } from "./page-sums.ts";
import { setAside } from "./set-aside.ts";
import { SumsFile } from "./sums-file.ts";

/** A database to be opened. */
export interface GuardedDatabase {
  readonly path: string;
  readonly pageBytes: number;
  /** Gives a new file its form, a restored one its journal, and reads something of it. */
  readonly setUp: (db: DatabaseSync) => void;
  /** An earlier state is better than one of which pages are damaged. */
  readonly goesBack: boolean;
}

/** What was found, and done. */
export interface Guarded {
  /** What is damaged and nowhere else; null: nothing is. The database must not be opened then. */
  readonly damage: string | null;
  /** What was put right, or could not be compared: a sentence each, for the operator. */
  readonly notices: readonly string[];
  readonly check: PageCheck | null;
}

/** @throws Error of the system or of SQLite */
export function guardDatabase(database: GuardedDatabase, onCompared?: OnCompared): Guarded {
  const { path, pageBytes } = database;
  const check = checkPages(path, onCompared);
  if (check === null) return withoutSums(database);
  const canGoBack = check.canGoBack && (database.goesBack || sizeOf(`${path}-wal`) === 0);
  if (check.damaged.length > 0 && canGoBack) return goBack(database, check);
  if (check.damaged.length > 0) return { damage: damageOf(path, check), notices: [], check };
  const notices: string[] = [];
  const wal = `${path}-wal`;
  const brokenWal = check.walLost && sizeOf(wal) > 0;
  if (check.found.size > 0 || brokenWal) {
    putBack(path, check, pageBytes);
    const aside = check.walLost ? setAside(wal) : null;
    if (check.walLost) {
      rmSync(`${path}-shm`, { force: true });
      forgetWal(path);
    }
    notices.push(repairedText(path, check, aside));
  }
  if (check.unsummed.length > 0) {
    makeSums(path, pageBytes);
    const pages = check.unsummed.map(([first, last]) => `${first} to ${last}`).join(", ");
    notices.push(`${sumsPath(path)} was damaged and is made anew: pages ${pages} of ${path} were not compared`);
  }
  keepSums(path);
  return { damage: null, notices, check };
}

/** Whoever closes the database next moves its write-ahead log into it. */
function keepSums(path: string): void {
  if (sizeOf(`${path}-wal`) === 0) return;
  const sums = new PageSums(path, null);
  try {
    sums.collect(true);
    sums.keep();
  } finally {
    sums.close();
  }
}

/** A new database, one of an older version, a restored one, or one whose sums were lost. */
function withoutSums(database: GuardedDatabase): Guarded {
  const { path, pageBytes } = database;
  const lost = statSync(sumsPath(path), { throwIfNoEntry: false }) !== undefined;
  setUp(database);
  makeSums(path, pageBytes);
  if (!lost) return { damage: null, notices: [], check: null };
  const notice = `${sumsPath(path)} was damaged and is made of what is in ${path}: damage from before cannot be told`;
  return { damage: null, notices: [notice], check: null };
}

function setUp({ path, setUp }: GuardedDatabase): void {
  const db = new DatabaseSync(path, { timeout: 5000 });
  try {
    setUp(db);
  } finally {
    db.close();
  }
}

/** Nothing was moved out of the lost write-ahead log yet: what SQLite finds without it is a whole, earlier state. */
function goBack(database: GuardedDatabase, check: PageCheck): Guarded {
  const { path, pageBytes } = database;
  try {
    setUp(database);
    const db = new DatabaseSync(path);
    try {
      const found = db.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
      if (found !== "ok") throw new Error(String(found));
    } finally {
      db.close();
    }
  } catch (error) {
    return { damage: `${damageOf(path, check)}; without ${path}-wal: ${messageOf(error)}`, notices: [], check };
  }
  makeSums(path, pageBytes);
  const notice = `${path}-wal lacks what was written last: ${path} is what it was before that, at an earlier commit`;
  return { damage: null, notices: [notice], check };
}

/** The sums are of a state that needs no write-ahead log any more. */
function forgetWal(path: string): void {
  const sums = SumsFile.open(sumsPath(path));
  if (sums === null) return;
  sums.write({ ...sums.head, first: 0, second: 0, frames: 0, moving: true });
  sums.sync();
  sums.close();
}

function repairedText(path: string, { found }: PageCheck, aside: string | null): string {
  const wal = aside === null ? "" : `${path}-wal was damaged and is set aside as ${aside}; `;
  if (found.size === 0) return `${wal}nothing of it was missing in ${path}`;
  return `${wal}${pagesText([...found.keys()])} of ${path} ${found.size === 1 ? "was" : "were"} put back from ${aside ?? `${path}-wal`}`;
}

function damageOf(path: string, { damaged, pages }: PageCheck): string {
  if (sizeOf(path) === 0)
    return `${path} is missing or empty, though ${sumsPath(path)} has the sums of its ${pages} pages`;
  const verb = damaged.length === 1 ? "is" : "are";
  return `${pagesText(damaged)} of ${pages} of ${path} ${verb} not what was written`;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
