/** The same topics of a real broker read both ways: our own Fetch and the library's consumer bring the same columns, and the same history is counted from them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { systemClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { CODECS } from "../../src/log/compression.ts";
import { type KafkaLog, openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import type { Topic } from "../../src/log/log.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { findPython, PythonProducer, type Sent } from "../kafka/foreign.ts";
import { createHistory } from "../oracle/generator.ts";
import { type Seen, seen } from "../suites/log-suite.ts";
import { ask } from "../torture/comparison.ts";
import { HttpClient } from "../torture/http-client.ts";
import { createTopics, produce } from "../torture/kafka-sending.ts";
import { TidemarkProcess } from "../torture/tidemark-process.ts";

const PARTITIONS = 3;
const RECORDS = 2000;
const BASE_MS = 1_577_836_800_000; // 2020-01-01

/** All that one reader brings of one partition up to where it ends. */
interface Column {
  readonly rows: readonly Seen[];
  /** `nextOffset` of the last fill. */
  readonly next: number;
}

async function readColumn(log: KafkaLog, topic: string, partition: number, from: number): Promise<Column> {
  const { end } = await log.bounds(topic, partition);
  const reader = log.reader([{ topic, partition, offset: from }]);
  const records = new Records();
  const rows: Seen[] = [];
  let next = from;
  while (next < end) {
    const fetched = await reader.read();
    assert.ok(fetched !== null);
    assert.equal(fetched.gap, null);
    while (fetched.next(records)) {
      assert.ok(records.nextOffset >= next);
      next = records.nextOffset;
      rows.push(...seen(records));
    }
  }
  await reader.close();
  return { rows, next };
}

function payload(random: Random): string | null {
  if (random.chance(0.02)) return null;
  if (random.chance(0.02)) return "";
  if (random.chance(0.01)) return "x".repeat(random.integer(65_536, 200_000));
  return random.chance(0.3) ? `{"device":"d","value":${random.integer(-9, 9)}}` : String(random.integer(0, 100));
}

function records(seed: number, count = RECORDS): Sent[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => ({
    value: payload(random),
    key: random.chance(0.4) ? "" : `device-${random.integer(0, 20)}\xff`, // one of them: kafka-python sends no record without either
    time: random.chance(0.05) ? random.integer(1, 2_000_000) * 1000 : BASE_MS + i * 1000,
    partition: random.integer(0, PARTITIONS - 1),
    ...(random.chance(0.2) ? { headers: { trace: "a".repeat(random.integer(0, 200)), empty: "" } } : {}),
  }));
}

