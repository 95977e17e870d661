/** The contract of src/log/log.ts as tests: every backend runs this suite with real instances (test/log/embedded-log.test.ts, test/kafka/…). */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { TidemarkError } from "../../src/core/errors.ts";
import { RECORD_BYTES_MAX } from "../../src/core/limits.ts";
import { Random } from "../../src/core/random.ts";
import { ABSENT, Records } from "../../src/core/records.ts";
import type { Gap, Log, LogReader, NewRecord, Position, Topic } from "../../src/log/log.ts";

/** A backend's storage, under which logs are opened one after the other. New topics have one partition. */
export interface LogBench {
  /** Opens the log; topics and records of earlier ones are still there. */
  open(): Promise<Log>;
  /** Drops the first records of the topic, at least one and not all of `end`; absent where the backend cannot. */
  readonly trim?: (log: Log, topic: string, end: number) => Promise<void>;
  /** Removes the storage. */
  dispose(): Promise<void>;
}

/** A record as it was read back; an absent key or value is null. */
export interface Seen {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly time: number;
  readonly appendTime: boolean;
}

/** Bytes as text one to one, so that any bytes can be compared. */
function latin1(data: Uint8Array, start: number, end: number): string | null {
  return start === ABSENT ? null : Buffer.from(data.subarray(start, end)).toString("latin1");
}

/** The records of a fill as values, and a check of what every fill must hold. */
export function seen(records: Records): Seen[] {
  const rows: Seen[] = [];
  for (let i = 0; i < records.count; i++) {
    const offset = records.offset[i];
    assert.ok(offset < records.nextOffset, `offset ${offset} lies before nextOffset ${records.nextOffset}`);
    rows.push({
      offset,
      key: latin1(records.data, records.keyStart[i], records.keyEnd[i]),
      value: latin1(records.data, records.valueStart[i], records.valueEnd[i]),
      time: records.timestamp[i],
      appendTime: records.appendTime,
    });
  }
  return rows;
}

/** Reads until `count` records of one topic came; fails when a read ends the reader. */
export async function readRecords(reader: LogReader, count: number): Promise<Seen[]> {
  const rows: Seen[] = [];
  const records = new Records();
  while (rows.length < count) {
    const fetched = await reader.read();
    assert.ok(fetched !== null, `the reader ended after ${rows.length} of ${count} records`);
    while (fetched.next(records)) {
      rows.push(...seen(records));
      assert.ok(fetched.logEnd >= records.nextOffset, "a read goes no further than the log's end");
    }
  }
  return rows;
}

export function record(value: string, key?: string): NewRecord {
  const bytes = Buffer.from(value, "latin1");
  return key === undefined ? { value: bytes } : { value: bytes, key: Buffer.from(key, "latin1") };
}

export function values(rows: readonly Seen[]): (string | null)[] {
  return rows.map((row) => row.value);
}

export function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TidemarkError && error.code === code;
}

/** What a watcher was told, in order. */
class Told {
  readonly topics: Topic[] = [];
  #wake = (): void => {};

  readonly take = (topics: readonly Topic[]): void => {
    assert.ok(topics.length > 0, "told of nothing");
    this.topics.push(...topics);
    this.#wake();
  };

