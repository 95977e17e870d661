/** The log's own figures: decoding, durable appends, bytes a reading before and after packing. `node bench/log.ts [directory]` */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32c as native } from "@node-rs/crc32";
import { ManualClock, systemClock } from "../src/core/clock.ts";
import { Random } from "../src/core/random.ts";
import { Records } from "../src/core/records.ts";
import { encodeBatch } from "../src/log/batch-writer.ts";
import { CODECS } from "../src/log/compression.ts";
import { crc32c } from "../src/log/crc32c.ts";
import { openEmbeddedLog } from "../src/log/embedded/embedded-log.ts";
import { ReadConnection } from "../src/log/embedded/log-file.ts";
import { LogWriter } from "../src/log/embedded/log-writer.ts";
import type { Log } from "../src/log/log.ts";
import { decodeBatch } from "../src/log/record-batch.ts";

const parent = process.argv[2] ?? tmpdir();
mkdirSync(parent, { recursive: true });
const directory = mkdtempSync(join(parent, "tidemark-bench-log-"));
const ROUNDS = 9;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** Median CPU ns of one of `count` things that `run` does, the first rounds left out: they compile. */
function nanoseconds(count: number, run: () => void): number {
  const rounds = Array.from({ length: ROUNDS + 3 }, () => {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    return ((user + system) * 1000) / count;
  });
  return median(rounds.slice(3));
}

function show(name: string, figure: number, unit: string): void {
  console.log(`${name.padEnd(52)} ${figure.toFixed(figure < 100 ? 2 : 0).padStart(10)} ${unit}`);
}

function integers(random: Random, count: number): { value: Buffer }[] {
  return Array.from({ length: count }, () => ({ value: Buffer.from(`${random.integer(0, 100)}`) }));
}

function decoding(): void {
  const random = new Random(1);
  for (const stepMs of [1, 1000]) {
    for (const codec of CODECS) {
      const count = 5000;
      const batches = Array.from({ length: 100 }, (_, batch) => {
        const baseOffset = batch * count;
        const timestamp = Array.from({ length: count }, (_, i) => 1_768_317_120_000 + (baseOffset + i) * stepMs);
        return encodeBatch({ baseOffset, records: integers(random, count), timestamp, codec });
      });
      const bytes = Buffer.concat(batches);
      const into = new Records();
      const ns = nanoseconds(count * batches.length, () => {
        for (let p = 0; p < bytes.length; ) p = decodeBatch(bytes, p, bytes.length, 0, into);
      });
      const size = (bytes.length / (count * batches.length)).toFixed(1);
      show(`decode, one each ${stepMs} ms, ${codec} (${size} B a record)`, ns, "ns a record");
    }
  }
}

function checksums(): void {
  const bytes = Buffer.alloc(65_536, 7);
  for (const length of [64, 200, 300, 1000, 65_536]) {
    const calls = 4000 + Math.ceil(4e7 / length);
    const own = nanoseconds(calls, () => {
      for (let i = 0; i < calls; i++) crc32c(bytes, 0, length);
    });
    const bare = nanoseconds(calls, () => {
      for (let i = 0; i < calls; i++) native(bytes.subarray(0, length));
    });
    show(`CRC-32C of ${length} B (native alone: ${bare.toFixed(0)} ns)`, own, "ns");
  }
}

async function rate(name: string, count: number, run: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await run();
  show(name, (count / (performance.now() - start)) * 1000, "readings/s");
}

async function drain(log: Log, topic: string, count: number): Promise<void> {
  const reader = log.reader([{ topic, partition: 0, offset: 0 }]);
  const into = new Records();
  for (let seen = 0; seen < count; ) {
    const fetched = await reader.read();
    while (fetched?.next(into)) seen += into.count;
  }
  await reader.close();
}

async function appends(): Promise<void> {
  const log = await openEmbeddedLog({
    directory: join(directory, "appends"),
    retentionBytes: 1e10,
    clock: systemClock,
  });
  await log.create(["single", "together", "thousands", "deep"]);
  const random = new Random(2);
  const [one] = integers(random, 1);
  const thousand = integers(random, 1000);
  const latencies: number[] = [];
  await rate("append one, awaited", 3000, async () => {
    for (let i = 0; i < 3000; i++) {
      const start = performance.now();
      await log.append("single", [one]);
      latencies.push(performance.now() - start);
    }
  });
  latencies.sort((a, b) => a - b);
  show("  its time, p50", latencies[1500], "ms");
  show("  its time, p99", latencies[2970], "ms");
  await rate("append one, 100 callers at once", 100_000, async () => {
    for (let i = 0; i < 1000; i++) await Promise.all(Array.from({ length: 100 }, () => log.append("together", [one])));
  });
  await rate("append 1000, awaited", 1_000_000, async () => {
    for (let i = 0; i < 1000; i++) await log.append("thousands", thousand);
  });
  await rate("append 1000, 16 at once", 4_000_000, async () => {
    for (let i = 0; i < 250; i++) await Promise.all(Array.from({ length: 16 }, () => log.append("deep", thousand)));
  });
  await rate("read them back", 4_000_000, () => drain(log, "deep", 4_000_000));
  await log.close();
}

/** Single appends at 1 Hz with a millisecond's disorder, a day long, as the writer sees them. */
function packing(): void {
  const path = join(directory, "packing.db");
  const clock = new ManualClock(1_768_317_120_000);
  const random = new Random(3);
  const count = 86_400;
  const writer = new LogWriter(path, 1e10);
  writer.createTopics([{ name: "temperature", id: "temperature" }]);
  const before = writer.usage().bytes;
  const rows = integers(random, count).map((record, base) => {
    clock.advance(1000 + random.integer(-2, 2));
    const time = clock.now();
    const bytes = new Uint8Array(
      encodeBatch({ baseOffset: base, records: [record], timestamp: time, appendTime: true }),
    );
    return { topic: 1, base, next: base + 1, time, bytes };
  });
  for (let i = 0; i < count; i += 100) writer.append(rows.slice(i, i + 100));
  show("file, single appends", (writer.usage().bytes - before) / count, "B a reading");
  const start = process.cpuUsage();
  while (writer.work());
  const { user, system } = process.cpuUsage(start);
  show("packing", ((user + system) * 1000) / count, "ns a reading");
  const connection = new ReadConnection(path);
  const packed = connection.rows(1, 0, count, Infinity).filter(({ base, next }) => next - base > 1);
  const bytes = packed.reduce((sum, row) => sum + row.bytes.length, 0);
  const readings = packed.reduce((sum, row) => sum + row.next - row.base, 0);
  show("packed batches", bytes / readings, "B a reading");
  show("file, packed (its newest 64 KB are not)", (writer.usage().bytes - before) / count, "B a reading");
  connection.close();
  writer.close();
}

try {
  decoding();
  checksums();
  packing();
  await appends();
} finally {
  rmSync(directory, { recursive: true });
}
