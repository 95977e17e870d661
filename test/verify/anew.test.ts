/** Rows that are no pages come back right where the log holds all that was taken in; where something only the history knows they are named, and stay. */
import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { openCore } from "../../src/app.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { Totals } from "../../src/pipeline/totals.ts";
import { Database } from "../../src/store/database.ts";
import { replaceByLog } from "../../src/verify/anew.ts";
import { type Answers, answersOf, differing } from "../flips/answers.ts";
import { Seeded } from "../oracle/seeded.ts";
import { folder, makeDirectory, NOW, settingsOf, verified } from "./made.ts";
import { plantFlip } from "./planted.ts";

/** A clock that is set while readings are held back by it has them released: which are depends on the moment. */
const SEEDS = [1, 6, 10, 12, 8, 9];
/** Flips of each table. */
const FLIPS = 3;

const place = folder();
const healthy = join(place.path, "healthy");
const damaged = join(place.path, "damaged");
let seed = 0;
let right: Answers = new Map();
before(async () => {
  for (seed of SEEDS) {
    rmSync(healthy, { recursive: true, force: true });
    await makeDirectory(healthy, { seed, readings: 600 });
    if (totalsOf(healthy).every(({ released }) => released === 0)) break;
  }
  right = await answers(healthy);
});
after(() => place.remove());

function totalsOf(directory: string): Totals[] {
  const db = new DatabaseSync(join(directory, "history.db"), { readOnly: true });
  const rows = db.prepare("SELECT totals FROM sensor WHERE totals IS NOT NULL").all();
  db.close();
  return rows.map(({ totals }) => Totals.decode(totals as Uint8Array));
}

/** Of a copy, as opening it may change it. */
async function answers(directory: string): Promise<Answers> {
  const copy = join(place.path, "asked");
  rmSync(copy, { recursive: true, force: true });
  cpSync(directory, copy, { recursive: true });
  const core = await openCore(settingsOf(copy), new ManualClock(NOW));
  try {
    return answersOf(core, { size: "small", log: "embedded", ending: "closed", seed });
  } finally {
    await core.close();
  }
}

/** A copy of the healthy directory with damage that its own sums know: as a bug would do it. */
function plant(change: (db: DatabaseSync) => void): void {
  rmSync(damaged, { recursive: true, force: true });
  cpSync(healthy, damaged, { recursive: true });
  const db = new DatabaseSync(join(damaged, "history.db"));
  change(db);
  db.close();
  rmSync(join(damaged, "history.sums"));
}

/** Repairs what is found. @returns why it could not be; null: it could */
async function repair(): Promise<string | null> {
  const { differences, unrepaired, obstacle } = await verified(damaged, undefined, ({ isAnew }, scratch) => {
    if (isAnew) replaceByLog(damaged, scratch);
  });
  assert.ok(differences > 0, `seed ${seed}: nothing is found`);
  assert.equal(unrepaired > 0, obstacle !== null);
  return obstacle;
}

async function assertRight(what: string): Promise<void> {
  assert.deepEqual((await verified(damaged)).found, [], `seed ${seed}: ${what}`);
  assert.deepEqual(differing(right, await answers(damaged)), [], `seed ${seed}: ${what}`);
}

