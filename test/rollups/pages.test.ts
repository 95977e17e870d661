/** Pages as bytes: packed columns, bitmaps, and that what is damaged or of another version is told. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import { countBits, firstBit, hasBit, lastBit, writeBitmap } from "../../src/rollups/bitmap.ts";
import { BucketPage } from "../../src/rollups/bucket-page.ts";
import { EncodedBuckets, encodeBuckets } from "../../src/rollups/buckets-codec.ts";
import { History } from "../../src/rollups/history.ts";
import { BUCKETS_PER_PAGE, levelOf, pageKey, STEP_SECONDS } from "../../src/rollups/levels.ts";
import { PackedColumn, packColumn } from "../../src/rollups/packed-column.ts";
import { check } from "../../src/rollups/page-frame.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";
import { RunningTotals } from "../../src/rollups/running-totals.ts";
import { EncodedSeconds, encodeSeconds } from "../../src/rollups/seconds-codec.ts";
import { SecondsPage } from "../../src/rollups/seconds-page.ts";
import { Database } from "../../src/store/database.ts";

function pack(values: readonly number[]): { column: PackedColumn; bytes: number } {
  const out = new ByteWriter();
  const body = new ByteWriter();
  packColumn(Float64Array.from(values), values.length, out, body);
  out.raw(body.view());
  const from = new ByteReader(out.finish());
  const column = new PackedColumn();
  column.readHead(from);
  assert.equal(column.place(from.bytes, from.position, values.length), from.bytes.length);
  return { column, bytes: from.bytes.length };
}

test("a packed column reads back bit for bit, any rows of it, as small as its span", () => {
  const random = new Random(3);
  const wide = (span: number, places: number) => () => random.integer(-5, span - 5) / 10 ** places;
  const kinds: [string, number, () => number][] = [
    ["constant", 0, () => 21.5],
    ["byte", 1, wide(255, 0)],
    ["byte of decimals", 1, wide(255, 2)],
    ["two bytes", 2, wide(65_535, 1)],
    ["three bytes", 3, wide(2 ** 24 - 1, 0)],
    ["four bytes", 4, wide(2 ** 32 - 1, 0)],
    ["large integers", 8, () => random.integer(0, 2 ** 48)],
    ["doubles", 8, () => (random.next() - 0.5) * 2 ** random.integer(-900, 900)],
    ["six places and more", 8, () => random.integer(0, 9) / 1e7],
  ];
  for (const [name, width, make] of kinds) {
    const values = Array.from({ length: 300 }, make);
    const { column, bytes } = pack(values);
    assert.ok(bytes <= 300 * width + 10, `${name}: ${bytes} bytes`);
    for (const [from, to] of [
      [0, 300],
      [299, 300],
      [17, 200],
    ]) {
      const expected = values.slice(from, to);
      const copy = new Float64Array(to - from);
      column.copy(copy, from, to);
      assert.deepEqual([...copy], expected, name);
      assert.equal(column.value(from), expected[0], name);
      assert.equal(column.min(from, to), Math.min(...expected), name);
      assert.equal(column.max(from, to), Math.max(...expected), name);
      if (column.sumsExactly(to - from)) {
        const exact = expected.reduce((sum, value) => sum + BigInt(value), 0n);
        assert.equal(BigInt(column.sum(from, to)), exact, name);
      }
    }
  }
  pack([]);
});

test("bits are counted and found in any range", () => {
  const random = new Random(4);
  const used = Uint8Array.from({ length: 75 }, () => random.integer(0, 1) * random.integer(0, 1));
  const out = new ByteWriter();
  writeBitmap(out, used, used.length);
  const bitmap = out.finish();
  for (let from = 0; from <= 75; from++) {
    for (let to = from; to <= 75; to++) {
      const ones = [...used.keys()].filter((i) => i >= from && i < to && hasBit(bitmap, i));
      assert.equal(countBits(bitmap, from, to), ones.length);
      assert.equal(firstBit(bitmap, from, to), ones[0] ?? to);
      assert.equal(lastBit(bitmap, from, to), ones.at(-1) ?? from - 1);
    }
  }
});

function commit(db: Database, history: History): void {
  db.begin();
  for (const _ of history.write()) {
    // one page written
  }
  db.commit();
  history.committed();
}

const isCorrupt = (error: unknown): boolean =>
  error instanceof TidemarkError && error.code === "history-corrupt" && /series 3, level \d, page/.test(error.message);

test("a flipped bit anywhere in a page is told, with its place", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-pages-"));
  try {
    const db = Database.open(directory);
    const start = 1_650_000_000;
    const history = new History(db);
    for (let i = 0; i < 4000; i++) history.fold(3, start * 1000 + i * 250, i % 7, 0);
    commit(db, history);
    const window = { start: start + 1, end: start + 900 };
    const whole = history.query(3, window, ALL_NEEDS).aggregate.count;
    const write = db.prepare("UPDATE page SET bytes=? WHERE key=?");
    for (const { key, bytes } of db.prepare("SELECT key, bytes FROM page").all()) {
      assert.ok(bytes instanceof Uint8Array);
      const damaged = bytes.slice();
      damaged[Number(key) % damaged.length] ^= 4;
      write.run(damaged, key);
      const anew = new History(db);
      const ask = () => anew.query(3, window, ALL_NEEDS);
      // A window of 15 minutes reads no page above.
      if (levelOf(Number(key)) <= 1) assert.throws(ask, isCorrupt);
      write.run(bytes, key);
      assert.equal(ask().aggregate.count, whole);
    }
    db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a history of another version is refused", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-pages-"));
  try {
    for (const [version, code] of [
      [1, "history-too-old"],
      [99, "history-too-new"],
    ] as const) {
      const db = new DatabaseSync(join(directory, "history.db"));
      db.exec(`PRAGMA user_version=${version}`);
      db.close();
      assert.throws(
        () => Database.open(directory),
        (error: unknown) => error instanceof TidemarkError && error.code === code,
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

type Readable = Pick<SecondsPage, "mergeInto" | "mergeValues">;

/** Every metric of some buckets, and what metrics do not tell. */
function answers(page: Readable, from: number, to: number): (number | null)[] {
  const aggregate = new Aggregate(ALL_NEEDS);
  page.mergeInto(aggregate, from, to, true);
  if (aggregate.distribution !== null) page.mergeValues(aggregate.distribution, from, to);
  const { late, firstTime, lastTime } = aggregate;
  const metrics = [...METRICS, findMetric("p90")].map((metric) => metric?.read(aggregate, 1) ?? null);
  return [...metrics, late, firstTime, lastTime, aggregate.distribution?.count ?? 0];
}

