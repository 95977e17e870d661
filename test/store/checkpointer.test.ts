/** A commit that is said to be on disk outlives a power failure: the log cut back to what was synced, torn after it, or moved into the database. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";

const SEED = 11;

interface Open {
  readonly directory: string;
  readonly db: Database;
  readonly checkpointer: Checkpointer;
}

function openHistory(t: TestContext): Open {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-checkpointer-"));
  const db = Database.open(directory);
  db.declare("CREATE TABLE page(key INTEGER PRIMARY KEY, bytes BLOB)");
  const checkpointer = new Checkpointer(db.file);
  t.after(async () => {
    await checkpointer.close();
    db.close();
    rmSync(directory, { recursive: true });
  });
  return { directory, db, checkpointer };
}

function commit(db: Database, key: number, bytes: number): void {
  db.begin();
  db.prepare("INSERT INTO page VALUES(?, ?)").run(key, new Uint8Array(bytes).fill(key));
  db.commit();
}

/** The keys that are found when the files are opened as they are on the disk then. */
function keysAfter(directory: string, alter: (wal: string) => void): number[] {
  const copy = `${directory}-after`;
  cpSync(directory, copy, { recursive: true });
  // Memory shared by connections: gone with the power.
  rmSync(join(copy, "history.db-shm"));
  alter(join(copy, "history.db-wal"));
  const db = Database.open(copy);
  const keys = db
    .prepare("SELECT key FROM page ORDER BY key")
    .all()
    .map((row) => Number(row["key"]));
  db.close();
  rmSync(copy, { recursive: true });
  return keys;
}

test("what is said to be on disk is in the files, whatever becomes of what was written after", async (t) => {
  const { directory, db, checkpointer } = openHistory(t);
  const random = new Random(SEED);
  const wal = join(directory, "history.db-wal");
  const synced: number[] = [];
  for (let key = 1; key <= 24; key += 2) {
    commit(db, key, random.integer(1, 40_000));
    assert.equal(await checkpointer.sync(), true);
    assert.equal(checkpointer.error, null);
    synced.push(key);
    const bytes = statSync(wal).size;
    assert.deepEqual(
      keysAfter(directory, () => {}),
      synced,
    );
    commit(db, key + 1, random.integer(1, 40_000));
    const cut = keysAfter(directory, (path) => truncateSync(path, random.integer(bytes, statSync(path).size - 1)));
    assert.deepEqual(cut, synced);
    const torn = keysAfter(directory, (path) => {
      const content = readFileSync(path);
      content.fill(0xa5, random.integer(bytes, content.length - 1));
      writeFileSync(path, content);
    });
    assert.deepEqual(torn, synced);
    synced.push(key + 1);
  }
});

test("a long log is moved into the database and used again", async (t) => {
  const { directory, db, checkpointer } = openHistory(t);
  const keys: number[] = [];
  for (let key = 1; key <= 60; key++) {
    commit(db, key, 1_000_000);
    keys.push(key);
    assert.equal(await checkpointer.sync(), true);
  }
  assert.ok(statSync(join(directory, "history.db-wal")).size < 16e6);
  assert.ok(statSync(join(directory, "history.db")).size > 44e6);
  assert.deepEqual(
    keysAfter(directory, () => {}),
    keys,
  );
});

test("a log that cannot be opened is synced when it can: nothing was lost", async (t) => {
  const { directory, db, checkpointer } = openHistory(t);
  const wal = join(directory, "history.db-wal");
  commit(db, 1, 100);
  assert.equal(await checkpointer.sync(), true);
  renameSync(wal, `${wal}-away`);
  assert.equal(await checkpointer.sync(), false);
  assert.match(checkpointer.error ?? "", /Cannot open the history to sync it: ENOENT/);
  renameSync(`${wal}-away`, wal);
  assert.equal(await checkpointer.sync(), true);
  assert.equal(checkpointer.error, null);
});

test("closed, it syncs nothing", async (t) => {
  const { checkpointer } = openHistory(t);
  await checkpointer.close();
  assert.equal(await checkpointer.sync(), false);
});