/** Of each table the columns that say which readings were taken in, or that are numbers of their own: these are in tests below, or found by nothing. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  sensor: ["id", "name", "totals"],
  position: ["topic", "partition", "topic_id", "next"],
  front: [],
  device: [],
  device_series: [],
  boot: [],
  seen: [],
  seen_pair: [],
  seen_id: [],
  revision: [],
  revision_note: [],
  quarantine: ["id", "clock_offset"],
  rejection: ["id", "arrival", "is_alone"],
};

describe("what is planted in a table is repaired", () => {
  for (const [table, untold] of Object.entries(COLUMNS)) {
    if (table === "sensor") continue;
    test(table, async (t) => {
      const random = new Seeded(seed);
      let planted = 0;
      for (let tries = 0; planted < FLIPS && tries < 10 * FLIPS; tries++) {
        let what: string | null = null;
        plant(() => {});
        what = plantFlip(damaged, table, random, untold);
        if (what === null) continue;
        planted++;
        assert.equal(await repair(), null, `seed ${seed}: ${what}`);
        await assertRight(what);
      }
      t.diagnostic(`seed ${seed}: ${planted} flips`);
      assert.equal(planted, FLIPS);
    });
  }

  for (const field of ["received", "counted", "quarantined", "rejected", "late", "lastValue"] as const) {
    for (const step of [1, -1]) {
      test(`total "${field}", ${step}`, async () => {
        plant((db) => {
          const { id, totals } = db.prepare("SELECT id, totals FROM sensor WHERE totals IS NOT NULL").get() ?? {};
          const changed = Totals.decode(totals as Uint8Array);
          changed[field] += step;
          db.prepare("UPDATE sensor SET totals=? WHERE id=?").run(changed.encode(), Number(id));
        });
        assert.equal(await repair(), null);
        await assertRight(field);
      });
    }
  }

  test("a position that is behind", async () => {
    plant((db) => db.prepare("UPDATE position SET next=next-20").run());
    assert.equal(await repair(), null);
    // What the history then lacks it reads from the log again.
    assert.deepEqual((await verified(damaged)).found, []);
    assert.deepEqual(differing(right, await answers(damaged)), []);
  });

  test("a device that is gone with all that was seen of it, and pages beside it", async () => {
    plant((db) => {
      const { id } = db.prepare("SELECT id FROM device ORDER BY id LIMIT 1 OFFSET 3").get() ?? {};
      db.prepare("DELETE FROM seen WHERE boot IN (SELECT id FROM boot WHERE device=?)").run(Number(id));
      db.prepare("DELETE FROM boot WHERE device=?").run(Number(id));
      db.prepare("DELETE FROM device WHERE id=?").run(Number(id));
      db.prepare("DELETE FROM page WHERE key IN (SELECT key FROM page LIMIT 3)").run();
    });
    assert.equal(await repair(), null);
    await assertRight("a device");
  });
});

test("whoever ends in the middle of it leaves the history as it was, or repaired", async (t) => {
  plant((db) => db.prepare("UPDATE front SET newest=newest+1").run());
  const { found: before } = await verified(damaged);
  const copies = [join(place.path, "not-committed"), join(place.path, "committed")];
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  const commit = Database.prototype.commit;
  // What a kill leaves is the files as they are at that moment.
  t.mock.method(Database.prototype, "commit", function (this: Database) {
    if (this.file.startsWith(damaged)) cpSync(damaged, copies[0], { recursive: true });
    commit.call(this);
    if (this.file.startsWith(damaged)) cpSync(damaged, copies[1], { recursive: true });
  });
  assert.equal(await repair(), null);
  t.mock.restoreAll();
  for (const [copy, expected] of [
    [copies[0], before],
    [copies[1], []],
    [damaged, []],
  ] as const) {
    // Opened and closed as by the next start.
    Database.open(copy).close();
    assert.deepEqual((await verified(copy)).found, expected);
  }
  const kept = new DatabaseSync(join(damaged, "history.repaired-1.db"), { readOnly: true });
  const [row] = kept.prepare("PRAGMA integrity_check").all();
  kept.close();
  assert.deepEqual({ ...row }, { integrity_check: "ok" });
});

describe("what only the history knows is not given up", () => {
  for (const [name, change, obstacle] of [
    [
      "a topic that is another one",
      "UPDATE position SET topic_id='00000000-0000-4000-8000-000000000000'",
      /^the log has another topic/,
    ],
    [
      "a position past the end of the log",
      "UPDATE position SET next=next+5",
      /^the log holds ".+" partition 0 up to offset \d+ only/,
    ],
    ["a sensor of another name", "UPDATE sensor SET name='attic' WHERE id=1", /^the history has no sensor/],
  ] as const) {
    test(name, async () => {
      plant((db) => db.exec(change));
      assert.match(String(await repair()), obstacle);
    });
  }

  test("readings that were released", async () => {
    plant((db) => {
      const { id, totals } = db.prepare("SELECT id, totals FROM sensor WHERE totals IS NOT NULL").get() ?? {};
      const changed = Totals.decode(totals as Uint8Array);
      changed.released++;
      db.prepare("UPDATE sensor SET totals=? WHERE id=?").run(changed.encode(), Number(id));
    });
    assert.match(String(await repair()), /were released, which the log does not know$/);
  });

  test("readings of which the log does not have any more", async () => {
    // A difference that is found without the log.
    plant((db) => db.prepare("UPDATE device SET sensor=9999 WHERE id=(SELECT max(id) FROM device)").run());
    const log = new DatabaseSync(join(damaged, "log.db"));
    log.exec("DELETE FROM batch WHERE base = (SELECT min(base) FROM batch b WHERE b.topic = batch.topic)");
    log.exec("UPDATE topic SET first = (SELECT min(base) FROM batch WHERE topic = number)");
    log.close();
    const { obstacle, isAnew } = await verified(damaged);
    assert.equal(isAnew, false);
    assert.match(String(obstacle), /^the log holds ".+" partition 0 from offset \d+ on only$/);
  });
});