const RANGES = 24;

/** Any range of buckets says the same, read in place, open, and open again after that. */
function sameAnswers(random: Random, size: number, pages: readonly Readable[], note: string): void {
  for (let n = 0; n < RANGES; n++) {
    const from = n % 3 === 0 ? 0 : random.integer(0, size - 1);
    const to = n % 3 === 1 ? size : random.integer(from + 1, n % 2 === 0 ? size : Math.min(size, from + 5));
    const [expected, ...others] = pages.map((page) => answers(page, from, to));
    for (const other of others) assert.deepEqual(other, expected, `${note} [${from}, ${to})`);
  }
}

/** A page that is read by its running totals where they tell. */
function withTotals(key: number, page: EncodedBuckets): Readable {
  const totals = new RunningTotals(page.numbers());
  return {
    mergeInto(aggregate, from, to, withSums) {
      const isAdded = totals.mergeInto(aggregate, from, to, withSums);
      assert.equal(isAdded, from === 0 || to === BUCKETS_PER_PAGE[levelOf(key)]);
      if (!isAdded) page.mergeInto(aggregate, from, to, withSums);
    },
    mergeValues: (into, from, to) => page.mergeValues(into, from, to),
  };
}

const MAKE_VALUE: Record<string, (random: Random) => number> = {
  constant: () => 7,
  integers: (random) => random.integer(-50, 1200),
  decimals: (random) => random.integer(-2000, 4000) / 100,
  wide: (random) => (random.next() - 0.5) * 2 ** random.integer(-120, 120),
};

