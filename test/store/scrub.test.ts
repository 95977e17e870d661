/** A page that is damaged while tidemark runs: it is found and named, in the history and in the local log. */
import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { type CoreSettings, openCore } from "../../src/app.ts";
import { ManualClock, systemClock } from "../../src/core/clock.ts";
import type { TidemarkError } from "../../src/core/errors.ts";
import type { NoticeKind } from "../../src/core/notice.ts";
import { Random } from "../../src/core/random.ts";
import { IdleScrub } from "../../src/pipeline/idle-scrub.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";
import { ReplayLog } from "../simulation/replay-log.ts";

const SEED = 41;
const PAGE = 8192;

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-scrub-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Flips a bit in place: the file stays the one that is open. */
function flip(path: string, at: number): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(file, byte, 0, 1, at);
  byte[0] ^= 4;
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

test("a bit that turns in a history that is open is named by its page within a pass, and no other is", async (t) => {
  const db = Database.open(newDirectory(t));
  db.declare("CREATE TABLE page(key INTEGER PRIMARY KEY, bytes BLOB)");
  const checkpointer = new Checkpointer(db.file, undefined, db.pagesFile);
  const random = new Random(SEED);
  const insert = db.prepare("INSERT OR REPLACE INTO page VALUES(?, ?)");
  const commit = async (rows: number) => {
    db.begin();
    for (let i = 0; i < rows; i++) insert.run(random.integer(0, 5000), new Uint8Array(random.integer(1, 9000)).fill(i));
    db.commit();
    assert.equal(await checkpointer.sync(), true);
    assert.equal(checkpointer.error, null);
  };
  /** Small commits go on meanwhile, and now and then are moved into the database. */
  const pass = async () => {
    const until = checkpointer.scrub.passes + 2;
    while (checkpointer.scrub.passes < until) await commit(20);
  };
  await commit(4000);
  await pass();
  const pages = statSync(db.file).size / PAGE;
  assert.ok(checkpointer.scrub.compared > pages / 2, `${checkpointer.scrub.compared} of ${pages}`);
  assert.deepEqual(checkpointer.scrub.damaged, []);

  // A page of which the write-ahead log has a newer one is not compared.
  for (let tries = 0; tries < 20 && checkpointer.scrub.damaged.length === 0; tries++) {
    flip(db.file, random.integer(PAGE, statSync(db.file).size - 1));
    const until = checkpointer.scrub.passes + 2;
    while (checkpointer.scrub.passes < until) assert.equal(await checkpointer.sync(), true);
  }
  assert.equal(checkpointer.scrub.damaged.length, 1, `seed ${SEED}`);
  await checkpointer.close();
  db.close();
});

test("a first page that is overwritten right after the start is named by the thread that syncs, and tried again", async (t) => {
  const db = Database.open(newDirectory(t));
  db.declare("CREATE TABLE page(key INTEGER PRIMARY KEY, bytes BLOB)");
  db.close();
  const opened = Database.open(dirname(db.file));
  const whole = readFileSync(db.file).subarray(0, PAGE);
  const put = (bytes: Uint8Array): void => {
    const file = openSync(db.file, "r+");
    writeSync(file, bytes, 0, PAGE, 0);
    closeSync(file);
  };
  put(new Uint8Array(PAGE).fill(7));
  const checkpointer = new Checkpointer(db.file, undefined, opened.pagesFile);
  assert.equal(await checkpointer.sync(), false);
  assert.match(checkpointer.damage ?? "", /^Cannot open the history to sync it: file is not a database/);
  put(whole);
  assert.equal(await checkpointer.sync(), true);
  assert.equal(checkpointer.damage, null);
  await checkpointer.close();
  opened.close();
});

test("a history that nothing comes to is read as well, some pages each ten seconds", async (t) => {
  const db = Database.open(newDirectory(t));
  db.declare("CREATE TABLE page(key INTEGER PRIMARY KEY, bytes BLOB)");
  const checkpointer = new Checkpointer(db.file, undefined, db.pagesFile);
  db.begin();
  for (let i = 0; i < 400; i++) db.prepare("INSERT INTO page VALUES(?, ?)").run(i, new Uint8Array(8000).fill(i));
  db.commit();
  assert.equal(await checkpointer.sync(), true);
  await checkpointer.close();
  db.close();
  const idle = Database.open(dirname(db.file));
  const compared = new Checkpointer(idle.file, undefined, idle.pagesFile);
  const clock = new ManualClock(0);
  const log = new ReplayLog([]);
  const scrub = new IdleScrub({ log, checkpointer: compared, clock });
  const seconds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      clock.advance(1000);
      await scrub.tick();
    }
  };
  await seconds(9);
  assert.equal(compared.scrub.compared, 0);
  await seconds(1);
  assert.equal(compared.scrub.compared, 1_048_576 / PAGE);
  const { size } = statSync(idle.file);
  flip(idle.file, size - 100);
  await seconds(10 * Math.ceil(size / 1_048_576));
  assert.deepEqual(compared.scrub.damaged, [size / PAGE]);
  assert.equal(compared.scrub.passes, 1);
  await compared.close();
  idle.close();
});

for (const [name, code] of [
  ["history.db", "history-corrupt"],
  ["log.db", "log-corrupt"],
] as const) {
  test(`the operator is told once that a page of ${name} is damaged, and what is asked says so`, async (t) => {
    const directory = newDirectory(t);
    const told: [NoticeKind, string][] = [];
    const damaged = Promise.withResolvers<void>();
    const settings: CoreSettings = {
      data: directory,
      log: { kind: "local" },
      sensors: null,
      topics: null,
      createTopics: true,
      timezone: "UTC",
      keepMs: null,
      logRetentionBytes: 1e9,
      clockAheadMs: 1000,
    };
    const open = () =>
      openCore(settings, systemClock, (text, kind) => {
        told.push([kind, text]);
        if (kind === "damaged") damaged.resolve();
      });
    const made = await open();
    await made.engine.admit("temperature");
    const records = Array.from({ length: 3000 }, (_, i) => ({ value: new TextEncoder().encode(`${i}.5`) }));
    await made.log.append("temperature", records);
    await made.close();
    const { engine, close } = await open();
    assert.equal(engine.notices.length, 0);
    const found = (): TidemarkError | null => engine.damage;
    const path = join(directory, name);
    // The last page: nothing that is committed below rewrites it.
    const { size } = statSync(path);
    flip(path, size - 100);
    await engine.releaseQuarantine([]);
    await damaged.promise;
    assert.equal(found()?.code, code);
    const page = size / (name === "log.db" ? 4096 : PAGE);
    assert.match(found()?.message ?? "", new RegExp(`^page ${page} of .*${name} is not what was written`));
    assert.ok(engine.notices.includes(found()?.message ?? ""));
    const { historyScrub, logScrub } = engine.counters;
    assert.deepEqual((name === "log.db" ? logScrub : historyScrub)?.damaged, [page]);
    await engine.releaseQuarantine([]);
    await close();
    assert.equal(told.filter(([kind]) => kind === "damaged").length, 1);
  });
}
