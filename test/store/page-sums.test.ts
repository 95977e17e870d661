/** A history whose files were changed while nobody looked: it is found as it was, put right with a notice, or refused by name; never taken as it is. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";

const SEED = 29;

/** Bytes of a page of the history, and of it in a write-ahead log. */
const PAGE = 8192;

// In memory where there is such a place: thousands of syncs, of which none is the point.
const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-sums-"));
after(() => rmSync(root, { recursive: true }));

/** What is in a history; "as it was" is the state after each of its commits. */
type State = string;

interface Made {
  readonly directory: string;
  /** After each commit, oldest first. */
  readonly states: readonly State[];
}

function stateOf(db: Database): State {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'page'").get() === undefined) return "no table";
  return JSON.stringify(db.prepare("SELECT key, hex(bytes) AS bytes FROM page ORDER BY key").all());
}

/** A history of some commits, each synced. @param moveAt after how many its write-ahead log was moved into the database, but for the last of them, as a reader holds it */
async function makeHistory(
  name: string,
  { commits, moveAt = 0, closed }: { commits: number; moveAt?: number; closed: boolean },
): Promise<Made> {
  const work = join(root, `${name}-work`);
  const directory = join(root, name);
  const random = new Random(SEED);
  const db = Database.open(work);
  const states = [stateOf(db)];
  db.declare("CREATE TABLE page(key INTEGER PRIMARY KEY, bytes BLOB)");
  states.push(stateOf(db));
  const checkpointer = new Checkpointer(db.file);
  const reader = new DatabaseSync(db.file, { readOnly: true });
  const insert = db.prepare("INSERT OR REPLACE INTO page VALUES(?, ?)");
  // A commit of 1,100 pages is moved at once.
  for (let i = 1; i <= commits; i++) {
    if (i === moveAt) reader.exec("BEGIN; SELECT count(*) FROM page");
    db.begin();
    const rows = i === moveAt ? 6500 : 8;
    for (let row = 0; row < rows; row++) {
      insert.run(random.integer(0, 400) + (rows > 8 ? row * 10 : 0), new Uint8Array(random.integer(1, 3000)).fill(i));
    }
    db.commit();
    states.push(stateOf(db));
    assert.equal(await checkpointer.sync(), true);
  }
  if (!closed) cpSync(work, directory, { recursive: true });
  reader.close();
  await checkpointer.close();
  db.close();
  if (closed) cpSync(work, directory, { recursive: true });
  rmSync(work, { recursive: true });
  return { directory, states };
}

type Outcome = "right" | "repaired" | "went back" | "named";

