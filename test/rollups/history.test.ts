/** The history against a scan of the raw readings: any order, any window, through commits and reopening. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { squareError } from "../../src/metrics/exact-sum.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import { MEDIAN, shareOf } from "../../src/metrics/share.ts";
import { History } from "../../src/rollups/history.ts";
import { TOP_PAGES_MAX } from "../../src/rollups/levels.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";
import { Database } from "../../src/store/database.ts";

interface Reading {
  time: number;
  value: number;
}

/** A window's aggregate, one reading at a time. */
function scan(readings: readonly Reading[], start: number, end: number): Aggregate {
  const aggregate = new Aggregate(ALL_NEEDS);
  const seconds = new Set<number>();
  for (const { time, value } of readings) {
    const second = Math.floor(time / 1000);
    if (second < start || second >= end) continue;
    seconds.add(second);
    aggregate.count++;
    aggregate.min = Math.min(aggregate.min, value);
    aggregate.max = Math.max(aggregate.max, value);
    aggregate.ends(time, value, time, value);
    aggregate.addSum(value);
    aggregate.addSquares(value * value);
    aggregate.addSquares(squareError(value, value * value));
    aggregate.distribution?.add(value, 1);
  }
  aggregate.seconds = seconds.size;
  return aggregate;
}

function compare(
  history: History,
  series: number,
  readings: readonly Reading[],
  start: number,
  end: number,
  note: string,
): void {
  const expected = scan(readings, start, end);
  const actual = history.query(series, { start, end }, ALL_NEEDS).aggregate;
  for (const name of [...METRICS.map((m) => m.name), "p1", "p90", "p99.9"]) {
    const metric = findMetric(name);
    assert.ok(metric !== undefined);
    assert.equal(
      metric.read(actual, end - start),
      metric.read(expected, end - start),
      `${note} ${name} [${start}, ${end})`,
    );
  }
}

const VALUES: Record<string, (random: Random) => number> = {
  integers: (random) => random.integer(0, 100),
  decimals: (random) => random.integer(-2000, 4000) / 100,
  wide: (random) => (random.next() - 0.5) * 2 ** random.integer(-300, 300),
};

async function commit(db: Database, history: History): Promise<void> {
  db.begin();
  for (const _ of history.write()) {
    // one page written
  }
  db.commit();
  history.committed();
}

