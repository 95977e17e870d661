/** Explicit ids in a real file: seen once per sensor whatever the sensor's number, through a failed commit and a restart, inside shared look-ups. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ExplicitIds } from "../../src/identity/explicit-ids.ts";
import { Database } from "../../src/store/database.ts";

/** The one of readings that are held back, small ones, and numbers that are surrogates or two UTF-16 units as characters. */
const SENSORS = [0, 1, 255, 300, 0xd800, 0xdfff, 70_000];
/** More than a statement takes, and no whole number of statements. */
const IDS = Array.from({ length: 37 }, (_, i) => `pump-${i} ü`);

function write(db: Database, ids: ExplicitIds): void {
  db.begin();
  for (const _ of ids.write()) {
    // one id written
  }
}

test("an id counts once for each sensor, also after a rollback and a restart", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-ids-"));
  try {
    const db = Database.open(directory);
    const ids = new ExplicitIds(db);
    for (const sensor of SENSORS) for (const id of IDS) assert.equal(ids.mark(sensor, id), true);
    assert.equal(ids.waiting, SENSORS.length * IDS.length);
    write(db, ids);
    db.rollback();
    assert.equal(ids.mark(SENSORS[1], IDS[1]), false);
    write(db, ids);
    db.commit();
    ids.committed();
    assert.equal(ids.waiting, 0);
    db.close();

    const again = Database.open(directory);
    const found = new ExplicitIds(again);
    again.startReading();
    for (const sensor of SENSORS) {
      for (const id of IDS) assert.equal(found.mark(sensor, id), false, `${sensor} ${id}`);
      assert.equal(found.has(sensor, "another"), false);
    }
    assert.equal(found.has(2, IDS[0]), false);
    again.endReading();

    // The look-ups' transaction is over: a writer's can begin, and look-ups inside of it share that one.
    again.begin();
    again.startReading();
    for (const id of IDS) assert.equal(found.has(SENSORS[0], id), true);
    again.endReading();
    again.commit();
    again.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
