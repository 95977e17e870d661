/** What is planted in a history is found, whatever table it is in, and also where a page's checksum is right. */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { SeenBlock } from "../../src/identity/seen-block.ts";
import { Aggregate } from "../../src/metrics/aggregate.ts";
import { Totals } from "../../src/pipeline/totals.ts";
import { EncodedBuckets, encodeBuckets } from "../../src/rollups/buckets-codec.ts";
import { levelOf } from "../../src/rollups/levels.ts";
import { encodeSeconds } from "../../src/rollups/seconds-codec.ts";
import type { SecondsPage } from "../../src/rollups/seconds-page.ts";
import type { Difference } from "../../src/verify/differences.ts";
import { openSeconds } from "../../src/verify/pages.ts";
import { Seeded } from "../oracle/seeded.ts";
import { folder, makeDirectory, verified } from "./made.ts";
import { plantFlip, TABLES } from "./planted.ts";

const SEED = 5;
/** Flips of each table. */
const FLIPS = 3;

const place = folder();
const healthy = join(place.path, "healthy");
const damaged = join(place.path, "damaged");
before(() => makeDirectory(healthy, { seed: SEED, readings: 900 }));
after(() => place.remove());

/** A copy with something planted in it. */
function plant(change: (db: DatabaseSync) => void): void {
  cpSync(healthy, damaged, { recursive: true });
  const db = new DatabaseSync(join(damaged, "history.db"));
  change(db);
  db.close();
}

async function found(change: (db: DatabaseSync) => void): Promise<readonly Difference[]> {
  plant(change);
  return (await verified(damaged)).found;
}

describe("a flip in a table", () => {
  for (const table of Object.keys(TABLES)) {
    test(table, async () => {
      const random = new Seeded(SEED);
      let planted = 0;
      for (let tries = 0; planted < FLIPS && tries < 10 * FLIPS; tries++) {
        cpSync(healthy, damaged, { recursive: true });
        const what = plantFlip(damaged, table, random);
        if (what === null) continue;
        planted++;
        const { differences } = await verified(damaged);
        assert.ok(differences > 0, `seed ${SEED}: not found: ${what}`);
      }
      assert.equal(planted, FLIPS);
    });
  }
});

/** The largest page of a level. */
function pageOf(db: DatabaseSync, level: number): { key: number; bytes: Uint8Array } {
  const rows = db.prepare("SELECT key, bytes FROM page ORDER BY key").all();
  const own = rows.filter(({ key }) => levelOf(Number(key)) === level);
  own.sort((a, b) => (b.bytes as Uint8Array).length - (a.bytes as Uint8Array).length);
  const { key, bytes } = own[0];
  assert.ok(bytes instanceof Uint8Array);
  return { key: Number(key), bytes };
}

/** Readings, none of which came late. */
function holds(page: SecondsPage, second: number): boolean {
  const aggregate = new Aggregate({ sums: false, quantiles: false });
  page.mergeInto(aggregate, second, second + 1, false);
  return aggregate.count > 0 && aggregate.late === 0;
}

function store(db: DatabaseSync, key: number, bytes: Uint8Array): void {
  db.prepare("UPDATE page SET bytes=? WHERE key=?").run(bytes, key);
}

