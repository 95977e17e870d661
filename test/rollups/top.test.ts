/**
 * A series has as few levels as its pages need, whatever came in which order, was taken out again or deleted for its age, and whatever
 * was rolled back meanwhile: answers equal a scan, and what is stored equals what only the readings that are left come to.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { MEDIAN } from "../../src/metrics/share.ts";
import { History } from "../../src/rollups/history.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";
import { Database } from "../../src/store/database.ts";

interface Reading {
  readonly second: number;
  readonly value: number;
}

const DAY = 86_400;
const START = Math.floor(Date.UTC(2001, 0, 13) / 1000);
/** Seconds of a page of each level but the highest, and how many pages make another level. */
const PAGE_SECONDS = [600, 3600, DAY, 32 * DAY, 1024 * DAY];
const FEW = 4;

/** Levels that these readings need. */
function levelsOf(readings: readonly Reading[]): number[] {
  if (readings.length === 0) return [];
  const pages = PAGE_SECONDS.map((size) => new Set(readings.map(({ second }) => Math.floor(second / size))).size);
  const top = pages.findIndex((count) => count <= FEW);
  return Array.from({ length: (top < 0 ? PAGE_SECONDS.length : top) + 1 }, (_, level) => level);
}

function runOf(readings: readonly Reading[]): ReadingRun {
  const times = Float64Array.from(readings, ({ second }) => second * 1000);
  const values = Float64Array.from(readings, ({ value }) => value);
  return new ReadingRun().set(times, values, new Uint8Array(readings.length), readings.length);
}

/** A history in a directory of its own, and what it should hold, by series. */
class Kept {
  readonly #directory = mkdtempSync(join(tmpdir(), "tidemark-top-"));
  db = Database.open(this.#directory);
  // So little room that pages are evicted.
  history = new History(this.db, 20_000);
  readonly readings = new Map<number, Reading[]>();

  of(series: number): Reading[] {
    const known = this.readings.get(series) ?? [];
    this.readings.set(series, known);
    return known;
  }

  fold(series: number, readings: readonly Reading[]): void {
    this.of(series).push(...readings);
    this.history.foldRun(series, runOf(readings));
  }

  take(series: number, start: number, end: number): void {
    const left = this.of(series).filter(({ second }) => second < start || second >= end);
    this.readings.set(series, left);
    this.history.replaceSeconds(series, { start, end }, new ReadingRun());
  }

  /** @param midnight what is before it is deleted; null: nothing is */
  #write(midnight: number | null, ended: number): void {
    for (const _ of this.history.copyForks());
    let steps = 0;
    for (const _ of this.history.write()) if (++steps > ended) return;
    if (midnight === null) return;
    for (const series of this.readings.keys()) for (const _ of this.history.expire(series, midnight));
  }

  commit(midnight: number | null = null): void {
    this.db.begin();
    this.#write(midnight, Number.POSITIVE_INFINITY);
    this.db.commit();
    this.history.committed();
    if (midnight === null) return;
    this.history.forget(new Map([...this.readings.keys()].map((series) => [series, midnight])));
    for (const [series, known] of this.readings) {
      this.readings.set(
        series,
        known.filter(({ second }) => second >= midnight),
      );
    }
  }

  rollBack(steps: number): void {
    this.db.begin();
    this.#write(null, steps);
    this.db.rollback();
    this.history.forgetWritten(new Set());
  }

