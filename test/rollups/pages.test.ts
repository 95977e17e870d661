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
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { countBits, firstBit, hasBit, lastBit, writeBitmap } from "../../src/rollups/bitmap.ts";
import { Database } from "../../src/rollups/database.ts";
import { History } from "../../src/rollups/history.ts";
import { levelOf } from "../../src/rollups/levels.ts";
import { PackedColumn, packColumn } from "../../src/rollups/packed-column.ts";

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
    const whole = history.query(3, window, ALL_NEEDS).count;
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
      assert.equal(ask().count, whole);
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
