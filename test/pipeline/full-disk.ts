/** A full disk where a test wants it: SQLite itself raises the error, in the middle of a real transaction. */
import type { Database } from "../../src/store/database.ts";

/** Writes of that kind to the table fail until it is freed. */
export function fillDisk(db: Database, change: "INSERT" | "UPDATE" | "DELETE", table: string): { free(): void } {
  const trigger = `CREATE TEMP TRIGGER full_disk BEFORE ${change} ON ${table}`;
  db.prepare(`${trigger} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`).run();
  return { free: () => db.prepare("DROP TRIGGER full_disk").run() };
}