describe("wrong numbers under a right checksum", () => {
  test("a second that lost its readings, and no minute above it is named for that", async () => {
    const differences = await found((db) => {
      const rows = db.prepare("SELECT key, bytes FROM page ORDER BY key").all();
      for (const { key, bytes } of rows.filter((row) => levelOf(Number(row.key)) === 0)) {
        const page = openSeconds(Number(key), bytes as Uint8Array);
        assert.ok(typeof page !== "string");
        const second = Array.from({ length: 600 }, (_, i) => i).find((i) => holds(page, i));
        if (second === undefined || page.count < 2) continue;
        store(db, Number(key), encodeSeconds(Number(key), page.without(second, second + 1)));
        return;
      }
    });
    assert.ok(differences.length > 0);
    for (const { proof, what } of differences) assert.deepEqual([proof, /^second in page/.test(what)], ["log", true]);
    assert.match(differences[0].expected, /count \d/);
    assert.equal(differences[0].stored, "nothing");
  });

  for (const [name, change] of [
    ["a count", (aggregate: Aggregate) => aggregate.count++],
    ["a sum", (aggregate: Aggregate) => aggregate.addSum(2 ** -40)],
    ["a sum of squares", (aggregate: Aggregate) => aggregate.addSquares(1)],
    ["a maximum", (aggregate: Aggregate) => (aggregate.max = 2 * Math.abs(aggregate.max) + 1)],
    ["a last value", (aggregate: Aggregate) => (aggregate.lastValue = 2 * Math.abs(aggregate.lastValue) + 1)],
  ] as const) {
    for (const level of [1, 3, 5]) {
      test(`${name} of level ${level}`, async () => {
        const differences = await found((db) => {
          const { key, bytes } = pageOf(db, level);
          const page = new EncodedBuckets().open(key, bytes).decode();
          const aggregate = new Aggregate({ sums: true, quantiles: false });
          const bucket = Array.from({ length: page.size }, (_, i) => i).find((i) => page.countOf(i) > 0) ?? 0;
          page.mergeInto(aggregate, bucket, bucket + 1, true);
          change(aggregate);
          page.set(bucket, aggregate);
          store(db, key, encodeBuckets(key, page));
        });
        assert.equal(differences.length, 1, JSON.stringify(differences));
        assert.equal(differences[0].proof, "parts");
      });
    }
  }

  test("values that are another bucket's", async () => {
    const differences = await found((db) => {
      const { key, bytes } = pageOf(db, 2);
      const page = new EncodedBuckets().open(key, bytes).decode();
      const used = Array.from({ length: page.size }, (_, i) => i).filter((i) => page.countOf(i) > 0);
      page.setValues(used[0], page.valuesOf(used[1]).encoded());
      store(db, key, encodeBuckets(key, page));
    });
    assert.match(differences[0].expected, /other values$/);
  });

  test("two pages that are each other's", async () => {
    const differences = await found((db) => {
      const keys = db.prepare("SELECT key, bytes FROM page ORDER BY key LIMIT 2").all();
      store(db, Number(keys[0].key), keys[1].bytes as Uint8Array);
      store(db, Number(keys[1].key), keys[0].bytes as Uint8Array);
    });
    assert.ok(differences.length > 1);
  });

  test("a page that is gone, and one too many", async () => {
    for (const level of [0, 1, 3, 5]) {
      assert.ok(
        (await found((db) => db.prepare("DELETE FROM page WHERE key=?").run(pageOf(db, level).key))).length > 0,
      );
    }
    const differences = await found((db) => {
      const { key, bytes } = pageOf(db, 2);
      db.prepare("INSERT INTO page VALUES(?, ?)").run(key + 5000, bytes);
    });
    assert.match(differences[0].expected, /^none/);
  });
});

describe("rows that are not pages", () => {
  for (const field of [
    "received",
    "counted",
    "duplicates",
    "quarantined",
    "rejected",
    "late",
    "explicit",
    "lastValue",
    "gapRecords",
  ] as const) {
    test(`total ${field}`, async () => {
      const differences = await found((db) => {
        const { id, totals } = db.prepare("SELECT id, totals FROM sensor ORDER BY id LIMIT 1").get() ?? {};
        const changed = Totals.decode(totals as Uint8Array);
        changed[field]++;
        db.prepare("UPDATE sensor SET totals=? WHERE id=?").run(changed.encode(), Number(id));
      });
      assert.ok(differences.length > 0);
    });
  }

  test("a position that is behind or ahead", async () => {
    for (const step of [-1, -20, 1]) {
      const differences = await found((db) => db.prepare("UPDATE position SET next=next+?").run(step));
      assert.ok(differences.length > 0, `${step}`);
    }
  });

  test("a sequence too many, and one too few", async () => {
    const planted = async (change: (block: SeenBlock) => SeenBlock): Promise<string> => {
      const differences = await found((db) => {
        const row = db.prepare("SELECT boot, block, bytes FROM seen ORDER BY boot, block LIMIT 1").get();
        const bytes = change(SeenBlock.decode(row?.bytes as Uint8Array)).encode();
        db.prepare("UPDATE seen SET bytes=? WHERE boot=? AND block=?").run(
          bytes,
          Number(row?.boot),
          Number(row?.block),
        );
      });
      return differences.map(({ stored }) => stored).join();
    };
    const more = (block: SeenBlock): SeenBlock => {
      assert.ok(block.mark(60_000));
      return block;
    };
    const fewer = (block: SeenBlock): SeenBlock => {
      const less = new SeenBlock();
      const first = Array.from({ length: 2048 }, (_, w) => w).find((w) => block.word(w) !== 0) ?? 0;
      for (let w = first; w < 2048; w++) {
        const bits = block.word(w);
        if (bits !== 0) less.addWord(w, w === first ? bits & (bits - 1) : bits);
      }
      return less;
    };
    assert.match(await planted(more), /^also \d+, of no reading in the log$/);
    assert.match(await planted(fewer), /^without \d+$/);
  });
});
