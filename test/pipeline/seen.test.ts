/** Seen sequences against a plain set: blocks of intervals and bitmaps, the edge, and what slides out of it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Names } from "../../src/core/names.ts";
import { Random } from "../../src/core/random.ts";
import { BOUNDS } from "../../src/pipeline/bounds.ts";
import { Devices, EDGE_IMPLICIT } from "../../src/pipeline/devices.ts";
import { SeenBlock } from "../../src/pipeline/seen-block.ts";
import { SeenStore } from "../../src/pipeline/seen-store.ts";
import { Database } from "../../src/rollups/database.ts";

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
        block.addRange(first, first);
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
        devices.turnEdge(slot, boot + 1, EDGE_IMPLICIT, at[boot], sets[boot].size === 0);
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
