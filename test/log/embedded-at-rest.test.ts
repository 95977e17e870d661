/**
 * A log whose files were changed while nobody looked: every record is read as it was appended, or its offset is in a gap that the log names; offsets go
 * on behind what was acknowledged.
 */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../src/log/log.ts";
import { DiskThread } from "../../src/store/disk-thread.ts";
import { record, seen } from "../suites/log-suite.ts";

const SEED = 31;

/** Bytes of a page of the log. */
const PAGE = 4096;

// In memory where there is such a place: thousands of syncs, of which none is the point.
const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-at-rest-"));
// One for all: a thread each would be most of the time.
const thread = new DiskThread();
const keepsThread = thread.serve(
  new URL("data:text/javascript,export const serve = (port) => port.on('message', () => port.close())"),
  null,
);
after(() => {
  keepsThread.postMessage("end");
  rmSync(root, { recursive: true });
});

function openLog(directory: string): Promise<Log> {
  return openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock, thread });
}

const NAMES = ["temperature", "humidity"];

interface Made {
  readonly directory: string;
  /** What was acknowledged, in the order of offsets, by topic. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** A log of small appends, large ones, and packed batches. @param killed: its files as a killed process leaves them */
async function makeLog(name: string, killed: boolean): Promise<Made> {
  const work = join(root, `${name}-work`);
  const directory = join(root, name);
  const random = new Random(SEED);
  const log = await openLog(work);
  await log.create([...NAMES, "last"]);
  const values = new Map<string, string[]>(NAMES.map((topic) => [topic, []]));
  const append = async (topic: string, count: number, width: number) => {
    const known = values.get(topic) ?? [];
    const added = Array.from({ length: count }, (_, i) => `${known.length + i}`.padEnd(random.integer(1, width), "x"));
    known.push(...added);
    await log.append(
      topic,
      added.map((value) => record(value)),
    );
  };
  for (let i = 0; i < 24; i++) {
    await append("temperature", 1, 40);
    if (i % 3 === 0) await append("temperature", 100, 60);
    if (i % 8 === 0) await append("humidity", 1, 3000);
  }
  // What is kept outside of the file is written after an append was acknowledged: before the next one is.
  await log.append("last", [record("")]);
  // Packed once it is more than 64 KB, and moved into the file once it is 4 MB.
  if (killed) cpSync(work, directory, { recursive: true });
  await log.close();
  if (!killed) cpSync(work, directory, { recursive: true });
  rmSync(work, { recursive: true });
  rmSync(join(directory, "log.db-shm"), { force: true });
  return { directory, values };
}

interface Read {
  readonly records: ReadonlyMap<number, string>;
  readonly lost: number;
}

/** All of a topic: its records by offset, and how many offsets were in gaps. */
async function readAll(log: Log, topic: string, end: number): Promise<Read> {
  const reader = log.reader([{ topic, partition: 0, offset: 0 }]);
  const read = new Map<number, string>();
  const records = new Records();
  let lost = 0;
  while (read.size + lost < end) {
    const fetched = await reader.read();
    assert.ok(fetched !== null);
    lost += fetched.gap === null ? 0 : fetched.gap.to - fetched.gap.from;
    while (fetched.next(records)) for (const { offset, value } of seen(records)) read.set(offset, value ?? "");
  }
  await reader.close();
  return { records: read, lost };
}

type Outcome = "right" | "repaired" | "lost" | "named";

/** Alters a copy and opens it. */
async function outcomeOf({ directory, values }: Made, alter: (copy: string) => void): Promise<Outcome> {
  const copy = `${directory}-altered`;
  cpSync(directory, copy, { recursive: true });
  alter(copy);
  let log: Log;
  try {
    log = await openLog(copy);
  } catch (error) {
    assert.ok(error instanceof TidemarkError, String(error));
    return "named";
  }
  try {
    let lost = 0;
    const notices = (log.notices ?? []).join("; ");
    for (const [topic, truth] of values) {
      await log.create([topic]);
      assert.equal((await log.bounds(topic, 0)).end, truth.length, notices);
      const read = await readAll(log, topic, truth.length);
      for (const [offset, value] of read.records) assert.equal(value, truth[offset]);
      assert.equal(read.records.size + read.lost, truth.length);
      if (read.lost > 0)
        assert.match(notices, new RegExp(`"${topic}": ${read.lost} acknowledged records? (is|are) lost`));
      lost += read.lost;
      await log.append(topic, [record("after")]);
      assert.equal((await log.bounds(topic, 0)).end, truth.length + 1);
    }
    if (lost > 0) return "lost";
    return notices === "" ? "right" : "repaired";
  } finally {
    await log.close();
    rmSync(copy, { recursive: true });
  }
}

function flip(path: string, at: number, bit: number): void {
  const bytes = readFileSync(path);
  bytes[at] ^= 1 << bit;
  writeFileSync(path, bytes);
}

/** Flips a bit of some places of each file. @returns how often it ended how, by file */
async function flipAll(made: Made, step: number): Promise<Record<string, Partial<Record<Outcome, number>>>> {
  const random = new Random(SEED);
  const counts: Record<string, Partial<Record<Outcome, number>>> = {};
  for (const file of readdirSync(made.directory)) {
    const ends: Partial<Record<Outcome, number>> = (counts[file] = {});
    const { size } = statSync(join(made.directory, file));
    for (let at = 0; at < size; at += 1 + random.integer(0, 2 * step)) {
      const outcome = await outcomeOf(made, (copy) => flip(join(copy, file), at, random.integer(0, 7)));
      ends[outcome] = (ends[outcome] ?? 0) + 1;
    }
  }
  return counts;
}

describe("one bit flipped", () => {
  for (const killed of [false, true]) {
    test(`of a log that was ${killed ? "killed" : "closed"}`, async (t) => {
      const counts = await flipAll(await makeLog(`flipped-${killed}`, killed), 4000);
      t.diagnostic(`seed ${SEED}: ${JSON.stringify(counts)}`);
      for (const [file, ends] of Object.entries(counts)) {
        assert.equal(ends.named, undefined, file);
        if (!file.startsWith("log.db")) assert.equal(ends.lost, undefined, file);
      }
      const { lost = 0, repaired = 0 } = counts[killed ? "log.db-wal" : "log.db"];
      assert.ok(lost > 0 && repaired > 0, "flips of a batch lose it, others lose nothing");
    });
  }
});

describe("whole pages and files", () => {
  test("zeroed, cut off, gone", async () => {
    const random = new Random(SEED);
    for (const killed of [false, true]) {
      const made = await makeLog(`pages-${killed}`, killed);
      for (const file of readdirSync(made.directory)) {
        const path = (copy: string) => join(copy, file);
        const { size } = statSync(path(made.directory));
        for (let i = 0; i < 6; i++) {
          const cut = random.integer(0, size - 1);
          await outcomeOf(made, (copy) => truncateSync(path(copy), cut));
          const page = Math.floor(random.integer(0, size - 1) / PAGE);
          await outcomeOf(made, (copy) => {
            const bytes = readFileSync(path(copy));
            writeFileSync(path(copy), bytes.fill(0, page * PAGE, Math.min(size, (page + 1) * PAGE)));
          });
        }
        const gone = await outcomeOf(made, (copy) => rmSync(path(copy)));
        // All that the killed one held was in its write-ahead log still.
        const wanted =
          file === (killed ? "log.db-wal" : "log.db") ? "lost" : killed && file === "log.db" ? "repaired" : "right";
        assert.equal(gone, wanted, `${file}, killed ${killed}`);
      }
    }
  });
});
