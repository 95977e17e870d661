/** Running totals of hot pages: the same answers before and after they are made, through changes; and their bound. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { Distribution } from "../../src/metrics/distribution.ts";
import { METRICS } from "../../src/metrics/registry.ts";
import { BucketPage } from "../../src/rollups/bucket-page.ts";
import { encodeBuckets } from "../../src/rollups/buckets-codec.ts";
import { History } from "../../src/rollups/history.ts";
import { HotPages, READS_MIN, REFUSALS_PER_SWEEP } from "../../src/rollups/hot-pages.ts";
import { pageKey } from "../../src/rollups/levels.ts";
import { CachedPage } from "../../src/rollups/page-cache.ts";
import { Database } from "../../src/store/database.ts";

function commit(db: Database, history: History): void {
  db.begin();
  for (const _ of history.write()) {
    // one page written
  }
  db.commit();
  history.committed();
}

test("answers stay the same when pages become hot, and follow each change of them", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-totals-"));
  try {
    const random = new Random(21);
    const db = Database.open(directory);
    const history = new History(db);
    const start = 1_650_000_000;
    const seconds = 40 * 86_400;
    const readings: { time: number; value: number }[] = [];
    const fold = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const reading = {
          time: start * 1000 + random.integer(0, seconds * 1000 - 1),
          value: random.integer(-900, 900) / 8,
        };
        readings.push(reading);
        history.fold(4, reading.time, reading.value, 0);
      }
    };
    const windows = Array.from({ length: 6 }, () => {
      const from = start + random.integer(0, seconds / 2);
      return { start: from, end: from + random.integer(3600, seconds / 2) };
    });
    const answer = (aggregate: Aggregate) => METRICS.map((metric) => metric.read(aggregate, 1));
    for (let round = 0; round < 4; round++) {
      fold(round === 0 ? 3000 : 30);
      if (round % 2 === 0) commit(db, history);
      const expected = windows.map((window) => {
        const aggregate = new Aggregate(ALL_NEEDS);
        const at = new Set<number>();
        for (const { time, value } of readings) {
          const second = Math.floor(time / 1000);
          if (second < window.start || second >= window.end) continue;
          at.add(second);
          aggregate.addValues(Float64Array.of(value), 1, true);
          aggregate.ends(time, value, time, value);
          aggregate.distribution?.add(value, 1);
        }
        aggregate.seconds = at.size;
        return answer(aggregate);
      });
      for (let times = 0; times < 3 * READS_MIN; times++) {
        windows.forEach((window, w) => {
          assert.deepEqual(
            answer(history.query(4, window, ALL_NEEDS).aggregate),
            expected[w],
            `round ${round}, time ${times}`,
          );
        });
      }
    }
    db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

function hotPage(number: number): CachedPage {
  const page = new BucketPage(60);
  const aggregate = new Aggregate({ sums: true, quantiles: false });
  aggregate.addValues(Float64Array.of(number), 1, true);
  aggregate.ends(0, number, 0, number);
  page.set(number % 60, aggregate);
  const key = pageKey(1, 1, number);
  const cached = new CachedPage(key, encodeBuckets(key, page).slice());
  cached.reads = READS_MIN;
  return cached;
}

test("totals stay within their bound; those in use keep their place, others give it to new ones", () => {
  const hot = new HotPages(100_000);
  const pages = Array.from({ length: 40 }, (_, i) => hotPage(i));
  const counted = (): number => pages.filter((page) => page.totals !== null).length;
  for (const page of pages) hot.totalsOf(page);
  const room = counted();
  assert.ok(room >= 4 && room <= 8, `${room} pages`);
  assert.deepEqual(
    pages.map((page) => page.totals !== null),
    pages.map((_, i) => i < room),
  );

  // Two sweeps: the first finds all used, the second only the page that was asked for between them.
  for (const refused of [pages.length - room, 0]) {
    hot.totalsOf(pages[1]);
    for (let i = refused; i < REFUSALS_PER_SWEEP; i++) assert.equal(hot.totalsOf(pages[39]), null);
  }
  assert.deepEqual(
    [...pages.keys()].filter((i) => pages[i].totals !== null),
    [1],
  );
  for (const page of pages.slice(20)) hot.totalsOf(page);
  assert.equal(counted(), room);

  hot.drop(pages[1]);
  assert.equal(pages[1].totals, null);
  assert.notEqual(hot.totalsOf(pages[0]), null);
});

test("values of a hot page are merged by fours: whichever of its buckets are read, they are the same values", () => {
  const page = new BucketPage(24);
  const random = new Random(5);
  const aggregate = new Aggregate({ sums: true, quantiles: false });
  aggregate.addValues(Float64Array.of(1), 1, true);
  for (let hour = 0; hour < 24; hour++) {
    if (hour === 9) continue;
    const values = new Distribution();
    // Of some hours the values are kept, of some bins.
    for (let i = 0; i < (hour % 3) * 1500 + 5; i++) values.add(random.integer(0, 60_000) / 100, 1);
    page.set(hour, aggregate);
    page.setValues(hour, values);
  }
  const key = pageKey(1, 2, 3);
  const cached = new CachedPage(key, encodeBuckets(key, page).slice());
  cached.reads = READS_MIN;
  const hot = new HotPages();
  assert.equal(hot.groupsOf(cached), null, "not before it has totals");
  hot.totalsOf(cached);
  const groups = hot.groupsOf(cached);
  assert.ok(groups !== null && groups.bytes > 1000);
  for (let from = 0; from < 24; from++) {
    for (let to = from + 1; to <= 24; to++) {
      const [grouped, single] = [new Distribution(true), new Distribution()];
      groups.mergeInto(grouped, cached.readBuckets(), from, to);
      page.mergeValues(single, from, to);
      assert.deepEqual(grouped.encoded(), single.encoded(), `[${from}, ${to})`);
    }
  }
  hot.drop(cached);
  assert.equal(cached.groups, null);

  const full = new HotPages(1);
  full.totalsOf(cached);
  assert.deepEqual([cached.totals !== null, full.groupsOf(cached)], [true, null], "no room");
});

test("a page that is asked for seldom, or that is open, has no totals", () => {
  const hot = new HotPages();
  const page = hotPage(3);
  page.reads = READS_MIN - 1;
  assert.equal(hot.totalsOf(page), null);
  page.reads++;
  page.open();
  assert.equal(hot.totalsOf(page), null);
});
