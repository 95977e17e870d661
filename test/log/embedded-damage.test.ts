/** A damaged or foreign log file is named, with topic and offset where they can be told; nothing is jumped over. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../src/log/log.ts";
import { record, seen } from "../suites/log-suite.ts";

const root = mkdtempSync(join(tmpdir(), "tidemark-damage-"));
after(() => rmSync(root, { recursive: true }));

function openLog(directory: string): Promise<Log> {
  return openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock });
}

/** A closed log with one topic of `count` single appends. */
async function written(name: string, count: number): Promise<{ directory: string; file: string }> {
  const directory = join(root, name);
  const log = await openLog(directory);
  await log.create(["temperature"]);
  for (let i = 0; i < count; i++) await log.append("temperature", [record(`${i}`)]);
  await log.close();
  return { directory, file: join(directory, "log.db") };
}

/** Without them damage is found where it is read; with them, when the log is opened (embedded-at-rest.test.ts). */
function forgetSums(directory: string): void {
  rmSync(join(directory, "log.sums"), { force: true });
}

/** Reads all; what was read before the log was found damaged, and how that was said. */
async function readUntilDamage(directory: string): Promise<{ offsets: number[]; error: TidemarkError }> {
  forgetSums(directory);
  const log = await openLog(directory);
  const offsets: number[] = [];
  try {
    await log.create(["temperature"]);
    const reader = log.reader([{ topic: "temperature", partition: 0, offset: 0 }]);
    const records = new Records();
    for (;;) {
      const fetched = await reader.read();
      assert.ok(fetched !== null);
      while (fetched.next(records)) offsets.push(...seen(records).map((row) => row.offset));
    }
  } catch (error) {
    assert.ok(error instanceof TidemarkError, String(error));
    return { offsets, error };
  } finally {
    await log.close();
  }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe("a damaged log", () => {
  test("a flipped bit anywhere in a batch is named with file, topic and offset", async () => {
    const { directory, file } = await written("flipped", 12);
    const random = new Random(5);
    for (let round = 0; round < 5; round++) {
      const db = new DatabaseSync(file);
      const bytes = db.prepare("SELECT bytes FROM batch WHERE base = 7").get()?.["bytes"];
      assert.ok(bytes instanceof Uint8Array);
      const flipped = Uint8Array.from(bytes);
      // The leader epoch, bytes 12 to 15, means nothing here and is not in the checksum.
      const at = random.pick([0, 7, 8, 11, 16, 17, 21, 22, 40, 60, random.integer(61, bytes.length - 1)]);
      flipped[at] ^= 1 << random.integer(0, 7);
      const update = db.prepare("UPDATE batch SET bytes = ? WHERE base = 7");
      update.run(flipped);
      db.close();
      const { offsets, error } = await readUntilDamage(directory);
      assert.deepEqual(offsets, upTo(7), `byte ${at}`);
      assert.equal(error.code, "log-corrupt");
      assert.ok(error.message.includes(`${file}, topic "temperature"`), error.message);
      assert.match(error.message, /batch at offset -?\d+ is damaged/);
      const again = new DatabaseSync(file);
      again.prepare("UPDATE batch SET bytes = ? WHERE base = 7").run(bytes);
      again.close();
    }
  });

  test("a batch that is missing in the middle is no gap", async () => {
    const { directory, file } = await written("missing", 12);
    const db = new DatabaseSync(file);
    db.exec("DELETE FROM batch WHERE base = 5");
    db.close();
    const { error } = await readUntilDamage(directory);
    assert.equal(error.code, "log-corrupt");
    assert.match(error.message, /topic "temperature": the batch at offset 5 is missing/);
  });

  // The base offset, bytes 0 to 7, is not under the checksum.
  for (const at of [7, 65])
    test(`packing leaves a damaged batch as it is, and goes on behind it (byte ${at})`, async () => {
      const { directory, file } = await written(`packed-${at}`, 100);
      const db = new DatabaseSync(file);
      const bytes = db.prepare("SELECT bytes FROM batch WHERE base = 50").get()?.["bytes"];
      assert.ok(bytes instanceof Uint8Array);
      const flipped = Uint8Array.from(bytes);
      flipped[at] ^= 4;
      db.prepare("UPDATE batch SET bytes = ? WHERE base = 50").run(flipped);
      forgetSums(directory);
      const log = await openLog(directory);
      await log.create(["temperature"]);
      const wide = (count: number, width: number) => Array.from({ length: count }, () => record("y".repeat(width)));
      // Enough for a run with the damaged batch, which stays, and for one behind it, which is packed.
      for (let i = 0; i < 3; i++) await log.append("temperature", wide(500, 100));
      for (let i = 0; i < 120; i++) await log.append("temperature", wide(1, 800));
      const count = db.prepare("SELECT count(*) AS n FROM batch");
      while (Number(count.get()?.["n"]) > 200) await new Promise((resolve) => setImmediate(resolve));
      db.close();
      await log.close();
      const { offsets, error } = await readUntilDamage(directory);
      assert.deepEqual(offsets, upTo(50));
      assert.match(error.message, /the batch at offset 50 is damaged/);
    });

  test("a page of the file that is overwritten", async () => {
    const { directory, file } = await written("page", 400);
    const bytes = readFileSync(file);
    for (let at = 3 * 4096; at < bytes.length; at += 4096) bytes.fill(0xa5, at, at + 4096);
    writeFileSync(file, bytes);
    await assert.rejects(
      async () => {
        const { error } = await readUntilDamage(directory);
        throw error;
      },
      (error) => error instanceof TidemarkError && error.code === "log-corrupt" && error.message.includes(file),
    );
  });

  test("a file that is no database, and one of another program", async () => {
    const directory = join(root, "foreign");
    const log = await openLog(directory);
    await log.close();
    const file = join(directory, "log.db");
    forgetSums(directory);
    writeFileSync(file, "not a database, but long enough for a header of one hundred bytes".repeat(100));
    await assert.rejects(openLog(directory), (error) => {
      return error instanceof TidemarkError && error.code === "log-corrupt" && error.message.includes(file);
    });
    rmSync(file);
    const other = new DatabaseSync(file);
    other.exec("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)");
    other.close();
    await assert.rejects(openLog(directory), (error) => {
      return (
        error instanceof TidemarkError && error.code === "data-dir-unusable" && /application_id/.test(error.message)
      );
    });
    const untouched = new DatabaseSync(file);
    assert.equal(untouched.prepare("SELECT x FROM mine").get()?.["x"], 1);
    untouched.close();
  });

  test("a directory that cannot be one", async () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    for (const directory of [file, join(file, "data")]) {
      await assert.rejects(openLog(directory), (error) => {
        return error instanceof TidemarkError && error.code === "data-dir-unusable" && error.message.includes(file);
      });
    }
  });
});