  /** What it was told, in the order of names, once that are so many. */
  async until(count: number): Promise<Topic[]> {
    while (this.topics.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.topics.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** @param make new, empty storage for the whole suite */
export function logSuite(name: string, make: () => Promise<LogBench>): void {
  describe(`log contract: ${name}`, { concurrency: 1 }, () => {
    let bench: LogBench;
    let log: Log;

    before(async () => {
      bench = await make();
      log = await bench.open();
    });

    after(async () => {
      await log.close();
      await bench.dispose();
    });

    /** Ends the log and opens it anew over the same storage. */
    async function reopen(): Promise<void> {
      await log.close();
      log = await bench.open();
    }

    async function newTopics(count: number): Promise<Topic[]> {
      const topics = await log.create(Array.from({ length: count }, () => `suite-${randomUUID()}`));
      for (const topic of topics) assert.deepEqual(topic.partitions, [0], "the suite needs topics of one partition");
      return topics;
    }

    async function newTopic(): Promise<string> {
      return (await newTopics(1))[0].name;
    }

    function from(topic: string, offset = 0): Position {
      return { topic, partition: 0, offset };
    }

    test("create makes topics, finds them again, and keeps their ids", async () => {
      const names = [`suite-${randomUUID()}`, `suite-${randomUUID()}`];
      const made = await log.create(names);
      assert.deepEqual(
        made.map((topic) => topic.name),
        names,
      );
      assert.notEqual(made[0].id, made[1].id);
      assert.deepEqual(await log.create(names), made);
      assert.deepEqual(await log.create([names[1]]), [made[1]]);
      await log.append(names[0], [record("1")]);
      await reopen();
      assert.deepEqual(await log.open([names[1], names[0]]), { topics: [made[1], made[0]], missing: [] });
    });

    test("open makes nothing and names what is missing", async () => {
      const there = await newTopic();
      const missing = [`suite-${randomUUID()}`, `suite-${randomUUID()}`];
      for (let time = 0; time < 2; time++) {
        const opened = await log.open([missing[0], there, missing[1]]);
        assert.deepEqual(
          opened.topics.map(({ name }) => name),
          [there],
        );
        assert.deepEqual(opened.missing, missing);
      }
      await assert.rejects(log.append(missing[0], [record("1")]), refused("topic-missing"));
      const names = await log.topics();
      for (const name of missing) assert.ok(!names.includes(name), `${name} was made`);
    });

    test("topics are listed by name, without the log's own", async () => {
      const own = `__suite-${randomUUID()}`;
      const [topic] = await log.create([`suite-${randomUUID()}`, own]);
      const names = await log.topics();
      assert.ok(names.includes(topic.name));
      assert.deepEqual(
        names.filter((name) => name.startsWith("__")),
        [],
      );
      assert.deepEqual(names, [...names].sort());
      await reopen();
      assert.ok((await log.topics()).includes(topic.name));
    });

    test("a watcher is told of what exists and of what appears, each once, until it is stopped", async () => {
      const prefix = `suite-${randomUUID()}`;
      const [first] = await log.create([`${prefix}-1`, `other-${prefix}`]);
      const tolds = [new Told(), new Told()];
      const stops = [
        log.watch((name) => name.startsWith(prefix), tolds[0].take),
        log.watch([`${prefix}-2`, first.name], tolds[1].take),
      ];
      for (const told of tolds) assert.deepEqual(await told.until(1), [first]);
      const [second, third] = await log.create([`${prefix}-2`, `${prefix}-3`]);
      assert.deepEqual(await tolds[0].until(3), [first, second, third]);
      assert.deepEqual(await tolds[1].until(2), [first, second]);
      stops[1]();
      const [fourth] = await log.create([`${prefix}-4`, `__${prefix}`]);
      assert.deepEqual(await tolds[0].until(4), [first, second, third, fourth]);
      await log.append(fourth.name, [record("told of, so open")]);
      stops[0]();
      assert.equal(tolds[1].topics.length, 2);
    });

    test("a partition is added to a reader that waits, and read from the offset that it is given anew", async () => {
      const [first, second] = (await newTopics(2)).map(({ name }) => name);
      await log.append(second, [record("0"), record("1"), record("2")]);
      const reader = log.reader([]);
      const waiting = readRecords(reader, 2);
      reader.add([from(first), from(second, 1)]);
      assert.deepEqual(values(await waiting), ["1", "2"]);
      assert.equal(reader.end(second, 0), 3);
      await log.append(first, [record("a")]);
      assert.deepEqual(values(await readRecords(reader, 1)), ["a"]);
      reader.add([from(second, 2)]);
      assert.deepEqual(values(await readRecords(reader, 1)), ["2"]);
      await log.append(second, [record("3")]);
      await log.append(first, [record("b")]);
      assert.deepEqual(values(await readRecords(reader, 2)).sort(), ["3", "b"]);
      await reader.close();
    });

    test("records come back in the order and under the offsets of their appends, with a time", async () => {
      const topic = await newTopic();
      await log.append(topic, [record("a")]);
      await log.append(topic, [record("b"), record("c")]);
      await log.append(topic, []);
      await log.append(topic, [record("d")]);
      const reader = log.reader([from(topic)]);
      const rows = await readRecords(reader, 4);
      assert.deepEqual(values(rows), ["a", "b", "c", "d"]);
      assert.deepEqual(
        rows.map((row) => row.offset),
        [0, 1, 2, 3],
      );
      for (const row of rows) assert.ok(row.time > 0, `time ${row.time}`);
      assert.equal(reader.end(topic, 0), 4);
      await reader.close();
    });

    test("a reader of several topics gets the records of each, and only those", async () => {
      const topics = (await newTopics(3)).map((topic) => topic.name);
      await Promise.all(
        topics.map((topic, i) => log.append(topic, [record(`${i}:0`), record(`${i}:1`), record(`${i}:2`)])),
      );
      const reader = log.reader([from(topics[2], 1), from(topics[0])]);
      const rows = new Map<string, (string | null)[]>();
      const records = new Records();
      for (let count = 0; count < 5; ) {
        const fetched = await reader.read();
        assert.ok(fetched !== null);
        assert.equal(fetched.partition, 0);
        while (fetched.next(records)) {
          rows.set(fetched.topic, [...(rows.get(fetched.topic) ?? []), ...values(seen(records))]);
          count += records.count;
        }
      }
      assert.deepEqual(rows.get(topics[0]), ["0:0", "0:1", "0:2"]);
      assert.deepEqual(rows.get(topics[2]), ["2:1", "2:2"]);
      assert.equal(rows.size, 2);
      await reader.close();
    });

    test("a long topic does not keep a short one waiting", async () => {
      const [long, short] = await newTopics(2);
      const random = new Random(11);
      const incompressible = () => String.fromCharCode(...Array.from({ length: 400 }, () => random.integer(0, 255)));
      const bulk = Array.from({ length: 2000 }, () => record(incompressible()));
      for (let i = 0; i < 8; i++) await log.append(long.name, bulk);
      await log.append(short.name, [record("1")]);
      const reader = log.reader([from(long.name), from(short.name)]);
      const records = new Records();
      let longRecords = 0;
      for (let found = false; !found; ) {
        const fetched = await reader.read();
        assert.ok(fetched !== null);
        while (fetched.next(records)) {
          if (fetched.topic === short.name) found = true;
          else longRecords += records.count;
        }
      }
      assert.ok(longRecords < 8 * bulk.length, "the short topic came only after all of the long one");
      await reader.close();
    });

    test("replay from any offset", async () => {
      const topic = await newTopic();
      const all = Array.from({ length: 500 }, (_, i) => `${i}`);
      for (let i = 0; i < 500; i += 50)
        await log.append(
          topic,
          all.slice(i, i + 50).map((value) => record(value)),
        );
      await reopen();
      await log.create([topic]);
      for (const offset of [0, 1, 49, 50, 51, 250, 333, 498, 499]) {
        const reader = log.reader([from(topic, offset)]);
        const rows = await readRecords(reader, 500 - offset);
        assert.deepEqual(values(rows), all.slice(offset));
        assert.equal(rows[0].offset, offset);
        await reader.close();
      }
    });

    test("a read that waits gets the record that comes", async () => {
      const topic = await newTopic();
      const reader = log.reader([from(topic)]);
      for (const value of ["first", "second", "third"]) {
        const waiting = readRecords(reader, 1);
        await log.append(topic, [record(value)]);
        assert.deepEqual(values(await waiting), [value]);
      }
      await reader.close();
    });

    test("bounds are the first offset held and the one after the newest", async () => {
      const topic = await newTopic();
      assert.deepEqual(await log.bounds(topic, 0), { start: 0, end: 0 });
      await log.append(topic, [record("1"), record("2"), record("3")]);
      assert.deepEqual(await log.bounds(topic, 0), { start: 0, end: 3 });
      await reopen();
      await log.create([topic]);
      assert.deepEqual(await log.bounds(topic, 0), { start: 0, end: 3 });
    });

    test("a position past the end is moved to the end, which is named as a cut, once", async () => {
      const topic = await newTopic();
      await log.append(topic, [record("1"), record("2")]);
      const reader = log.reader([from(topic, 1000)]);
      const gaps: Gap[] = [];
      const rows: Seen[] = [];
      const waiting = (async () => {
        const records = new Records();
        while (rows.length < 2) {
          const fetched = await reader.read();
          assert.ok(fetched !== null);
          if (fetched.gap !== null) gaps.push(fetched.gap);
          while (fetched.next(records)) rows.push(...seen(records));
        }
      })();
      await log.append(topic, [record("3")]);
      await log.append(topic, [record("4")]);
      await waiting;
      assert.deepEqual(values(rows), ["3", "4"]);
      assert.equal(rows[0].offset, 2);
      assert.deepEqual(gaps, [{ from: 2, to: 2, cutFrom: 1000 }]);
      await reader.close();
    });

    test("records that were dropped unread are a gap, named once", async (t) => {
      const trim = bench.trim;
      if (trim === undefined) return t.skip("this backend cannot drop records on demand");
      const topic = await newTopic();
      const count = 20;
      for (let i = 0; i < count; i++) await log.append(topic, [record(`${i}`)]);
      await trim(log, topic, count);
      const { start, end } = await log.bounds(topic, 0);
      assert.ok(start > 0 && start < count, `start ${start}`);
      assert.equal(end, count);
      const reader = log.reader([from(topic, 0)]);
      const gaps: (Gap | null)[] = [];
      const rows: Seen[] = [];
      const records = new Records();
      while (rows.length < count - start) {
        const fetched = await reader.read();
        assert.ok(fetched !== null);
        gaps.push(fetched.gap);
        while (fetched.next(records)) rows.push(...seen(records));
      }
      assert.deepEqual(gaps.shift(), { from: 0, to: start });
      assert.ok(gaps.every((gap) => gap === null));
      assert.equal(rows[0].offset, start);
      assert.equal(rows.at(-1)?.offset, count - 1);
      await reader.close();
    });

    test("any bytes, any length, with and without a key", async () => {
      const topic = await newTopic();
      const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("latin1");
      const cases: [string, string | undefined][] = [
        ["42", undefined],
        ["", undefined],
        ["", ""],
        ["42", ""],
        [binary, binary],
        ["x".repeat(63), "k".repeat(64)],
        ["x".repeat(8191), "k".repeat(8192)],
        ["y".repeat(1_000_000), undefined],
        ['{"value":1}', "device"],
      ];
      await log.append(
        topic,
        cases.map(([value, key]) => record(value, key)),
      );
      const reader = log.reader([from(topic)]);
      const rows = await readRecords(reader, cases.length);
      assert.deepEqual(
        rows.map((row) => [row.value, row.key]),
        cases.map(([value, key]) => [value, key ?? null]),
      );
      await reader.close();
    });

    test("the caller's bytes may change once an append is durable", async () => {
      const topic = await newTopic();
      const value = Buffer.from("1234");
      await log.append(topic, [{ value }]);
      value.fill("x");
      const reader = log.reader([from(topic)]);
      assert.deepEqual(values(await readRecords(reader, 1)), ["1234"]);
      await reader.close();
    });

    test("a record over the bound refuses its whole append and nothing else", async () => {
      const topic = await newTopic();
      const oversize = { value: new Uint8Array(RECORD_BYTES_MAX + 1) };
      const refusal = log.append(topic, [record("1"), oversize, record("2")]);
      await assert.rejects(refusal, (error) => {
        assert.ok(error instanceof TidemarkError);
        assert.equal(error.code, "record-too-large");
        assert.match(error.message, /must be <= 1048576 bytes, was 1048577/);
        return true;
      });
      await log.append(topic, [record("3")]);
      assert.deepEqual(await log.bounds(topic, 0), { start: 0, end: 1 });
    });

    test("a topic that was not opened is missing", async () => {
      await assert.rejects(log.append(`suite-${randomUUID()}`, [record("1")]), refused("topic-missing"));
      const reader = log.reader([from(`suite-${randomUUID()}`)]);
      await assert.rejects(reader.read(), refused("topic-missing"));
      await reader.close();
    });

    test("closing a reader ends its waiting read; the log goes on", async () => {
      const topic = await newTopic();
      const reader = log.reader([from(topic)]);
      const waiting = reader.read();
      await reader.close();
      assert.equal(await waiting, null);
      assert.equal(await reader.read(), null);
      await reader.close();
      await log.append(topic, [record("1")]);
    });

    test("closing the log ends waiting reads, keeps what was appended, and refuses more", async () => {
      const topic = await newTopic();
      const reader = log.reader([from(topic)]);
      const waiting = reader.read();
      const other = await newTopic();
      const appends = Promise.all([log.append(other, [record("1")]), log.append(other, [record("2")])]);
      const closing = log.close();
      await Promise.all([appends, closing, log.close()]);
      assert.equal(await waiting, null);
      await assert.rejects(log.append(other, [record("3")]), refused("log-closed"));
      await reopen();
      await log.create([other]);
      assert.deepEqual(await log.bounds(other, 0), { start: 0, end: 2 });
    });

    test("an abort ends the waiting read; the reader goes on", async () => {
      const topic = await newTopic();
      const reader = log.reader([from(topic)]);
      const abort = new AbortController();
      const waiting = reader.read(abort.signal);
      abort.abort();
      assert.equal(await waiting, null);
      assert.equal(await reader.read(AbortSignal.abort()), null);
      await log.append(topic, [record("1")]);
      assert.deepEqual(values(await readRecords(reader, 1)), ["1"]);
      await reader.close();
    });

    test("committed moves no reader", async () => {
      const topic = await newTopic();
      await log.append(topic, [record("1"), record("2"), record("3"), record("4")]);
      const reader = log.reader([from(topic, 1)]);
      await log.committed([from(topic, 3)]);
      assert.deepEqual(values(await readRecords(reader, 3)), ["2", "3", "4"]);
      await log.committed([from(topic, 2)]);
      await log.append(topic, [record("5")]);
      assert.deepEqual(values(await readRecords(reader, 1)), ["5"]);
      const another = log.reader([from(topic)]);
      assert.deepEqual(values(await readRecords(another, 5)), ["1", "2", "3", "4", "5"]);
      await Promise.all([reader.close(), another.close()]);
    });

    test("several readers at once each read everything", async () => {
      const topic = await newTopic();
      const all = Array.from({ length: 10 }, (_, i) => `${i}`);
      for (const value of all.slice(0, 4)) await log.append(topic, [record(value)]);
      const starts = [0, 0, 3];
      const readers = starts.map((offset) => log.reader([from(topic, offset)]));
      const reads = readers.map((reader, i) => readRecords(reader, 10 - starts[i]));
      for (const value of all.slice(4)) await log.append(topic, [record(value)]);
      for (const [i, rows] of (await Promise.all(reads)).entries())
        assert.deepEqual(values(rows), all.slice(starts[i]));
      for (const reader of readers) await reader.close();
    });

    test("concurrent appends keep each call's order and do not mix", async () => {
      const topic = await newTopic();
      const random = new Random(7);
      const calls = Array.from({ length: 60 }, (_, call) =>
        Array.from({ length: random.integer(1, 40) }, (_, i) => `${call}:${i}`),
      );
      await Promise.all(
        calls.map((call) =>
          log.append(
            topic,
            call.map((value) => record(value)),
          ),
        ),
      );
      const reader = log.reader([from(topic)]);
      const rows = await readRecords(reader, calls.flat().length);
      await reader.close();
      for (let at = 0; at < rows.length; ) {
        const call = calls[Number(rows[at].value?.split(":")[0])];
        assert.deepEqual(values(rows.slice(at, at + call.length)), call);
        at += call.length;
      }
    });

    test("thousands of records in batches of any size arrive once and in order, while they are appended", async () => {
      const topic = await newTopic();
      const random = new Random(20260113);
      const sent: string[] = [];
      const reader = log.reader([from(topic)]);
      const total = 6000;
      const reading = readRecords(reader, total);
      while (sent.length < total) {
        const size = Math.min(total - sent.length, random.pick([1, 1, 2, 3, 7, 64, 65, 257, 1000, 1531]));
        const call = Array.from({ length: size }, () => {
          const value = `${sent.length}:${"v".repeat(random.chance(0.01) ? 5000 : random.integer(0, 90))}`;
          sent.push(value);
          return record(value, random.chance(0.5) ? `k${random.integer(0, 9)}` : undefined);
        });
        const durable = log.append(topic, call);
        if (random.chance(0.7)) await durable;
      }
      const rows = await reading;
      assert.equal(rows.length, total);
      for (const [i, row] of rows.entries()) {
        assert.equal(row.offset, i);
        assert.equal(row.value, sent[i]);
      }
      await reader.close();
    });
  });
}