/** Alters a copy and opens it. */
function outcomeOf({ directory, states }: Made, alter: (copy: string) => void): Outcome {
  const copy = `${directory}-altered`;
  cpSync(directory, copy, { recursive: true });
  rmSync(join(copy, "history.db-shm"), { force: true });
  try {
    alter(copy);
    const db = Database.open(copy);
    try {
      const state = stateOf(db);
      if (state === states.at(-1)) return db.notices.length > 0 ? "repaired" : "right";
      assert.ok(states.includes(state), "a state that never was");
      assert.match(db.notices.join(), /at an earlier commit/);
      return "went back";
    } finally {
      db.close();
      // What was done is done for good.
      const again = Database.open(copy);
      assert.deepEqual(again.notices, []);
      again.close();
    }
  } catch (error) {
    assert.ok(error instanceof TidemarkError && error.code === "history-corrupt", String(error));
    return "named";
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function flip(path: string, at: number, bit: number): void {
  const bytes = readFileSync(path);
  bytes[at] ^= 1 << bit;
  writeFileSync(path, bytes);
}

/** Flips a bit of some places of each file. @returns how often it ended how, by file */
function flipAll(made: Made, step: number): Record<string, Partial<Record<Outcome, number>>> {
  const random = new Random(SEED);
  const counts: Record<string, Partial<Record<Outcome, number>>> = {};
  for (const file of readdirSync(made.directory).filter((name) => !name.endsWith("-shm"))) {
    const ends: Partial<Record<Outcome, number>> = (counts[file] = {});
    const { size } = statSync(join(made.directory, file));
    for (let at = 0; at < size; at += 1 + random.integer(0, 2 * step)) {
      const outcome = outcomeOf(made, (copy) => flip(join(copy, file), at, random.integer(0, 7)));
      ends[outcome] = (ends[outcome] ?? 0) + 1;
    }
  }
  return counts;
}

describe("one bit flipped", () => {
  test("of a history that was moved in part: what cannot be put together is named", async (t) => {
    const made = await makeHistory("moved", { commits: 12, moveAt: 8, closed: false });
    const counts = flipAll(made, 1_200_000);
    t.diagnostic(`seed ${SEED}: ${JSON.stringify(counts)}`);
    for (const ends of Object.values(counts)) assert.equal(ends["went back"], undefined);
  });
});

describe("whole pages", () => {
  test("zeroed, swapped, cut off, a file that is gone", async () => {
    const made = await makeHistory("pages", { commits: 12, closed: true });
    const random = new Random(SEED);
    const file = (copy: string) => join(copy, "history.db");
    const { size } = statSync(file(made.directory));
    for (let page = 0; page < size / PAGE; page++) {
      const zero = outcomeOf(made, (copy) => {
        const bytes = readFileSync(file(copy));
        writeFileSync(file(copy), bytes.fill(0, page * PAGE, (page + 1) * PAGE));
      });
      assert.equal(zero, "named");
    }
    for (let i = 0; i < 20; i++) {
      const [one, other] = [random.integer(0, size / PAGE - 1), random.integer(0, size / PAGE - 1)];
      const swapped = outcomeOf(made, (copy) => {
        const bytes = readFileSync(file(copy));
        const kept = Uint8Array.from(bytes.subarray(one * PAGE, (one + 1) * PAGE));
        bytes.copyWithin(one * PAGE, other * PAGE, (other + 1) * PAGE);
        bytes.set(kept, other * PAGE);
        writeFileSync(file(copy), bytes);
      });
      assert.equal(swapped, one === other ? "right" : "named");
      const cut = random.integer(0, size - 1);
      assert.equal(
        outcomeOf(made, (copy) => truncateSync(file(copy), cut)),
        "named",
      );
      const cutSums = random.integer(0, 8192);
      assert.match(
        outcomeOf(made, (copy) => truncateSync(join(copy, "history.sums"), cutSums)),
        /right|repaired/,
      );
    }
    assert.equal(
      outcomeOf(made, (copy) => rmSync(file(copy))),
      "named",
    );
    assert.equal(
      outcomeOf(made, (copy) => rmSync(join(copy, "history.sums"))),
      "right",
    );
  });

  test("a write-ahead log cut anywhere, or gone, goes back in so many words", async () => {
    const made = await makeHistory("cut", { commits: 12, closed: false });
    const wal = (copy: string) => join(copy, "history.db-wal");
    const { size } = statSync(wal(made.directory));
    const random = new Random(SEED);
    for (let i = 0; i < 40; i++) {
      const length = random.integer(0, size - 1);
      assert.equal(
        outcomeOf(made, (copy) => truncateSync(wal(copy), length)),
        "went back",
        `${length} of ${size}`,
      );
    }
    assert.equal(
      outcomeOf(made, (copy) => rmSync(wal(copy))),
      "went back",
    );
    assert.equal(
      outcomeOf(made, () => {}),
      "right",
    );
  });
});

test("a database that is gone, or empty, while all its pages stand in the write-ahead log is put back", async () => {
  const made = await makeHistory("all-in-wal", { commits: 12, closed: false });
  for (const take of [rmSync, truncateSync] as const) {
    assert.equal(
      outcomeOf(made, (copy) => take(join(copy, "history.db"))),
      "repaired",
    );
  }
});

test("what the sqlite3 shell moves into the database raises no alarm", async () => {
  for (const moveAt of [0, 8]) {
    const made = await makeHistory(`shell-${moveAt}`, { commits: 12, moveAt, closed: false });
    const outcome = outcomeOf(made, (copy) => {
      const shell = new DatabaseSync(join(copy, "history.db"));
      assert.ok(Number(shell.prepare("SELECT count(*) AS n FROM page").get()?.["n"]) > 0);
      shell.close();
      assert.deepEqual(readdirSync(copy).sort(), ["history.db", "history.sums"]);
    });
    assert.equal(outcome, "right");
  }
});
