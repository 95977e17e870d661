/** Migrations of a history, each from one version to the next. A migration never changes once it was released. */
import type { DatabaseSync } from "node:sqlite";

/** One step; it runs in the transaction in which the file gets its new version. */
interface Migration {
  /** The version it makes of the one before. */
  readonly version: number;
  run(db: DatabaseSync): void;
}

/** Ascending, without a gap. Page and state blobs are not rewritten: their tags say how to read them. */
export const MIGRATIONS: readonly Migration[] = [
  {
    /** A record may hold many readings, of which some are refused. */
    version: 3,
    run: (db) =>
      db.exec(`ALTER TABLE rejection ADD COLUMN reading INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE rejection ADD COLUMN is_alone INTEGER NOT NULL DEFAULT 1;`),
  },
  {
    /** Readings that were held back by a clock that was behind are judged again. */
    version: 4,
    run: (db) => db.exec("ALTER TABLE quarantine ADD COLUMN clock_offset REAL"),
  },
  {
    /** Checksums cover keys, and pages have sums beside the file, which an older program would not keep. */
    version: 5,
    run: () => {},
  },
  {
    /**
     * Devices are counted, and have series: pages of numbers from the top down. Held-back readings say what identity they have. Corrections
     * are kept to, and commits note what they change: an older program would do neither.
     */
    version: 6,
    run: (db) => db.exec("ALTER TABLE quarantine ADD COLUMN identity INTEGER"),
  },
];

/** The oldest version that can be opened. */
export const OLDEST_VERSION = MIGRATIONS[0].version - 1;

/** Raised when a table or a blob changes its meaning: newer files are refused. */
export const HISTORY_VERSION = MIGRATIONS[MIGRATIONS.length - 1].version;
