/** Seconds that are replaced: all levels are, to the byte, as if only the new content had ever been folded. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { squareError } from "../../src/metrics/exact-sum.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import { History } from "../../src/rollups/history.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";
import { Database } from "../../src/store/database.ts";

interface Reading {
  readonly time: number;
  readonly value: number;
}

/** Late by itself, so that it does not matter which of two equal readings came late. */
const lateOf = ({ time, value }: Reading): number => ((time + Math.round(value)) % 10 === 0 ? 1 : 0);

function runOf(readings: readonly Reading[]): ReadingRun {
  return new ReadingRun().set(
    Float64Array.from(readings, ({ time }) => time),
    Float64Array.from(readings, ({ value }) => value),
    Uint8Array.from(readings, lateOf),
    readings.length,
  );
}

/** A history in a directory of its own. */
class Kept {
  readonly #directory = mkdtempSync(join(tmpdir(), "tidemark-replace-"));
  db = Database.open(this.#directory);
  history = new History(this.db, 300_000);

  commit(): void {
    this.db.begin();
    for (const _ of this.history.write()) {
      // one page
    }
    this.db.commit();
    this.history.committed();
    assert.equal(this.history.waitingBytes, 0, "nothing waits after a commit");
  }

  reopen(): void {
    this.db.close();
    this.db = Database.open(this.#directory);
    this.history = new History(this.db, 300_000);
  }

  pages(): unknown {
    return this.db.prepare("SELECT key, hex(bytes) AS bytes FROM page ORDER BY key").all();
  }

  close(): void {
    this.db.close();
    rmSync(this.#directory, { recursive: true });
  }
}

function keep(context: TestContext): Kept {
  const kept = new Kept();
  context.after(() => kept.close());
  return kept;
}

function isIn({ time }: Reading, start: number, end: number): boolean {
  return time >= start * 1000 && time < end * 1000;
}

/** What a window's metrics must be, one reading at a time. */
function scan(readings: readonly Reading[], start: number, end: number): Aggregate {
  const aggregate = new Aggregate(ALL_NEEDS);
  const seconds = new Set<number>();
  for (const reading of readings) {
    if (!isIn(reading, start, end)) continue;
    const { time, value } = reading;
    seconds.add(Math.floor(time / 1000));
    aggregate.count++;
    aggregate.late += lateOf(reading);
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

function compare(kept: Kept, series: number, readings: readonly Reading[], start: number, end: number): void {
  const expected = scan(readings, start, end);
  const actual = kept.history.query(series, { start, end }, ALL_NEEDS).aggregate;
  for (const name of [...METRICS.map((metric) => metric.name), "p1", "p99"]) {
    const metric = findMetric(name);
    assert.ok(metric !== undefined);
    assert.equal(metric.read(actual, 1), metric.read(expected, 1), `${name} of series ${series} in [${start}, ${end})`);
  }
  assert.equal(actual.late, expected.late);
}

const VALUES: Record<string, (random: Random) => number> = {
  integers: (random) => random.integer(0, 100),
  decimals: (random) => random.integer(-20_000, 40_000) / 100,
  wide: (random) => (random.next() - 0.5) * 2 ** random.integer(-300, 300),
};

const START = 1_700_000_000;

/** Readings of a stretch of time: one a second, some a second, very many in few seconds, or few over weeks. */
function stretch(random: Random, value: (random: Random) => number): Reading[] {
  const at = START + random.integer(0, 40) * 21_600 + random.integer(0, 7200);
  const [count, seconds] = random.pick([
    [700, 700],
    [600, 250],
    [900, 6],
    [700, 60 * 86_400],
  ]);
  const isSpread = random.chance(0.5);
  return Array.from({ length: count }, (_, i) => ({
    time: (at + (isSpread ? random.integer(0, seconds - 1) : Math.floor((i * seconds) / count))) * 1000 + (i % 7) * 100,
    value: value(random) + 0,
  }));
}

/** A second, some, pages, hours, days, or all there is. */
function range(random: Random, near: Reading): { start: number; end: number } {
  const length = random.pick([1, 1, 1, 7, 60, 600, 3600, 86_400, 40 * 86_400]);
  const at = Math.floor(near.time / 1000);
  const start = random.chance(0.5) ? Math.floor(at / length) * length : at - random.integer(0, length - 1);
  return { start, end: start + length };
}

for (const [kind, value] of Object.entries(VALUES)) {
  for (let seed = 1; seed <= (kind === "wide" ? 2 : 6); seed++) {
    test(`replaced seconds are as if only their new content had been folded: ${kind}, seed ${seed}`, (context) => {
      const random = new Random(seed * 7 + kind.length);
      const kept = keep(context);
      const content: Reading[][] = [[], [], []];
      for (let round = 0; round < 14; round++) {
        const series = random.integer(1, 2);
        const more = stretch(random, value);
        kept.history.foldRun(series, runOf(more));
        content[series].push(...more);
        for (let times = random.integer(0, 4); times > 0; times--) {
          const { start, end } = range(random, random.pick(random.chance(0.5) ? more : content[series]));
          const fresh = Array.from({ length: random.pick([0, 0, 1, 2, 50, 400]) }, () => ({
            time: start * 1000 + random.integer(0, Math.min(end - start, 100_000) * 1000 - 1),
            value: value(random) + 0,
          }));
          kept.history.replaceSeconds(series, { start, end }, runOf(fresh));
          content[series] = [...content[series].filter((reading) => !isIn(reading, start, end)), ...fresh];
          if (content[series].length === 0) break;
          if (random.chance(0.3)) compare(kept, series, content[series], start - 4000, end + 4000);
          if (random.chance(0.2)) kept.commit();
        }
        if (random.chance(0.4)) kept.commit();
        if (random.chance(0.15)) {
          kept.commit();
          kept.reopen();
        }
        if (random.chance(0.3)) compare(kept, series, content[series], START - 1e7, START + 1e7);
      }
      kept.commit();
      const straight = keep(context);
      for (const series of [1, 2]) straight.history.foldRun(series, runOf(content[series]));
      straight.commit();
      assert.deepEqual(kept.pages(), straight.pages());
      kept.reopen();
      for (const series of [1, 2]) {
        if (content[series].length === 0) continue;
        for (let w = 0; w < 20; w++) {
          const { start, end } = range(random, random.pick(content[series]));
          compare(kept, series, content[series], start, end);
        }
      }
    });
  }
}

for (const [kind, value] of Object.entries(VALUES)) {
  for (const seed of [1, 2]) {
    test(`seconds that are moved to another series, and back, are as if they had been folded there: ${kind}, seed ${seed}`, (context) => {
      const random = new Random(seed * 11 + kind.length);
      const kept = keep(context);
      let content: Reading[][] = [[], [], []];
      for (let round = 0; round < 16; round++) {
        const from = random.integer(1, 2);
        const more = stretch(random, value);
        kept.history.foldRun(from, runOf(more));
        content[from].push(...more);
        if (random.chance(0.3)) kept.commit();
        for (let times = random.integer(1, 3); times > 0; times--) {
          const window = range(random, random.pick(more));
          const source = random.integer(1, 2);
          let moved = 0;
          for (const count of kept.history.moveSeconds(source, 3 - source, window)) moved += count;
          const taken = content[source].filter((reading) => isIn(reading, window.start, window.end));
          assert.equal(moved, taken.length);
          content = content.map((readings, series) => {
            if (series === source) return readings.filter((reading) => !taken.includes(reading));
            return series === 3 - source ? [...readings, ...taken] : readings;
          });
          if (random.chance(0.2)) kept.commit();
          else if (random.chance(0.3)) compare(kept, 1, content[1], window.start - 4000, window.end + 4000);
        }
      }
      kept.commit();
      const straight = keep(context);
      for (const series of [1, 2]) straight.history.foldRun(series, runOf(content[series]));
      straight.commit();
      assert.deepEqual(kept.pages(), straight.pages());
    });
  }
}

test("what is replaced by nothing leaves no page behind, stored or not, and a commit that fails can be tried again", (context) => {
  const kept = keep(context);
  const random = new Random(3);
  const readings = stretch(random, (random) => random.integer(0, 9));
  kept.history.foldRun(1, runOf(readings));
  kept.history.replaceSeconds(1, { start: 0, end: 1e10 }, new ReadingRun());
  kept.commit();
  assert.deepEqual(kept.pages(), []);
  kept.history.foldRun(1, runOf(readings));
  kept.commit();
  const before = kept.pages();
  kept.history.replaceSeconds(1, { start: 0, end: 1e10 }, new ReadingRun());
  kept.db.begin();
  for (const _ of kept.history.write()) {
    // one page
  }
  kept.db.rollback();
  assert.deepEqual(kept.pages(), before);
  assert.equal(kept.history.query(1, { start: 0, end: 1e10 }, ALL_NEEDS).aggregate.count, 0);
  kept.commit();
  assert.deepEqual(kept.pages(), []);
});

test("a page that waits to be returned to, and is emptied meanwhile, is not sealed", (context) => {
  const kept = keep(context);
  const second = START - (START % 600);
  const page = Array.from({ length: 600 }, (_, i) => ({ time: (second + i) * 1000, value: 1 }));
  const later = Array.from({ length: 20_000 }, (_, i) => ({ time: (second + 600 + i) * 1000, value: 1 }));
  kept.history.fold(1, (second + 600) * 1000, 1, 0);
  kept.history.foldRun(1, runOf(page)); // an older page is turned to, so that pages which are left stay open for a while
  kept.history.foldRun(1, runOf(later.slice(1, 10)));
  kept.history.replaceSeconds(1, { start: second, end: second + 600 }, new ReadingRun());
  kept.history.foldRun(1, runOf(later.slice(10)));
  kept.commit();
  const straight = keep(context);
  straight.history.foldRun(1, runOf(later));
  straight.commit();
  assert.deepEqual(kept.pages(), straight.pages());
});

test("content outside of what it replaces is a bug of the caller", (context) => {
  const { history } = keep(context);
  const run = runOf([{ time: 5000, value: 1 }]);
  assert.throws(
    () => history.replaceSeconds(1, { start: 6, end: 7 }, run),
    /BUG: .* cannot replace the seconds \[6, 7\)/,
  );
  assert.throws(() => history.replaceSeconds(1, { start: 4, end: 5 }, run), /BUG/);
});

for (const seed of [1, 2, 3, 4]) {
  test(`what is expired leaves what would be there without it, seed ${seed}`, (context) => {
    const random = new Random(seed);
    const kept = keep(context);
    let readings: Reading[] = [];
    let midnight = START - (START % 86_400) - 86_400;
    for (let round = 0; round < 8; round++) {
      const days = Array.from({ length: 600 }, () => ({
        time: (START + random.integer(0, 100 * 86_400)) * 1000,
        value: random.integer(0, 99) / 4,
      }));
      const more = [...stretch(random, VALUES.decimals), ...days].filter(({ time }) => time >= midnight * 1000);
      kept.history.foldRun(1, runOf(more));
      readings.push(...more);
      midnight += random.pick([0, 1, 1, 3, 40]) * 86_400;
      const { db, history } = kept;
      const written = (fails: boolean): void => {
        db.begin();
        for (const _ of history.write()) {
          // one page
        }
        for (const _ of history.expire(1, midnight)) {
          // one page
        }
        if (fails) db.rollback();
        else db.commit();
      };
      if (random.chance(0.3)) written(true);
      written(false);
      history.committed();
      history.forget(new Map([[1, midnight]]));
      readings = readings.filter(({ time }) => time >= midnight * 1000);
      if (random.chance(0.2)) kept.reopen();
      const straight = keep(context);
      straight.history.foldRun(1, runOf(readings));
      straight.commit();
      assert.deepEqual(kept.pages(), straight.pages());
      if (readings.length > 0) compare(kept, 1, readings, START - 1e7, START + 1e8);
    }
  });
}
