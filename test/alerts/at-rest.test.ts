/** A bit that turns in the files of the alerts while nothing runs: what they say is as it was, or that it is not is said. */
import assert from "node:assert/strict";
import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import type { Alert } from "../../src/alerts/alert.ts";
import { AlertStore } from "../../src/alerts/alert-store.ts";
import { Seeded } from "../oracle/seeded.ts";

/** Each so manieth byte; 1, by hand, tries all. */
const EACH = Number(process.env["TIDEMARK_FLIP_EACH"] ?? 211);

// In memory where there is such a place: each try syncs, which is not the point.
const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-alerts-"));
after(() => rmSync(root, { recursive: true }));

function alert(n: number): Omit<Alert, "number"> {
  const ended = n % 3 === 0 ? null : 1_750_000_000 + n * 60 + 30;
  const of = { rule: "hot", version: "v1", sensor: n % 2 === 0 ? "temperature" : "humidity", device: null };
  const when = { from: 1_750_000_000 + n * 60, raised: 1_750_000_000 + n * 60, ended, revision: 1, toldMs: 1e12 + n };
  return {
    id: `id-${n}`,
    ...of,
    ...when,
    value: n + 0.25,
    takenBackMs: null,
    replaces: null,
    replacedBy: null,
    reason: null,
  };
}

function fill(store: AlertStore, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    store.write(() => {
      store.put(alert(n));
      store.addDelivery("hook", `event-${n}`, JSON.stringify({ n }));
      store.replaceDirty([{ sensor: "temperature", start: n, end: n + 10 }]);
    });
  }
}

function all(store: AlertStore): unknown {
  const alerts = store.list({ limit: 10_000 });
  return [store.rules(), alerts, store.dirty(), store.waiting("hook"), store.nextDelivery("hook"), store.counts];
}

/** What was said, if anything, and what is answered. */
function opened(directory: string): { readonly said: readonly string[]; readonly answers: unknown } {
  const store = AlertStore.open(directory);
  const found = { said: store.notices, answers: all(store) };
  store.close();
  return found;
}

/** A directory as it stands in the end; part of it is in the write-ahead log where it was killed. */
function made(ending: "closed" | "killed", name: string = ending): string {
  const directory = join(root, name);
  const working = join(root, `${name}-working`);
  mkdirSync(working);
  const store = AlertStore.open(working);
  const rule = { given: '{"sensors":"*"}', isConfigured: false, version: "v1", begin: 0, judged: 60, settled: 0 };
  store.write(() => store.putRule({ name: "hot", ...rule }));
  fill(store, 0, 40);
  if (ending === "killed") {
    store.close();
    const again = AlertStore.open(working);
    fill(again, 40, 44);
    again.syncNow();
    cpSync(working, directory, { recursive: true, filter: (path) => !path.endsWith("-shm") });
    again.close();
  } else {
    store.close();
    cpSync(working, directory, { recursive: true });
  }
  return directory;
}

for (const ending of ["closed", "killed"] as const) {
  test(`flips of each file, ${ending}`, (t) => {
    const directory = made(ending);
    const files = readdirSync(directory).sort();
    const wal = ending === "killed" ? ["alerts.db-wal"] : [];
    assert.deepEqual(files, ["alerts.db", ...wal, "alerts.sums"]);
    const trial = join(root, `${ending}-trial`);
    const attempt = (change: () => void) => {
      rmSync(trial, { recursive: true, force: true });
      cpSync(directory, trial, { recursive: true });
      change();
      return opened(trial);
    };
    const { said, answers } = attempt(() => {});
    assert.deepEqual(said, []);
    const random = new Seeded(7);
    const counts = { right: 0, named: 0 };
    for (const file of files) {
      for (let at = 0; at < statSync(join(directory, file)).size; at += EACH) {
        const place = Math.min(at + random.int(0, EACH - 1), statSync(join(directory, file)).size - 1);
        const bit = random.int(0, 7);
        const what = `${file}, bit ${bit} of byte ${place}`;
        const found = attempt(() => {
          const bytes = readFileSync(join(trial, file));
          bytes[place] ^= 1 << bit;
          writeFileSync(join(trial, file), bytes);
        });
        if (found.said.length === 0) assert.deepEqual(found.answers, answers, what);
        counts[found.said.length === 0 ? "right" : "named"]++;
      }
    }
    t.diagnostic(JSON.stringify(counts));
    assert.ok(counts.named > 0 && counts.right > 0);
  });
}

