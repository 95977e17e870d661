/** What the embedded log holds: retention deletes only what is safe elsewhere, and the log refuses what it can no longer take. */
import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import type { Log, NewRecord } from "../../src/log/log.ts";
import { readRecords, record, refused } from "../suites/log-suite.ts";

const root = mkdtempSync(join(tmpdir(), "tidemark-retention-"));
after(() => rmSync(root, { recursive: true }));

const clock = new ManualClock(1_768_317_120_000);
let directories = 0;

async function openLog(retentionBytes: number, directory = join(root, `${directories++}`)): Promise<[Log, string]> {
  return [await openEmbeddedLog({ directory, retentionBytes, clock }), directory];
}

const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));

/** About `kilobytes` of records that do not compress. */
function incompressible(kilobytes: number): NewRecord[] {
  return Array.from({ length: kilobytes }, () => ({ value: noise.update(Buffer.alloc(1000)) }));
}

const MEGABYTE = 1_048_576;

describe("retention", () => {
  test("deletes the oldest batches of any topic, never past what is committed, and keeps the file at its bound", async () => {
    const [log, directory] = await openLog(MEGABYTE);
    await log.create(["a", "b"]);
    let appended = 0;
    const starts = { a: 0, b: 0 };
    for (let round = 0; round < 60; round++) {
      const name = round % 3 === 0 ? "b" : "a";
      await log.append(name, incompressible(80));
      clock.advance(1000);
      appended += 80;
      const a = await log.bounds("a", 0);
      const b = await log.bounds("b", 0);
      assert.ok(a.start >= starts.a && b.start >= starts.b, "what was deleted is back");
      assert.ok(a.start <= Math.max(0, a.end - 160), `deleted to ${a.start}, committed ${a.end - 160}`);
      [starts.a, starts.b] = [a.start, b.start];
      // The history is two appends of topic a behind, and wholly up to date in b.
      await log.committed([
        { topic: "a", partition: 0, offset: Math.max(0, a.end - 160) },
        { topic: "b", partition: 0, offset: b.end },
      ]);
    }
    const bytes = log.size() ?? Infinity;
    assert.ok(bytes <= MEGABYTE * 1.2, `${bytes} bytes held of ${appended} KB`);
    assert.ok(starts.a > 2000 && starts.b > 500, JSON.stringify(starts));
    // Space is used again: the file is no longer than what it held at its fullest.
    await log.close();
    assert.ok(statSync(join(directory, "log.db")).size < 2 * MEGABYTE);
    // Deleted records stay deleted, offsets go on.
    const [again] = await openLog(MEGABYTE, directory);
    await again.create(["a"]);
    const bounds = await again.bounds("a", 0);
    assert.deepEqual(bounds, { start: starts.a, end: 60 * 80 - 20 * 80 });
    const reader = again.reader([{ topic: "a", partition: 0, offset: 5 }]);
    const fetched = await reader.read();
    assert.deepEqual(fetched?.gap, { from: 5, to: starts.a });
    await again.close();
  });

  test("everything of a topic may go; its offsets go on after reopening", async () => {
    const [log, directory] = await openLog(MEGABYTE);
    await log.create(["old", "new"]);
    await log.append("old", [record("1"), record("2")]);
    await log.committed([{ topic: "old", partition: 0, offset: 2 }]);
    clock.advance(1000);
    await log.append("new", incompressible(1100));
    assert.deepEqual(await log.bounds("old", 0), { start: 2, end: 2 });
    await log.close();
    const [again] = await openLog(4 * MEGABYTE, directory);
    await again.create(["old"]);
    assert.deepEqual(await again.bounds("old", 0), { start: 2, end: 2 });
    const reader = again.reader([{ topic: "old", partition: 0, offset: 0 }]);
    await again.append("old", [record("3")]);
    const fetched = await reader.read();
    assert.deepEqual(fetched?.gap, { from: 0, to: 2 });
    const other = again.reader([{ topic: "old", partition: 0, offset: 2 }]);
    assert.equal((await readRecords(other, 1))[0].offset, 2);
    await again.close();
  });

  test("with nothing committed the log refuses above its slack, and takes more once something is", async () => {
    const [log] = await openLog(MEGABYTE);
    await log.create(["a"]);
    let appended = 0;
    let error: unknown = null;
    while (error === null && appended < 40) {
      await log.append("a", incompressible(100)).then(
        () => appended++,
        (refusal: unknown) => {
          error = refusal;
        },
      );
    }
    assert.ok(error instanceof TidemarkError && error.code === "log-full" && error.retryable, String(error));
    assert.match(error.message, /the log must be <= 1048576 bytes, was \d+, none of them in the history yet/);
    assert.ok(appended >= 10 && appended < 20, `${appended} appends`);
    assert.deepEqual(await log.bounds("a", 0), { start: 0, end: appended * 100 });
    await log.committed([{ topic: "a", partition: 0, offset: appended * 100 }]);
    // The writer's word that it deleted comes by itself; until then it may still refuse.
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 1000, "the log stayed full");
      const done = await log.append("a", incompressible(1)).then(() => true, refused("log-full"));
      if (done && (await log.bounds("a", 0)).start > 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await log.close();
  });

  test("a lower bound gives the space back to the system", async () => {
    const [log, directory] = await openLog(100 * MEGABYTE);
    await log.create(["a"]);
    for (let i = 0; i < 30; i++) await log.append("a", incompressible(1000));
    await log.close();
    const before = statSync(join(directory, "log.db")).size;
    assert.ok(before > 25 * MEGABYTE);
    const [smaller] = await openLog(MEGABYTE, directory);
    await smaller.create(["a"]);
    const { end } = await smaller.bounds("a", 0);
    await smaller.committed([{ topic: "a", partition: 0, offset: end }]);
    const file = join(directory, "log.db");
    while (statSync(file).size > before - 8 * MEGABYTE) await new Promise((resolve) => setImmediate(resolve));
    assert.ok((smaller.size() ?? 0) < 2 * MEGABYTE);
    await smaller.close();
  });

  test("commits of unknown topics, or past the end, delete nothing that is wanted", async () => {
    const [log] = await openLog(MEGABYTE);
    await log.create(["a"]);
    await log.append("a", incompressible(900));
    await log.committed([
      { topic: "nobody", partition: 0, offset: 5 },
      { topic: "a", partition: 1, offset: 900 },
      { topic: "a", partition: 0, offset: 0 },
    ]);
    await log.append("a", incompressible(300));
    assert.equal((await log.bounds("a", 0)).start, 0);
    await log.close();
  });
});

