/** The embedded log's writer, in this thread and step by step: packing changes no record, and a power failure at any moment loses nothing acknowledged. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { EmbeddedReader, type TopicTail } from "../../src/log/embedded/embedded-reader.ts";
import { ReadConnection } from "../../src/log/embedded/log-file.ts";
import { LogWriter } from "../../src/log/embedded/log-writer.ts";
import type { NewRow } from "../../src/log/embedded/messages.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { record, type Seen, seen } from "../suites/log-suite.ts";

const directory = mkdtempSync(join(tmpdir(), "tidemark-writer-"));
after(() => rmSync(directory, { recursive: true }));

const NAMES = ["temperature", "humidity", "pressure"];
const RETENTION_BYTES = 1e9;

/** A log in one thread, and what must be in it. */
class Bench {
  readonly path: string;
  readonly writer: LogWriter;
  readonly connection: ReadConnection;
  #waiting: NewRow[] = [];
  readonly expected = new Map<string, Seen[]>(NAMES.map((name) => [name, []]));

  constructor(file: string, retentionBytes = RETENTION_BYTES) {
    this.path = join(directory, file);
    this.writer = new LogWriter(this.path, retentionBytes);
    this.writer.createTopics(NAMES.map((name) => ({ name, id: `id of ${name}` })));
    this.connection = new ReadConnection(this.path);
  }

  /** A batch for the next `flush`. */
  append(name: string, records: readonly NewRecord[], time: number): void {
    const rows = this.expected.get(name) ?? [];
    const base = rows.length;
    const bytes = new Uint8Array(encodeBatch({ baseOffset: base, records, timestamp: time, appendTime: true }));
    this.#waiting.push({ topic: NAMES.indexOf(name) + 1, base, next: base + records.length, time, bytes });
    for (const [i, { key, value }] of records.entries()) {
      const [keyText, valueText] = [key ?? null, value].map((b) =>
        b === null ? null : Buffer.from(b).toString("latin1"),
      );
      rows.push({ offset: base + i, key: keyText, value: valueText, time, appendTime: true });
    }
  }

  /** One transaction, as the main thread sends what came during the one before. */
  flush(): void {
    this.writer.append(this.#waiting);
    this.#waiting = [];
  }

  reader(name: string, offset = 0): EmbeddedReader {
    return readerOf(this.writer, this.connection, name, offset);
  }

  rows(name: string): number {
    return this.connection.rows(NAMES.indexOf(name) + 1, 0, Infinity, Infinity).length;
  }

  close(): void {
    this.connection.close();
    this.writer.close();
  }
}

function readerOf(writer: LogWriter, connection: ReadConnection, name: string, offset: number): EmbeddedReader {
  const number = NAMES.indexOf(name) + 1;
  const live = {
    number,
    name,
    get end() {
      return writer.topics()[number - 1].end;
    },
  };
  const tail = (topic: string): TopicTail | undefined => (topic === name ? live : undefined);
  return new EmbeddedReader({ connection, tail, release: () => {} }, [{ topic: name, partition: 0, offset }]);
}

/** Everything up to the end; a reader that has it all would wait. */
async function readAll(reader: EmbeddedReader, from: number, count: number): Promise<Seen[]> {
  const rows: Seen[] = [];
  const records = new Records();
  while (from + rows.length < count) {
    const fetched = await reader.read();
    assert.ok(fetched !== null);
    assert.equal(fetched.gap, null);
    while (fetched.next(records)) rows.push(...seen(records));
  }
  return rows;
}

function randomRecords(random: Random, count: number): NewRecord[] {
  return Array.from({ length: count }, () => {
    const value = random.chance(0.002) ? "v".repeat(random.integer(1000, 30_000)) : `${random.integer(0, 100)}`;
    return record(value, random.chance(0.2) ? `device-${random.integer(0, 5)}` : undefined);
  });
}

describe("packing", () => {
  test("keeps every record, offset and append time, for readers anywhere", async () => {
    const bench = new Bench("packing.db");
    const random = new Random(42);
    let time = 1_768_317_120_000;
    let steps = 0;
    const followers = new Map(NAMES.map((name) => [name, bench.reader(name)]));
    const followed = new Map<string, Seen[]>(NAMES.map((name) => [name, []]));
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 600; i++) {
        // The clock is set back now and then: append times are what they are.
        time += random.chance(0.01) ? -random.integer(0, 100_000) : random.integer(0, 2000);
        const size = random.pick([1, 1, 1, 1, 2, 5, 40]) * (random.chance(0.003) ? 300 : 1);
        bench.append(random.pick(NAMES), randomRecords(random, size), time);
        if (!random.chance(0.05)) continue;
        bench.flush();
        if (bench.writer.work()) steps++;
      }
      bench.flush();
      for (const name of NAMES) {
        const expected = bench.expected.get(name) ?? [];
        // One that stops in the middle of a fetch of small batches, before these are packed under it.
        const own = followed.get(name) ?? [];
        const follower = followers.get(name);
        assert.ok(follower !== undefined);
        const fetched = await follower.read();
        const records = new Records();
        while (bench.writer.work()) steps++;
        while (fetched?.next(records)) own.push(...seen(records));
        own.push(...(await readAll(follower, own.length, expected.length)));
        assert.deepEqual(own, expected);
        for (const offset of [0, 1, random.integer(0, expected.length - 1), expected.length - 1]) {
          assert.deepEqual(await readAll(bench.reader(name, offset), offset, expected.length), expected.slice(offset));
        }
      }
    }
    assert.ok(steps > 10, `${steps} steps of work`);
    for (const name of NAMES) assert.ok(bench.rows(name) < 900, `${name}: ${bench.rows(name)} batches`);
    bench.close();
    const again = new Bench("packing.db");
    for (const name of NAMES) {
      const expected = bench.expected.get(name) ?? [];
      assert.deepEqual(await readAll(again.reader(name), 0, expected.length), expected);
    }
    again.close();
  });