  reopen(): void {
    this.db.close();
    this.db = Database.open(this.#directory);
    this.history = new History(this.db, 20_000);
  }

  pages(series: number): { level: number; page: number; bytes: string }[] {
    const query = `SELECT (key / 1073741824) % 8 AS level, key % 1073741824 AS page, hex(substr(bytes, 1, length(bytes) - 4)) AS bytes
      FROM page WHERE key / 8589934592 = ? ORDER BY key`;
    return this.db
      .prepare(query)
      .all(series)
      .map(({ level, page, bytes }) => ({ level: Number(level), page: Number(page), bytes: String(bytes) }));
  }

  close(): void {
    this.db.close();
    rmSync(this.#directory, { recursive: true });
  }
}

function compare({ history, readings }: Kept, series: number, start: number, end: number, note: string): void {
  const values = (readings.get(series) ?? []).filter(({ second }) => second >= start && second < end);
  const { aggregate } = history.query(series, { start, end }, ALL_NEEDS);
  const sorted = values.map(({ value }) => value).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = sorted.length === 0 ? null : (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
  const [first, last] = [Math.min(...values.map((r) => r.second)), Math.max(...values.map((r) => r.second))];
  assert.deepEqual(
    [aggregate.count, aggregate.sum(), aggregate.min, aggregate.max, aggregate.firstTime, aggregate.lastTime],
    [
      values.length,
      sorted.reduce((a, b) => a + b, 0),
      sorted.at(0) ?? Infinity,
      sorted.at(-1) ?? -Infinity,
      ...(values.length === 0 ? [aggregate.firstTime, aggregate.lastTime] : [first * 1000, last * 1000]),
    ],
    `${note}: series ${series} in [${start}, ${end})`,
  );
  if (median !== null)
    assert.equal(aggregate.quantile(MEDIAN), median, `${note}: median of series ${series} in [${start}, ${end})`);
}

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}`, () => {
    const random = new Random(seed);
    const kept = new Kept();
    const fresh = new Kept();
    const counts = { levels: new Set<number>(), lowered: 0, forks: 0 };
    const topOf = new Map<number, number>();
    const check = (note: string): void => {
      for (const [series, readings] of kept.readings) {
        const levels = levelsOf(readings);
        const pages = kept.pages(series);
        assert.deepEqual([...new Set(pages.map(({ level }) => level))], levels, `${note}: levels of series ${series}`);
        // A series that only ever had these readings.
        const other = 100 + fresh.readings.size;
        fresh.fold(
          other,
          [...readings].sort((a, b) => b.value - a.value),
        );
        fresh.commit();
        assert.deepEqual(pages, fresh.pages(other), `${note}: pages of series ${series}`);
        if (levels.length < (topOf.get(series) ?? 0)) counts.lowered++;
        topOf.set(series, levels.length);
        counts.levels.add(levels.length);
      }
    };
    const ask = (note: string): void => {
      for (const [series, readings] of kept.readings) {
        const all = readings.map(({ second }) => second);
        compare(kept, series, START - DAY, START + 20_000 * DAY, note);
        for (let n = 0; n < 4 && all.length > 0; n++) {
          const align = random.pick([1, 60, 600, 3600, DAY]);
          const length = Math.ceil(2 ** (random.next() * 29));
          const start = Math.floor((random.pick(all) - random.integer(0, length)) / align) * align;
          compare(kept, series, start, start + Math.ceil(length / align) * align, note);
        }
      }
    };
    let [count, now] = [1, START];
    for (let step = 0; step < 120; step++) {
      const note = `seed ${seed}, step ${step}`;
      const series = random.chance(0.5) ? 0 : random.integer(0, count - 1);
      const known = kept.of(series);
      const span = random.pick([600, 3600, 5 * 3600, 5 * DAY, 200 * DAY, 6000 * DAY]);
      const action = random.next();
      if (action < 0.5) {
        const readings = Array.from({ length: random.pick([1, 3, 12]) }, () => {
          return { second: now + random.integer(0, span), value: random.integer(0, 500) };
        });
        kept.fold(series, readings);
      } else if (action < 0.75 && known.length > 0) {
        const start = random.pick(known).second - random.integer(0, span);
        kept.take(series, start, start + span);
      } else if (action < 0.85 && series === 0 && count < 6 && known.length > 0) {
        // As the device that was a sensor's only one.
        if (random.chance(0.5)) kept.fold(series, [{ second: now + random.integer(0, span), value: 1 }]);
        if (kept.history.hasChanged(series)) counts.forks++;
        kept.history.fork(series, count);
        kept.readings.set(count, [...kept.of(series)]);
        count++;
      } else if (action < 0.88) {
        now += random.pick([1, 30, 1000]) * DAY;
        kept.commit(now);
        check(note);
      }
      if (random.chance(0.4)) ask(note);
      if (random.chance(0.15)) {
        kept.rollBack(random.pick([0, 3, 50]));
        ask(`${note}, rolled back`);
      }
      if (random.chance(0.4)) {
        kept.commit();
        check(note);
        if (random.chance(0.3)) kept.reopen();
        ask(`${note}, committed`);
      }
    }
    kept.commit();
    check("at the end");
    kept.close();
    fresh.close();
    assert.ok(
      counts.levels.size >= 5 && counts.lowered > 0 && counts.forks > 0,
      JSON.stringify([...counts.levels, counts]),
    );
  });
}
