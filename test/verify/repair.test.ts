/** What can be made anew is, byte for byte as it was, and nothing else is touched. */
import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { levelOf } from "../../src/rollups/levels.ts";
import { Database } from "../../src/store/database.ts";
import { repairPages } from "../../src/verify/repair.ts";
import { Seeded } from "../oracle/seeded.ts";
import { folder, makeDirectory, verified } from "./made.ts";

const SEED = 8;

const place = folder();
const healthy = join(place.path, "healthy");
const damaged = join(place.path, "damaged");
before(() => makeDirectory(healthy, { seed: SEED, readings: 900 }));
after(() => place.remove());

function pagesOf(directory: string): Map<number, string> {
  const db = new DatabaseSync(join(directory, "history.db"));
  const rows = db.prepare("SELECT key, bytes FROM page ORDER BY key").all();
  db.close();
  return new Map(rows.map(({ key, bytes }) => [Number(key), Buffer.from(bytes as Uint8Array).toString("base64")]));
}

/** A copy of the healthy directory with damage that its own sums know: as a bug would do it. */
function damage(change: (db: Database) => void): void {
  cpSync(healthy, damaged, { recursive: true });
  const db = Database.open(damaged);
  change(db);
  db.close();
}

test("pages of every level that are damaged, gone or too many come back as they were", async () => {
  const random = new Seeded(SEED);
  const whole = pagesOf(healthy);
  const hit = new Set<number>();
  for (let level = 0; level <= 5; level++) {
    hit.add(random.pick([...whole.keys()].filter((key) => levelOf(key) === level)));
  }
  const gone = random.pick([...whole.keys()].filter((key) => levelOf(key) === 0 && !hit.has(key)));
  const extra = Math.max(...[...whole.keys()].filter((key) => levelOf(key) === 2)) + 7;
  damage((db) => {
    for (const key of hit) {
      const bytes = Buffer.from(whole.get(key) ?? "", "base64");
      bytes[random.int(0, bytes.length - 1)] ^= 1 << random.int(0, 7);
      db.prepare("UPDATE page SET bytes=? WHERE key=?").run(bytes, key);
    }
    db.prepare("DELETE FROM page WHERE key=?").run(gone);
    db.prepare("INSERT INTO page SELECT ?, bytes FROM page WHERE key=?").run(extra, gone + 0);
    db.prepare("INSERT OR REPLACE INTO page VALUES(?, ?)").run(extra, Buffer.from(whole.get(gone) ?? "", "base64"));
  });
  const broken = pagesOf(damaged);
  const { differences, repairs, unrepaired } = await verified(damaged);
  assert.ok(differences >= hit.size + 2);
  assert.equal(unrepaired, 0);
  const file = repairPages(damaged, repairs);
  const { found } = await verified(damaged);
  assert.deepEqual(found, [], `seed ${SEED}`);
  const repaired = pagesOf(damaged);
  // Which readings of a page came late is not in the log: the others are as they were to the last byte.
  for (const [key, bytes] of whole)
    if (levelOf(key) > 0 || !hit.has(key)) assert.equal(repaired.has(key), true, `${key} ${bytes.length}`);
  assert.deepEqual([...repaired.keys()], [...whole.keys()]);
  const kept = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  for (const { key, bytes } of kept) assert.equal(bytes, broken.get(key) ?? null);
  for (const key of [...hit, gone, extra])
    assert.ok(
      kept.some((row) => row.key === key),
      `${key} is not kept`,
    );
});

test("a history whose log is gone: pages above the seconds are merged anew, a page of seconds is named and stays", async () => {
  const whole = pagesOf(healthy);
  const ofLevel = (level: number): number[] => [...whole.keys()].filter((key) => levelOf(key) === level);
  const [second, hour] = [ofLevel(0)[0], ofLevel(2).at(-1) ?? 0];
  damage((db) => {
    for (const key of [second, hour]) {
      const bytes = Buffer.from(whole.get(key) ?? "", "base64");
      bytes[2] ^= 1;
      db.prepare("UPDATE page SET bytes=? WHERE key=?").run(bytes, key);
    }
  });
  const { found, repairs, proofs } = await verified(damaged, () => null);
  assert.ok(proofs.every(({ exactFrom }) => exactFrom === Number.POSITIVE_INFINITY));
  assert.deepEqual(
    found.map(({ proof }) => proof),
    ["checksum", "checksum"],
  );
  assert.equal(repairs.has(second), false);
  repairPages(damaged, repairs);
  const repaired = pagesOf(damaged);
  assert.deepEqual(
    (await verified(damaged, () => null)).found.map(({ what }) => what),
    [found[0].what],
  );
  assert.equal(repaired.get(hour), whole.get(hour));
});
