/** What SQLite's errors say of a database. */

/** SQLite's codes (extended ones too) of a page that is not what it must be: SQLITE_CORRUPT, SQLITE_NOTADB; and of one that the disk does not give back. */
const DAMAGED = new Set([11, 26]);
const UNREADABLE = new Set([266, 522, 8458]);

/** Whether it is SQLite's word for a damaged page. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return false;
  return DAMAGED.has(error.errcode & 0xff) || UNREADABLE.has(error.errcode);
}