for (const [kind, makeValue] of Object.entries(VALUES)) {
  for (const seed of [1, 2]) {
    test(`history equals a scan: ${kind}, seed ${seed}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), "tidemark-history-"));
      try {
        const random = new Random(seed);
        let db = Database.open(directory);
        let history = new History(db, 200_000);
        const readings: Reading[][] = [[], []];
        const now = 1_700_000_000_000;
        for (let round = 0; round < 6; round++) {
          for (let n = 0; n < 1500; n++) {
            const series = random.integer(0, 1);
            const roll = random.next();
            const back =
              roll < 0.4 ? n * 300 : roll < 0.7 ? random.integer(0, 2000) : random.integer(0, 40 * 86_400_000);
            const time = now + round * 3_600_000 - back;
            const value = makeValue(random) + 0;
            history.fold(series, time, value, 0);
            readings[series].push({ time, value });
            if (n % 500 === 250)
              compare(
                history,
                series,
                readings[series],
                Math.floor(time / 1000) - 100,
                Math.floor(time / 1000) + 50,
                "open",
              );
          }
          if (round % 2 === 1) await commit(db, history);
          if (round === 3) {
            db.close();
            db = Database.open(directory);
            history = new History(db, 200_000);
          }
          for (let w = 0; w < 40; w++) {
            const series = random.integer(0, 1);
            const at = Math.floor(random.pick(readings[series]).time / 1000);
            const length = Math.ceil(2 ** (random.next() * 24));
            const align = random.pick([1, 1, 60, 600, 3600, 86_400]);
            const start = Math.floor((at - random.integer(0, length)) / align) * align;
            compare(history, series, readings[series], start, start + Math.ceil(length / align) * align, "window");
          }
        }
        compare(history, 0, readings[0], -62_135_596_800, 253_402_300_799, "all");
        db.close();
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }
}

for (const seed of [1, 2, 3]) {
  test(`windows beside, around and across what changed since the last commit equal a scan, seed ${seed}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-history-"));
    try {
      const random = new Random(seed);
      const db = Database.open(directory);
      const history = new History(db);
      const readings: Reading[][] = [[], []];
      const columns = { time: new Float64Array(1500), value: new Float64Array(1500), late: new Uint8Array(1500) };
      for (let round = 0; round < 30; round++) {
        const series = random.integer(0, 1);
        const from = 1_700_000_000_000 + random.integer(0, 60 * 86_400_000);
        // Short, some hours, or so wide that the readings are put off.
        const width = random.pick([20_000, 5 * 3_600_000, 30 * 86_400_000]);
        for (let i = 0; i < 1500; i++) {
          columns.time[i] = from + random.integer(0, width);
          columns.value[i] = random.integer(0, 3000) / 8;
          readings[series].push({ time: columns.time[i], value: columns.value[i] });
        }
        history.foldRun(series, new ReadingRun().set(columns.time, columns.value, columns.late, 1500));
        const edges = [from, from + width].map((time) => Math.floor(time / 1000));
        for (let w = 0; w < 12; w++) {
          const length = Math.ceil(2 ** (random.next() * 22));
          const align = random.pick([1, 60, 600, 3600, 86_400]);
          const at =
            Math.floor((random.pick(edges) + random.pick([-length, 0]) + random.integer(-2, 2)) / align) * align;
          const of = random.pick([series, 1 - series]);
          compare(history, of, readings[of], at, at + Math.ceil(length / align) * align, `round ${round}`);
        }
        if (random.next() < 0.2) await commit(db, history);
      }
      db.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

test("a question beside what changed merges nothing upwards, one that touches it does, for numbers and for values", async () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-history-"));
  try {
    const db = Database.open(directory);
    const history = new History(db);
    const second = 1_700_000_400; // a page begins
    // Long before, and so many that the series has hours.
    for (let k = 1; k <= TOP_PAGES_MAX + 1; k++) history.fold(3, (second - k * 864_000) * 1000, 1, 0);
    await commit(db, history);
    history.fold(3, second * 1000, 5, 0);
    const folded = history.waitingBytes;
    for (const window of [
      { start: second - 86_400, end: second },
      { start: second + 600, end: second + 86_400 },
    ]) {
      assert.equal(history.query(3, window, ALL_NEEDS).aggregate.count, 0);
      assert.equal(history.waitingBytes, folded);
    }
    const around = { start: second - 86_400, end: second + 1 };
    assert.equal(history.query(3, around, { sums: true, quantiles: false }).aggregate.count, 1);
    const merged = history.waitingBytes;
    assert.ok(merged > folded);
    // Values of hours are read for whole hours only: this one runs.
    assert.equal(history.query(3, around, ALL_NEEDS).aggregate.quantile(MEDIAN), 5);
    assert.equal(history.waitingBytes, merged);
    const whole = { start: second - 86_400, end: (Math.floor(second / 3600) + 1) * 3600 };
    assert.equal(history.query(3, whole, { sums: true, quantiles: false }).aggregate.count, 1);
    assert.equal(history.waitingBytes, merged);
    assert.equal(history.query(3, whole, ALL_NEEDS).aggregate.quantile(MEDIAN), 5);
    assert.ok(history.waitingBytes > merged);
    db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("many readings in one second, past every list and past 2,048 distinct values, in two orders give the same bits", async () => {
  const directories = [1, 2].map(() => mkdtempSync(join(tmpdir(), "tidemark-history-")));
  try {
    const random = new Random(5);
    const readings = Array.from({ length: 9000 }, (_, i) => ({
      time: 1_650_000_000_000 + (i % 3) * 1000 + random.integer(0, 999),
      value: (i % 3 === 0 ? random.integer(0, 900) : random.integer(0, 100_000)) / 8,
    }));
    const answers = await Promise.all(
      directories.map(async (directory, which) => {
        const db = Database.open(directory);
        const history = new History(db);
        for (const { time, value } of which === 0 ? readings : readings.toReversed()) history.fold(7, time, value, 0);
        if (which === 1) await commit(db, history);
        const windows = [0, 1, 2].map((s) => ({ start: 1_650_000_000 + s, end: 1_650_000_001 + s }));
        const results = [...windows, { start: 1_650_000_000, end: 1_650_000_060 }].map((window) => {
          const aggregate = history.query(7, window, ALL_NEEDS).aggregate;
          return [
            ...METRICS.map((m) => m.read(aggregate, 1)),
            aggregate.quantile(shareOf("90")),
            aggregate.distribution?.dropped === 0,
          ];
        });
        if (which === 0) await commit(db, history);
        const pages = db.prepare("SELECT key, hex(bytes) AS bytes FROM page ORDER BY key").all();
        db.close();
        return { results, pages };
      }),
    );
    assert.deepEqual(answers[0].results, answers[1].results);
    assert.deepEqual(answers[0].pages, answers[1].pages, "the stored bytes do not depend on order");
    assert.deepEqual(
      answers[0].results.map((r) => r.at(-1)),
      [true, false, false, false],
    );
  } finally {
    for (const directory of directories) rmSync(directory, { recursive: true });
  }
});
