/** Pairs seen before, against a plain set: blocks in any order, leaves that split, a cache that evicts, commits and reopening. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { PairBlock } from "../../src/identity/pair-block.ts";
import { SeenPairs } from "../../src/identity/seen-pairs.ts";
import { Database } from "../../src/store/database.ts";

type Pair = readonly [number, number];

/** How keys and tags of a scope come to be. */
const STYLES: Record<string, (random: Random, i: number) => Pair> = {
  even: (_, i) => [1_700_000_000_000 + i * 1000, i],
  jitter: (random, i) => [1_700_000_000_000 + i * 1000 + random.integer(-40, 40), i],
  "whole seconds, ten each": (_, i) => [1_700_000_000_000 + Math.floor(i / 10) * 1000, i],
  "starts again": (random, i) => [1_600_000_000_000 + i * 60_000 + random.integer(0, 9), i % 37],
  "one key": (random) => [5, random.integer(0, 2 ** 24)],
  "sequence and value": (random, i) => [i, random.integer(0, 2 ** 24 - 1)],
  "before 1970": (random, i) => [-1e12 + i * 500, random.integer(0, 3)],
  "far apart": (random) => [random.integer(0, 2 ** 52) * random.integer(-2, 2), random.integer(0, 2 ** 53 - 1)],
};

function orders(random: Random, pairs: readonly Pair[]): Pair[][] {
  const shuffled = [...pairs];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  return [[...pairs], [...pairs].reverse(), shuffled];
}

for (const [style, make] of Object.entries(STYLES)) {
  test(`a block of ${style}: any order gives the same bytes, and they say the same`, () => {
    const random = new Random(11);
    const pairs = Array.from({ length: 300 }, (_, i) => make(random, i));
    const encoded: Uint8Array[] = [];
    for (const order of orders(random, pairs)) {
      let block = new PairBlock();
      const set = new Set<string>();
      for (const [i, [key, tag]] of order.entries()) {
        assert.equal(block.add(key, tag), !set.has(`${key} ${tag}`), `${i}: ${key} ${tag}`);
        set.add(`${key} ${tag}`);
        assert.equal(block.add(key, tag), false);
        if (i % 50 === 49) block = PairBlock.decode(block.encode());
      }
      assert.equal(block.count, set.size);
      for (const [key] of pairs) {
        const tags = pairs.filter((pair) => pair[0] === key).map((pair) => pair[1]);
        assert.deepEqual(
          [...block.tagsOf(key)],
          [...new Set(tags)].sort((a, b) => a - b),
        );
      }
      assert.equal(block.tagsOf(123.5).length, 0);
      encoded.push(block.encode());
    }
    assert.deepEqual(encoded[1], encoded[0]);
    assert.deepEqual(encoded[2], encoded[0]);
  });
}

test("a store of many scopes equals sets, through splits, a small cache, commits that fail, and reopening", () => {
  for (const cacheBytes of [0, 20_000, 10_000_000]) {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-pairs-"));
    try {
      let db = Database.open(directory);
      let pairs = new SeenPairs(db, cacheBytes);
      const random = new Random(5);
      const styles = Object.values(STYLES);
      const sets = styles.map(() => new Set<string>());
      const commit = (): void => {
        for (const isLost of [true, false]) {
          db.begin();
          for (const _ of pairs.write()) {
            // one block written
          }
          if (isLost) db.rollback();
          else db.commit();
        }
        pairs.committed();
        assert.equal(pairs.waiting, 0);
        assert.equal(pairs.dirtyBytes, 0);
      };
      for (let i = 0; i < 12_000; i++) {
        const scope = random.integer(0, styles.length - 1);
        // Mostly the next, often a resend, sometimes a late one.
        const roll = random.next();
        const at = roll < 0.7 ? i : random.integer(roll < 0.9 ? Math.max(0, i - 500) : 0, i);
        const [key, tag] = styles[scope](new Random(at), at);
        const text = `${key} ${tag}`;
        assert.equal(pairs.mark(scope, key, tag), !sets[scope].has(text), `step ${i}, scope ${scope}: ${text}`);
        sets[scope].add(text);
        assert.ok(pairs.tagsOf(scope, key).includes(tag));
        assert.equal(pairs.tagsOf(scope + styles.length, key).length, 0);
        if (i % 1500 === 1499) commit();
        if (i % 4500 === 4499) {
          db.close();
          db = Database.open(directory);
          pairs = new SeenPairs(db, cacheBytes);
        }
      }
      for (const [scope, set] of sets.entries()) {
        for (const text of set) {
          const [key, tag] = text.split(" ").map(Number);
          assert.equal(pairs.mark(scope, key, tag), false, `scope ${scope}: ${text}`);
        }
      }
      db.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
});