describe("the queue before the disk", () => {
  test("is bounded: what does not fit is refused at once, the rest becomes durable", async () => {
    const [log] = await openLog(1e9);
    await log.create(["a"]);
    const megabyte = [{ value: new Uint8Array(MEGABYTE) }];
    const appends = Array.from({ length: 100 }, () => log.append("a", megabyte));
    const outcomes = await Promise.allSettled(appends);
    const taken = outcomes.filter((outcome) => outcome.status === "fulfilled").length;
    for (const outcome of outcomes) if (outcome.status === "rejected") assert.ok(refused("log-full")(outcome.reason));
    assert.equal(taken, 63);
    assert.deepEqual(await log.bounds("a", 0), { start: 0, end: 63 });
    await log.append("a", megabyte);
    await log.close();
  });

  test("one append larger than the bound is taken when nothing waits", async () => {
    const [log] = await openLog(1e9);
    await log.create(["a"]);
    const shared = { value: new Uint8Array(MEGABYTE) };
    await log.append(
      "a",
      Array.from({ length: 70 }, () => shared),
    );
    assert.deepEqual(await log.bounds("a", 0), { start: 0, end: 70 });
    await log.close();
  });
});

describe("append time", () => {
  test("is the log's clock, for every record, packed or not", async () => {
    const [log] = await openLog(1e9);
    await log.create(["a"]);
    clock.set(1_768_317_120_000);
    for (let i = 0; i < 2000; i++) {
      const durable = log.append("a", [record(`${i}`.padStart(50, "x"))]);
      await durable;
      clock.advance(i % 100 === 0 ? -37 : 1000.5);
    }
    await log.close();
    clock.set(1_768_317_120_000);
    const [again] = [
      await openEmbeddedLog({ directory: join(root, `${directories - 1}`), retentionBytes: 1e9, clock }),
    ];
    await again.create(["a"]);
    const rows = await readRecords(again.reader([{ topic: "a", partition: 0, offset: 0 }]), 2000);
    for (const [i, row] of rows.entries()) {
      assert.equal(row.time, Math.floor(clock.now()), `record ${i}`);
      assert.equal(row.appendTime, true);
      clock.advance(i % 100 === 0 ? -37 : 1000.5);
    }
    await again.close();
  });
});
