/** Puts pages in the place of others, in one transaction, and keeps what was there before in a file of its own. */
import { closeSync, existsSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { levelOf, pageOf, seriesOf } from "../rollups/levels.ts";
import { Database } from "../store/database.ts";

/**
 * Only for a directory that this process owns.
 * @param pages by key, to replace or (null) to delete
 * @returns the file with the pages as they were: a JSON object a line, bytes in Base64, null where there was none
 * @throws TidemarkError "history-corrupt", "disk-full"; nothing is changed then
 */
export function repairPages(directory: string, pages: ReadonlyMap<number, Uint8Array | null>): string {
  const db = Database.open(directory);
  try {
    const file = keepPages(directory, db, [...pages.keys()]);
    const insert = db.prepare("INSERT OR REPLACE INTO page VALUES(?, ?)");
    const remove = db.prepare("DELETE FROM page WHERE key=?");
    db.begin();
    for (const [key, bytes] of pages) {
      db.guarded(() => void (bytes === null ? remove.run(key) : insert.run(key, bytes)));
    }
    db.commit();
    return file;
  } finally {
    db.close();
  }
}

/** What the pages are now, durable. */
function keepPages(directory: string, db: Database, keys: readonly number[]): string {
  let number = 1;
  const nameOf = (): string => join(directory, `history.repaired-${number}.ndjson`);
  while (existsSync(nameOf())) number++;
  const path = nameOf();
  const find = db.prepare("SELECT bytes FROM page WHERE key=?");
  db.guarded(() => {
    const file = openSync(path, "wx", 0o600);
    try {
      for (const key of keys) {
        const bytes = find.get(key)?.bytes;
        const place = { key, series: seriesOf(key), level: levelOf(key), page: pageOf(key) };
        const old = bytes instanceof Uint8Array ? Buffer.from(bytes).toString("base64") : null;
        writeSync(file, `${JSON.stringify({ ...place, bytes: old })}\n`);
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  });
  return path;
}
