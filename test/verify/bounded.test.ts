/** A history that differs everywhere is told so in bounded memory. */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { levelOf, seriesOf } from "../../src/rollups/levels.ts";
import { Database } from "../../src/store/database.ts";
import type { Difference } from "../../src/verify/differences.ts";
import { SecondsComparison } from "../../src/verify/seconds.ts";
import type { SensorProof } from "../../src/verify/sensor-proof.ts";
import { storedSensors } from "../../src/verify/stored.ts";
import { folder, makeDirectory } from "./made.ts";

const KEPT = 3;

test("past a bound the pages that differ are counted", async () => {
  const place = folder();
  try {
    const [healthy, damaged] = [join(place.path, "healthy"), join(place.path, "damaged")];
    await makeDirectory(healthy, { seed: 5, readings: 300 });
    cpSync(healthy, damaged, { recursive: true });
    const db = new DatabaseSync(join(damaged, "history.db"));
    const keys = db.prepare("SELECT key FROM page").all();
    const own = db
      .prepare("SELECT id FROM sensor")
      .all()
      .map(({ id }) => Number(id));
    const gone = keys.map(({ key }) => Number(key)).filter((key) => levelOf(key) === 0 && own.includes(seriesOf(key)));
    for (const key of gone) db.prepare("DELETE FROM page WHERE key=?").run(key);
    db.close();
    const [stored, expected] = [Database.openSnapshot(damaged), Database.openSnapshot(healthy)];
    const comparison = new SecondsComparison(stored, expected, KEPT);
    const BEGIN = Number.NEGATIVE_INFINITY;
    for (const sensor of storedSensors(expected)) {
      const proof = { sensor, atLeastFrom: BEGIN, exactFrom: BEGIN, withLate: true } as unknown as SensorProof;
      for (const _ of comparison.compare(proof)) {
        // a page at a time
      }
    }
    const told: Difference[] = [];
    const repairs = comparison.finish((difference) => told.push(difference));
    stored.close();
    expected.close();
    assert.equal(repairs.size, KEPT);
    const more = told.flatMap(({ stored: text }) => /^(\d+) more pages/.exec(text)?.[1] ?? []).map(Number);
    assert.equal(
      more.reduce((sum, count) => sum + count, 0),
      gone.length - KEPT,
    );
  } finally {
    place.remove();
  }
});
