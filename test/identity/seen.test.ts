/** Seen sequences against a plain set: blocks of intervals and bitmaps, the edge, and what slides out of it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Names } from "../../src/core/names.ts";
import { Random } from "../../src/core/random.ts";
import { Devices } from "../../src/identity/devices.ts";
import { SeenBlock } from "../../src/identity/seen-block.ts";
import { SeenStore } from "../../src/identity/seen-store.ts";
import { BOUNDS } from "../../src/pipeline/bounds.ts";
import { Database } from "../../src/store/database.ts";

test("a block equals a set: ranges, words, single positions, through encoding, sparse and dense", () => {
  for (const [seed, span] of [
    [1, 300],
    [2, 65_536],
    [3, 20_000],
  ]) {
    const random = new Random(seed);
    let block = new SeenBlock();
    const set = new Set<number>();
    for (let i = 0; i < 4000; i++) {
      const first = random.integer(0, span - 1);
      const roll = random.next();
      if (roll < 0.6) {
        assert.equal(block.mark(first), !set.has(first));
        set.add(first);
      } else if (roll < 0.8) {
        const last = Math.min(span - 1, first + random.integer(0, 40));
        block.addRange(first, last);
        for (let p = first; p <= last; p++) set.add(p);
      } else {
        const word = first >> 5;
        const bits = random.chance(0.2) ? 0xffffffff : Math.floor(random.next() * 2 ** 32);
        block.addWord(word, bits);
        for (let b = 0; b < 32; b++) if ((bits & (1 << b)) !== 0) set.add(word * 32 + b);
      }
      if (i % 1000 === 999) {
        block = SeenBlock.decode(block.encode());
        for (let p = 0; p < 65_536; p += random.integer(1, 7))
          assert.equal(block.has(p), set.has(p), `seed ${seed}, ${p}`);
        for (let w = 0; w < 2048; w += 13) {
          let bits = 0;
          for (let b = 0; b < 32; b++) if (set.has(w * 32 + b)) bits |= 1 << b;
          assert.equal(block.word(w) | 0, bits);
        }
      }
    }
  }
});

test("a block's bytes depend on its sequences only, in whatever order they came, and it takes no more memory than intervals or a bitmap would", () => {
  for (const [seed, first, span, share] of [
    [1, 0, 3600, 1],
    [2, 40_000, 3600, 0.5],
    [3, 0, 65_536, 0.99],
    [4, 0, 65_536, 0.5],
    [5, 0, 65_536, 0.01],
    [6, 65_500, 36, 0.5],
  ]) {
    const random = new Random(seed);
    const positions: number[] = [];
    for (let p = first; p < first + span; p++) if (random.chance(share)) positions.push(p);
    const shuffled = positions.toSorted(() => random.next() - 0.5);
    const blocks = [positions, positions.toReversed(), shuffled].map((order) => {
      const block = new SeenBlock();
      for (const position of order) assert.ok(block.mark(position));
      for (const position of order) assert.ok(!block.mark(position));
      return block;
    });
    const bytes = blocks.map((block) => block.encode());
    assert.deepEqual(bytes[1], bytes[0]);
    assert.deepEqual(bytes[2], bytes[0]);
    const reread = SeenBlock.decode(bytes[0]);
    assert.deepEqual(reread.encode(), bytes[0]);
    const intervals = positions.filter((position, i) => position !== positions[i - 1] + 1).length;
    for (const block of [...blocks, reread]) {
      assert.ok(block.bytes <= 160 + Math.max(64, 2 * Math.min(4 * intervals, 8192), span / 4 + 8), `seed ${seed}`);
    }
  }
});

test("the edge and the blocks behind it count each sequence once: in order, shuffled, sparse, huge, over several boots", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-seen-"));
  try {
    const db = Database.open(directory);
    const seen = new SeenStore(db, BOUNDS.seenBytes);
    const names = new Names();
    const devices = new Devices(db, seen, names, BOUNDS.residentDevices);
    const random = new Random(8);
    const slot = names.intern(1, Buffer.from("d"), 0, 1);
    devices.load(slot);
    const sets = [new Set<number>(), new Set<number>()];
    const at = [0, 2 ** 45];
    let boot = -1;
    for (let i = 0; i < 60_000; i++) {
      if (i % 7000 === 0) {
        boot = (boot + 1) % 2;
        devices.turnEdge(slot, boot + 1, boot, at[boot], sets[boot].size === 0);
      }
      const roll = random.next();
      const sequence =
        roll < 0.7
          ? at[boot]++
          : roll < 0.85
            ? Math.max(0, at[boot] - random.integer(0, 9000))
            : roll < 0.999
              ? at[boot] + random.integer(0, 60)
              : (at[boot] += random.integer(0, 200_000));
      assert.equal(devices.isAtEdge(slot, sequence), sets[boot].has(sequence), `step ${i}`);
      assert.equal(devices.markAtEdge(slot, sequence), !sets[boot].has(sequence), `step ${i}`);
      sets[boot].add(sequence);
      if (i % 9000 === 8999) {
        db.begin();
        for (const _ of seen.write()) {
          // one block written
        }
        db.commit();
        seen.committed();
      }
    }
    db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
