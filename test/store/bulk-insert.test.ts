/** Rows inserted many at a time: all of them, in any number, and none of a transaction that failed. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BulkInsert } from "../../src/store/bulk-insert.ts";
import { Database } from "../../src/store/database.ts";

test("every row is inserted once, whatever their number, and what a failed transaction left over is forgotten", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-bulk-"));
  try {
    const db = Database.open(directory);
    db.declare("CREATE TABLE numbered(id INTEGER PRIMARY KEY, bytes BLOB)");
    const insert = new BulkInsert(db, "numbered", 2);
    let id = 0;
    for (const rows of [0, 1, 15, 16, 17, 48, 100]) {
      for (const isLost of [true, false]) {
        db.begin();
        insert.begin();
        for (let row = 0; row < rows; row++) insert.add(id + row + 1, Uint8Array.of(row));
        if (isLost) db.rollback();
        else {
          insert.flush();
          db.commit();
        }
      }
      id += rows;
    }
    const found = db.prepare("SELECT count(*) AS n, max(id) AS last, sum(length(bytes)) AS bytes FROM numbered").get();
    assert.deepEqual({ ...found }, { n: id, last: id, bytes: id });
    db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