  test("single appends of integers take a few bytes each once packed, and the newest stay as they are", () => {
    const bench = new Bench("small.db");
    const random = new Random(6);
    let time = 1_768_317_120_000;
    const count = 24_000;
    for (let i = 0; i < count; i++) {
      time += 1000 + random.integer(-3, 3);
      bench.append("temperature", [record(`${random.integer(0, 100)}`)], time);
      if (i % 100 !== 99) continue;
      bench.flush();
      bench.writer.work();
    }
    while (bench.writer.work());
    const rows = bench.connection.rows(1, 0, Infinity, Infinity);
    const packed = rows.filter(({ base, next }) => next - base > 1);
    const bytes = packed.reduce((sum, row) => sum + row.bytes.length, 0);
    const readings = packed.reduce((sum, row) => sum + row.next - row.base, 0);
    assert.ok(readings > count * 0.6, `${readings} packed`);
    assert.ok(bytes / readings < 8, `${bytes / readings} bytes a reading`);
    const single = rows.slice(-16);
    assert.ok(single.every(({ base, next }) => next - base === 1));
    bench.close();
  });

  test("work comes to an end when nothing new comes", () => {
    const bench = new Bench("end.db");
    const random = new Random(12);
    for (let i = 0; i < 60; i++) {
      bench.append("temperature", randomRecords(random, random.pick([1, 10, 8000])), 1_768_317_120_000 + i);
      bench.flush();
      let steps = 0;
      while (bench.writer.work()) assert.ok(++steps < 1000, "work without end");
    }
    bench.close();
  });
});

const SECTOR_BYTES = 512;

/**
 * The disk after a power failure: of what was written since the last sync, each sector either arrived or did not, and the file may be cut.
 * @param synced the bytes as they were when last known to be on the disk
 */
function afterPowerFailure(random: Random, synced: Buffer, now: Buffer): Buffer {
  const arrived = random.pick([0, 0.5, 0.9, 1]);
  const disk = Buffer.alloc(Math.max(synced.length, now.length));
  synced.copy(disk);
  let length = synced.length;
  for (let at = 0; at < now.length; at += SECTOR_BYTES) {
    if (!random.chance(arrived)) continue;
    const end = Math.min(now.length, at + SECTOR_BYTES);
    now.copy(disk, at, at, end);
    length = Math.max(length, end);
  }
  return disk.subarray(0, length);
}

describe("power failure", () => {
  test("loses nothing acknowledged, whatever part of the unsynced bytes reached the disk", async () => {
    const bench = new Bench("power.db");
    const random = new Random(99);
    const wal = `${bench.path}-wal`;
    let time = 1_768_317_120_000;
    const done = { appends: 0, work: 0, cuts: 0 };
    for (let round = 0; round < 40; round++) {
      for (let i = random.integer(1, 20); i > 0; i--) {
        time += random.integer(0, 2000);
        bench.append(random.pick(NAMES), randomRecords(random, random.pick([1, 1, 3, 60, 800])), time);
        done.appends++;
      }
      bench.flush();
      // The last append was synced; deletions and packing since then were not.
      const synced = readFileSync(wal);
      const file = readFileSync(bench.path);
      let steps = 0;
      while (steps < 3 && bench.writer.work()) steps++;
      done.work += steps;
      // A checkpoint writes to the file itself, and syncs it.
      const checkpointed = !readFileSync(bench.path).equals(file);
      const copy = join(directory, `power-${round}.db`);
      cpSync(bench.path, copy);
      const now = readFileSync(wal);
      writeFileSync(`${copy}-wal`, checkpointed ? now : afterPowerFailure(random, synced, now));
      if (!checkpointed && steps > 0) done.cuts++;
      const writer = new LogWriter(copy, RETENTION_BYTES);
      const connection = new ReadConnection(copy);
      for (const name of NAMES) {
        const expected = bench.expected.get(name) ?? [];
        if (expected.length === 0) continue;
        assert.equal(writer.topics()[NAMES.indexOf(name)].end, expected.length);
        const offset = random.chance(0.1) ? 0 : Math.max(0, expected.length - 1000);
        const rows = await readAll(readerOf(writer, connection, name, offset), offset, expected.length);
        assert.deepEqual(rows, expected.slice(offset));
      }
      connection.close();
      writer.close();
      for (const suffix of ["", "-wal", "-shm"]) if (existsSync(copy + suffix)) rmSync(copy + suffix);
    }
    bench.close();
    assert.ok(done.cuts > 12, JSON.stringify(done));
  });
});
