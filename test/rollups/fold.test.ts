/** Readings folded as columns, in any cut, order and mixture with questions and commits, give the bytes that one after the other gives. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { History } from "../../src/rollups/history.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";
import { Database } from "../../src/store/database.ts";

interface Columns {
  readonly time: Float64Array;
  readonly value: Float64Array;
  readonly late: Uint8Array;
}

function runOf({ time, value, late }: Columns): ReadingRun {
  return new ReadingRun().set(time, value, late, time.length);
}

type Fold = (history: History, db: Database, series: number, columns: Columns) => void;

function commit(db: Database, history: History): void {
  db.begin();
  for (const _ of history.write()) {
    // one page
  }
  db.commit();
  history.committed();
  assert.equal(history.waitingBytes, 0, "nothing waits after a commit");
}

/** The stored pages of both series after folding each one's columns. */
function pagesOf(all: readonly Columns[], fold: Fold): unknown {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-fold-"));
  try {
    const db = Database.open(directory);
    const history = new History(db, 300_000);
    for (const [series, columns] of all.entries()) fold(history, db, series + 1, columns);
    commit(db, history);
    const pages = db.prepare("SELECT key, hex(bytes) AS bytes FROM page ORDER BY key").all();
    db.close();
    return pages;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What sensors send: each a time (ms after the one before) and a value. */
const KINDS: Record<string, { step: (random: Random) => number; value: (random: Random) => number }> = {
  "one a second": { step: () => 1000, value: (random) => random.integer(0, 100) },
  "one a second, some missing, not on the second": {
    step: (random) => (random.chance(0.02) ? 5000 : 1000) + (random.chance(0.3) ? random.integer(-400, 400) : 0),
    value: (random) => random.integer(-40, 1_100) / random.pick([1, 1, 1, 10]),
  },
  "a thousand a second": { step: () => 1, value: (random) => random.integer(0, 2_000) },
  "some forty a second, out of order": {
    step: (random) => random.integer(-3000, 3050),
    value: (random) => random.pick([random.integer(0, 70), random.next() * 1e6, -random.integer(1, 5) * 1e150]),
  },
  "all over two months": {
    step: (random) => random.integer(-20_000_000, 20_000_000),
    value: (random) => random.integer(0, 1000) / 10,
  },
  "equal times": { step: (random) => (random.chance(0.05) ? 1000 : 0), value: (random) => random.integer(0, 9) },
};

function columnsOf(kind: keyof typeof KINDS, count: number, random: Random): Columns {
  const { step, value } = KINDS[kind];
  const columns = { time: new Float64Array(count), value: new Float64Array(count), late: new Uint8Array(count) };
  let time = 1_700_000_123_000;
  for (let i = 0; i < count; i++) {
    time += step(random);
    // Late by itself, not by place: which of two equal readings came late is not part of the canonical form.
    columns.time[i] = random.chance(0.01) ? time - random.integer(0, 7_200_000) : time;
    columns.value[i] = value(random) + 0;
    columns.late[i] = 0;
  }
  return columns;
}

function cut({ time, value, late }: Columns, from: number, to: number): Columns {
  return { time: time.slice(from, to), value: value.slice(from, to), late: late.slice(from, to) };
}

const oneByOne: Fold = (history, _db, series, { time, value, late }) => {
  for (let i = 0; i < time.length; i++) history.fold(series, time[i], value[i], late[i]);
};

/** Batches of any length, up to all of it; now and then a question or a commit between two of them. */
function inBatches(random: Random): Fold {
  return (history, db, series, columns) => {
    const { length } = columns.time;
    for (let from = 0; from < length; ) {
      const to = Math.min(length, from + Math.ceil(2 ** (random.next() * 14)));
      const batch = cut(columns, from, to);
      history.foldRun(series, runOf(batch));
      if (random.chance(0.3)) {
        const second = Math.floor(random.pick([...batch.time.subarray(0, 50)]) / 1000);
        history.query(series, { start: second - random.integer(0, 4000), end: second + 1 }, ALL_NEEDS);
      }
      if (random.chance(0.2)) commit(db, history);
      from = to;
    }
  };
}

for (const kind of Object.keys(KINDS)) {
  for (const seed of [11, 12]) {
    test(`folded as columns: ${kind}, seed ${seed}`, () => {
      const random = new Random(seed);
      const all = [columnsOf(kind, 20_000, random), columnsOf(kind, 300, random)];
      assert.deepEqual(pagesOf(all, inBatches(random)), pagesOf(all, oneByOne));
    });
  }
}

for (const step of [997, 7, 1]) {
  test(`late readings are late in whichever way they are folded, one each ${step} ms`, () => {
    const random = new Random(step);
    const columns = columnsOf("one a second", 5_000, random);
    for (let i = 0; i < 5_000; i++) {
      columns.time[i] = 1_700_000_000_000 + i * step; // times differ, so that lateness belongs to one reading
      columns.late[i] = random.chance(0.1) ? 1 : 0;
    }
    assert.deepEqual(pagesOf([columns], inBatches(random)), pagesOf([columns], oneByOne));
  });
}

test("readings put off are in every answer and every commit, also while they are being folded", () => {
  const random = new Random(3);
  const count = 150_000;
  const inOrder = columnsOf("one a second", count, random);
  for (let i = 0; i < count; i++) inOrder.time[i] = 1_700_000_000_000 + i * 8000;
  const places = Float64Array.from({ length: count }, (_, i) => random.integer(0, 2 ** 30) * 2 ** 18 + i).sort();
  const order = Array.from(places, (place) => place % 2 ** 18);
  const everything = { start: 1_700_000_000, end: 1_700_000_000 + 8 * count };
  const needs = { sums: false, quantiles: false };
  const scattered: Fold = (history, db, series) => {
    let behind = 0;
    for (let from = 0; from < count; from += 5000) {
      const rows = order.slice(from, from + 5000);
      history.foldRun(
        series,
        runOf({
          time: Float64Array.from(rows, (row) => inOrder.time[row]),
          value: Float64Array.from(rows, (row) => inOrder.value[row]),
          late: new Uint8Array(5000),
        }),
      );
      if (!history.isBehind) continue;
      behind++;
      assert.ok(history.waitingBytes > count * 17);
      const catchUp = history.catchUp();
      for (let slice = 0; slice < 3; slice++) catchUp.next();
      assert.equal(history.query(series, everything, needs).aggregate.count, from + 5000);
      assert.equal(catchUp.next().done, true, "the question has folded the rest");
    }
    assert.ok(behind > 0);
    db.begin();
    history.write().next();
    assert.equal(history.query(series, everything, needs).aggregate.count, count);
    db.rollback();
  };
  const straight: Fold = (history, _db, series, columns) => history.foldRun(series, runOf(columns));
  assert.deepEqual(pagesOf([inOrder], scattered), pagesOf([inOrder], straight));
});

test("two series in turn, and an old page that is opened again and again", () => {
  const random = new Random(4);
  const all = [columnsOf("one a second", 9_000, random), columnsOf("a thousand a second", 9_000, random)];
  const turns: Fold = (history, db, series, columns) => {
    if (series !== 1) return;
    for (let from = 0; from < 9_000; from += 250) {
      for (const [index, other] of [columns, all[1]].entries()) {
        const batch = cut(other, from, from + 250);
        history.foldRun(index + 1, runOf(batch));
      }
      history.fold(1, 1_699_000_000_000 + from, from % 7, 0);
      if (from % 1000 === 0) commit(db, history);
    }
  };
  const expected: Fold = (history, db, series, columns) => {
    oneByOne(history, db, series, columns);
    if (series === 1)
      for (let from = 0; from < 9_000; from += 250) history.fold(1, 1_699_000_000_000 + from, from % 7, 0);
  };
  assert.deepEqual(pagesOf(all, turns), pagesOf(all, expected));
});