test("what is damaged is set aside, and all begins anew", () => {
  const directory = made("closed", "damaged");
  const file = join(directory, "alerts.db");
  const bytes = readFileSync(file);
  bytes[bytes.indexOf("id-17")] ^= 2;
  writeFileSync(file, bytes);
  const { said, answers } = opened(directory);
  assert.match(
    said.join(),
    /^page \d+ of \d+ of .*alerts\.db is not what was written; it is set aside as .*alerts\.db\.damaged-1: what alerts found/,
  );
  assert.deepEqual(answers, [[], [], [], 0, null, { kept: 0, on: 0 }]);
  assert.deepEqual(opened(directory).said, []);
});

for (const syncs of ["never", "now and then"] as const) {
  test(`a write-ahead log that grows long is moved, and what it held stays summed: synced ${syncs}`, async () => {
    const directory = join(root, `long-${syncs}`);
    mkdirSync(directory);
    const store = AlertStore.open(directory);
    const moved = join(root, `long-${syncs}-killed`);
    const killed = () => {
      rmSync(moved, { recursive: true, force: true });
      cpSync(directory, moved, { recursive: true, filter: (path) => !path.endsWith("-shm") });
      assert.deepEqual(opened(moved), { said: [], answers: all(store) });
    };
    let [longest, before, moves] = [0, 0, 0];
    for (let n = 0; n < 1200; n++) {
      fill(store, n, n + 1);
      if (syncs !== "never" && n % 20 === 0) await store.sync();
      const { size } = statSync(join(directory, "alerts.db-wal"));
      longest = Math.max(longest, size);
      if (size < before) {
        moves++;
        killed();
      }
      before = size;
    }
    assert.ok(moves > 0);
    assert.ok(longest < 4_100_000, `${longest} bytes`);
    const [, alerts] = all(store) as [unknown, Alert[]];
    assert.equal(alerts.length, 1200);
    killed();
    store.close();
  });
}

test("a long write-ahead log that cannot be synced is not moved, and is when it can", async (t) => {
  const directory = join(root, "unsynced");
  mkdirSync(directory);
  const store = AlertStore.open(directory);
  const wal = join(directory, "alerts.db-wal");
  const { ino } = statSync(wal);
  const { fdatasyncSync } = fs;
  const failing = t.mock.method(fs, "fdatasyncSync", (file: number) => {
    if (fs.fstatSync(file).ino === ino) throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
    fdatasyncSync(file);
  });
  syncBuiltinESMExports();
  const restored = () => {
    failing.mock.restore();
    syncBuiltinESMExports();
  };
  t.after(restored);
  fill(store, 0, 600);
  assert.ok(statSync(wal).size > 4e6);
  await assert.rejects(store.sync(), /Cannot sync the alerts: EIO/);
  assert.ok(statSync(wal).size > 4e6);
  restored();
  await store.sync();
  assert.equal(statSync(wal).size, 0);
  const before = all(store);
  store.close();
  assert.deepEqual(opened(directory), { said: [], answers: before });
});

test("a file of version 1, which has no sums, is taken as it is, and has some from then on", () => {
  const directory = made("closed", "old");
  rmSync(join(directory, "alerts.sums"));
  const db = new DatabaseSync(join(directory, "alerts.db"));
  db.exec("PRAGMA user_version=1");
  db.close();
  const { said, answers } = opened(directory);
  assert.deepEqual(said, []);
  assert.equal((answers as [unknown, Alert[]])[1].length, 40);
  assert.ok(statSync(join(directory, "alerts.sums")).size > 0);
});
