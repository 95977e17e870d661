/** Interned names against a plain Map, with collisions of namespace, release and reuse, and growth of table and pool. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Names } from "../../src/core/names.ts";
import { Random } from "../../src/core/random.ts";

test("names are found again, by their bytes and namespace, through releases and growth", () => {
  const random = new Random(5);
  const names = new Names();
  const slots = new Map<string, number>();
  const live: string[] = [];
  for (let step = 0; step < 60_000; step++) {
    if (live.length > 0 && random.chance(step % 20_000 < 12_000 ? 0.2 : 0.7)) {
      const index = random.integer(0, live.length - 1);
      const key = live[index];
      const slot = slots.get(key);
      assert.ok(slot !== undefined && names.isUsed(slot));
      names.release(slot);
      assert.ok(!names.isUsed(slot));
      slots.delete(key);
      live[index] = live[live.length - 1];
      live.pop();
      continue;
    }
    const namespace = random.integer(0, 2);
    // Of 0 to 300 bytes, most of them sharing all but a few.
    const length = random.pick([0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 40, 300]);
    const name = Buffer.alloc(length, "ab");
    if (length > 0) name[random.integer(0, length - 1)] = random.integer(0, 255);
    if (length > 4) name[length - 1] = random.integer(0, 255);
    const at = random.integer(0, 9);
    const bytes = Buffer.concat([Buffer.alloc(at, 1), name, Buffer.alloc(random.integer(0, 3), 2)]);
    const slot = random.chance(0.5)
      ? names.intern(namespace, bytes, at, at + length)
      : names.internFrom(namespace, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at, at + length);
    const key = `${namespace}:${name.toString("latin1")}`;
    const known = slots.get(key);
    if (known === undefined) {
      if (step % 50 === 0) assert.ok(![...slots.values()].includes(slot)); // a sample: a look at every slot is slow
      slots.set(key, slot);
      live.push(key);
    } else {
      assert.equal(slot, known);
    }
    assert.equal(names.namespace(slot), namespace);
    assert.deepEqual(Buffer.from(names.bytes(slot)), name);
  }
  assert.equal(names.size, slots.size);
  assert.equal(new Set(slots.values()).size, slots.size);
  for (const [key, slot] of slots) {
    assert.equal(`${names.namespace(slot)}:${Buffer.from(names.bytes(slot)).toString("latin1")}`, key);
    assert.ok(slot < names.slotLimit);
  }
});

test("a column of names gets the slots that one name after the other gets, while the table grows", () => {
  const random = new Random(6);
  const names = new Names();
  const alone = new Names();
  for (let batch = 0; batch < 40; batch++) {
    const texts = Array.from({ length: 500 }, () => {
      const number = String(random.integer(0, batch < 3 ? 5 : 30_000));
      return random.chance(0.02) ? "" : random.pick(["", "d", "device-"]) + number;
    });
    const view = new DataView(Uint8Array.from(Buffer.from(texts.join(""))).buffer);
    const starts = new Int32Array(texts.length);
    const ends = new Int32Array(texts.length);
    let at = 0;
    for (const [row, text] of texts.entries()) {
      starts[row] = at;
      at += text.length;
      ends[row] = at;
    }
    const namespace = random.integer(0, 1);
    const before = starts.slice();
    names.internRows(namespace, view, starts, ends, 3, 499);
    for (let row = 3; row < 499; row++) {
      assert.equal(
        starts[row],
        alone.internFrom(namespace, view, before[row], ends[row]),
        `batch ${batch}, row ${row}`,
      );
    }
    assert.deepEqual([starts[2], starts[499]], [before[2], before[499]], "other rows stay as they are");
  }
  assert.ok(names.size > 10_000);
});

test("a slot that holds nothing is a bug", () => {
  const names = new Names();
  assert.throws(() => names.bytes(0), /^Error: BUG/);
  assert.throws(() => names.release(-1), /^Error: BUG/);
  const slot = names.intern(1, Buffer.from("Küche"), 0, 6);
  assert.equal(names.text(slot), "Küche");
  names.release(slot);
  assert.throws(() => names.release(slot), /^Error: BUG/);
});