describe("both ways to read", { skip: skipWithoutKafka(), timeout: 400_000 }, () => {
  let broker: Awaited<ReturnType<typeof sharedBroker>>;
  let own: KafkaLog;
  let library: KafkaLog;

  before(async () => {
    broker = await sharedBroker();
    const options = { bootstrap: [broker.bootstrap], clock: systemClock, partitions: PARTITIONS };
    own = await openKafkaLog(options);
    library = await openKafkaLog({ ...options, reader: "library" });
  });

  after(async () => {
    await Promise.all([own?.close(), library?.close()]);
    await broker?.stop();
  });

  async function create(configs: { name: string; value: string }[] = []): Promise<Topic> {
    const name = `differential-${randomUUID()}`;
    const admin = new Admin({ clientId: "tests", bootstrapBrokers: [broker.bootstrap] });
    await admin.createTopics({ topics: [name], partitions: PARTITIONS, replicas: 1, configs });
    await admin.close();
    const [topic] = await own.create([name]);
    const opened = (await library.open([name])).topics;
    assert.deepEqual(opened, [topic]);
    return topic;
  }

  /** From the beginning and from anywhere. @returns all rows */
  async function compare({ name, partitions }: Topic): Promise<readonly Seen[]> {
    const random = new Random(4);
    const all: Seen[] = [];
    for (const partition of partitions) {
      const bounds = await own.bounds(name, partition);
      assert.deepEqual(await library.bounds(name, partition), bounds);
      const inside = Array.from({ length: 4 }, () => random.integer(bounds.start, bounds.end));
      for (const from of [bounds.start, ...inside]) {
        const ours = await readColumn(own, name, partition, from);
        assert.deepEqual(await readColumn(library, name, partition, from), ours, `partition ${partition} from ${from}`);
        assert.equal(ours.next, bounds.end);
        if (from === bounds.start) all.push(...ours.rows);
      }
    }
    return all;
  }

  for (const [i, codec] of CODECS.entries()) {
    for (const client of ["confluent", "kafka-python"] as const) {
      test(`${client}, ${codec}: keys, headers, empty, absent and large values, any times`, async (t) => {
        const python = await findPython();
        if ("missing" in python) return t.skip(python.missing);
        const topic = await create();
        const producer = new PythonProducer(python.path, broker.bootstrap, client, codec);
        await producer.send(topic.name, records(i));
        await producer.close();
        const rows = await compare(topic);
        assert.equal(rows.length, RECORDS);
        assert.ok(rows.some(({ value }) => value === null) && rows.some(({ value }) => (value?.length ?? 0) > 65_536));
        assert.ok(rows.every(({ appendTime }) => !appendTime));
      });
    }
  }

  test("LogAppendTime", async (t) => {
    const python = await findPython();
    if ("missing" in python) return t.skip(python.missing);
    const topic = await create([{ name: "message.timestamp.type", value: "LogAppendTime" }]);
    for (const codec of CODECS) {
      const producer = new PythonProducer(python.path, broker.bootstrap, "confluent", codec);
      await producer.send(topic.name, records(31, 300));
      await producer.close();
    }
    const rows = await compare(topic);
    assert.ok(rows.length === 5 * 300 && rows.every(({ appendTime, time }) => appendTime && time > BASE_MS));
  });

  test("transactions, committed and aborted", async (t) => {
    const python = await findPython();
    if ("missing" in python) return t.skip(python.missing);
    const topic = await create();
    const writers = [1, 2].map(
      (n) => new PythonProducer(python.path, broker.bootstrap, "confluent", "lz4", `tx-${n}-${randomUUID()}`),
    );
    const random = new Random(9);
    let committed = 0;
    for (let step = 0; step < 24; step++) {
      const some = records(step, random.integer(1, 40));
      const writer = random.pick(writers);
      await writer.transaction("begin");
      await writer.send(topic.name, some);
      const commits = random.chance(0.5);
      await writer.transaction(commits ? "commit" : "abort");
      if (commits) committed += some.length;
    }
    await Promise.all(writers.map((writer) => writer.close()));
    assert.equal((await compare(topic)).length, committed);
  });

  test("what compaction left", async (t) => {
    const python = await findPython();
    if ("missing" in python) return t.skip(python.missing);
    const configs = [
      { name: "cleanup.policy", value: "compact" },
      { name: "min.cleanable.dirty.ratio", value: "0.01" },
      { name: "segment.bytes", value: "1048576" },
    ];
    const topic = await create(configs);
    const producer = new PythonProducer(python.path, broker.bootstrap, "confluent", "none");
    let sent = 0;
    const fill = async (): Promise<void> => {
      const bulk = records(sent, 600).map((one, i) => ({ ...one, value: one.value && `${i}`.padEnd(8000, "x") }));
      await producer.send(topic.name, bulk);
      sent += bulk.length;
    };
    let held = 0;
    do {
      await fill();
      held = 0;
      for (const partition of topic.partitions) held += (await readColumn(own, topic.name, partition, 0)).rows.length;
    } while (held === sent);
    await producer.close();
    const before = sent - held;
    t.diagnostic(`${before} of ${sent} records were taken by compaction`);
    // It may go on between two reads: compared when it stood still.
    for (let stable = false; !stable; ) {
      try {
        await compare(topic);
        stable = true;
      } catch (error) {
        const now = await Promise.all(topic.partitions.map((partition) => readColumn(own, topic.name, partition, 0)));
        const count = now.reduce((sum, { rows }) => sum + rows.length, 0);
        if (count === held) throw error;
        held = count;
      }
    }
  });

  test("the counted history is the same", async (t) => {
    const run = randomUUID().slice(0, 8);
    const sensors = ["temperature", "humidity", "pressure"].map((name) => `differential-${run}-${name}`);
    const nowMs = systemClock.now();
    const history = createHistory({
      seed: 33,
      readings: 3000,
      nowMs,
      log: "kafka",
      clock: "still",
      order: "any",
      recreate: false,
      partitions: 1, // so that there is one order of arrival
      sensors,
    });
    await createTopics(broker.bootstrap, sensors, 1);
    await produce(broker.bootstrap, history.arrivals, 33);
    const wanted = new Map(sensors.map((name) => [name, 0]));
    for (const { sensor } of history.arrivals) wanted.set(sensor, (wanted.get(sensor) ?? 0) + 1);
    const windows = history.randomWindows(40);
    const answers = [];
    for (const query of ["", "?reader=library"]) {
      const data = mkdtempSync(join(tmpdir(), "tidemark-differential-"));
      t.after(() => rmSync(data, { recursive: true, force: true }));
      const { zone } = history.options;
      const tidemark = await TidemarkProcess.start({ data, sensors, zone, log: `kafka://${broker.bootstrap}${query}` });
      t.after(() => tidemark.kill());
      const client = new HttpClient(tidemark.port);
      const statuses = [...(await client.received(wanted)).values()];
      const counts = statuses.map(({ counted, duplicates, conflicts, quarantined, rejected, identities }) => {
        return { counted, duplicates, conflicts, quarantined, rejected, identities };
      });
      answers.push({ counts, asked: await ask(client, sensors, windows) });
      client.close();
      await tidemark.stop();
    }
    assert.deepEqual(answers[1], answers[0]);
    assert.ok(answers[0].counts.every(({ counted, duplicates }) => counted > 100 && duplicates > 0));
  });
});