for (const [kind, value] of Object.entries(MAKE_VALUE)) {
  test(`a page of seconds says the same in place and open: ${kind}`, () => {
    const random = new Random(11);
    const key = pageKey(5, 0, 2_750_000);
    for (const [name, seconds, most, whole] of [
      ["sparse", 20, 1, true],
      ["some", 300, 1, false],
      ["full", 600, 1, true],
      ["lists", 200, 5, false],
      ["full lists", 600, 3, false],
      ["heavy", 30, 60, false],
      ["full and heavy", 600, 40, false],
    ] as const) {
      if (kind === "wide" && seconds * most > 2000) continue; // exact sums of such numbers are slow
      const page = new SecondsPage(2_750_000 * 600);
      const at = Array.from({ length: 600 }, (_, i) => i);
      for (let i = 599; i > 0; i--) {
        const j = random.integer(0, i);
        [at[i], at[j]] = [at[j], at[i]];
      }
      for (const second of at.slice(0, seconds)) {
        const count = random.integer(1, most);
        const time = Float64Array.from({ length: count }, () => {
          return (2_750_000 * 600 + second) * 1000 + (whole ? 250 : random.integer(0, 999));
        });
        const late = Uint8Array.from({ length: count }, () => (name === "full" ? 0 : random.integer(0, 1)));
        const values = Float64Array.from({ length: count }, () => value(random));
        page.foldRows(new ReadingRun().set(time, values, late, count), 0, count);
      }
      const bytes = encodeSeconds(key, page).slice();
      check(key, bytes);
      assert.throws(() => check(pageKey(6, 0, 2_750_000), bytes), { code: "history-corrupt" });
      const encoded = new EncodedSeconds().open(key, bytes);
      const again = encoded.decode();
      assert.equal(again.count, page.count, name);
      assert.deepEqual(encodeSeconds(key, again).slice(), bytes, name);
      sameAnswers(random, 600, [page, encoded, again], name);
    }
  });

  test(`a page of buckets says the same in place and open: ${kind}`, () => {
    const random = new Random(12);
    for (const [level, used] of [
      [1, 60],
      [1, 7],
      [2, 24],
      [3, 20],
      [4, 1],
      [5, 100],
    ] as const) {
      const number = 300_000 >> (3 * level);
      const key = pageKey(5, level, number);
      const page = new BucketPage([0, 60, 24, 32, 32, 128][level]);
      const step = STEP_SECONDS[level] * 1000;
      for (let n = 0; n < used; n++) {
        const bucket = random.integer(0, page.size - 1);
        const aggregate = new Aggregate({ sums: true, quantiles: false });
        const start = (number * page.size + bucket) * step;
        for (let i = random.integer(1, 30); i > 0; i--) {
          const reading = value(random);
          aggregate.addValues(Float64Array.of(reading), 1, true);
          const time = start + random.integer(0, step - 1);
          aggregate.ends(time, reading, time, reading);
          if (level > 1 || bucket % 3 === 0) page.valuesOf(bucket).add(reading, random.integer(1, 300));
        }
        aggregate.seconds = random.integer(1, aggregate.count);
        aggregate.late = random.integer(0, 3);
        page.set(bucket, aggregate);
      }
      const bytes = encodeBuckets(key, page).slice();
      check(key, bytes);
      assert.throws(() => check(key + 1, bytes), { code: "history-corrupt" });
      const encoded = new EncodedBuckets().open(key, bytes);
      const again = encoded.decode();
      assert.deepEqual(encodeBuckets(key, again).slice(), bytes);
      sameAnswers(random, page.size, [page, encoded, again, withTotals(key, encoded)], `level ${level}`);
      for (let i = 0; i < page.size; i++) assert.equal(encoded.isDerived(i), page.isDerived(i));
    }
  });
}
