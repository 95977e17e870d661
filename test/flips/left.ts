/** What is left of damage once a database was looked at, before it is opened: two flips of which the same is left go on alike. */
import { createHash, type Hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkPages, type PageCheck, sumsPath } from "../../src/store/page-check.ts";
import { SumsFile } from "../../src/store/sums-file.ts";
import { WalFile } from "../../src/store/wal-file.ts";

/** @param file of the damaged directory @returns null: it is of a file that is not looked at, or of a database that SQLite does not read */
export function leftOf(directory: string, file: string): string | null {
  const [name] = file.split(".");
  if (file.endsWith(".ends") || file.endsWith(".corrections") || (name !== "history" && name !== "log")) return null;
  const path = join(directory, `${name}.db`);
  const hash = createHash("sha1");
  try {
    const check = checkPages(path);
    if (check === null) return null;
    // What is put back, gone back to, or made anew follows from what is found, and from the pages and sums that there are.
    const { found, ...rest } = check;
    hash.update(JSON.stringify(rest));
    for (const [page, bytes] of found) hash.update(`${page}`).update(bytes);
    const goesBack = check.canGoBack && name === "history";
    // A damaged history is set aside as it is; a log is made anew of its whole pages.
    if (check.damaged.length > 0 && !goesBack) {
      if (name === "log") hashWhole(path, check, hash);
    } else {
      hashPages(path, hash);
      hashSums(path, hash);
    }
  } catch {
    return null;
  }
  return `${name} ${hash.digest("hex")}`;
}

/** The pages that are what was written, of the write-ahead log too. */
function hashWhole(path: string, { damaged, walLost }: PageCheck, hash: Hash): void {
  const sums = SumsFile.open(sumsPath(path), false);
  if (sums === null) return;
  const { pageBytes } = sums.head;
  sums.close();
  const bytes = readFileSync(path);
  for (const page of damaged) bytes.subarray((page - 1) * pageBytes, page * pageBytes).fill(0);
  hash.update(bytes);
  if (!walLost) new WalFile(`${path}-wal`, pageBytes).read((page, ofLog) => hash.update(`${page}`).update(ofLog));
}

/** All pages as SQLite reads them, of the write-ahead log too. It leaves both files as they are. */
function hashPages(path: string, hash: Hash): void {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    hash.update(db.serialize());
  } finally {
    db.close();
  }
}

/** As they are believed. */
function hashSums(path: string, hash: Hash): void {
  const sums = SumsFile.open(sumsPath(path), false);
  if (sums === null) return;
  hash.update(JSON.stringify(sums.head));
  for (let page = 1; page <= sums.head.pageCount; page++) hash.update(`${sums.get(page)},`);
  sums.close();
}
