/**
 * Readings a second from a local Kafka broker into columns, and CPU seconds a million: `node bench/kafka-fetch.ts [million readings] [bytes of a batch]`.
 * Interleaved in one process: our reader; the library's own `Consumer.fetch` and stream; and, where it is installed, librdkafka (kcat), in a process of its own.
 */
import { spawn, spawnSync } from "node:child_process";
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { systemClock } from "../src/core/clock.ts";
import { Random } from "../src/core/random.ts";
import { Records } from "../src/core/records.ts";
import { BatchWriter } from "../src/log/batch-writer.ts";
import { openKafkaLog } from "../src/log/kafka/kafka-log.ts";
import { startBroker } from "../test/kafka/broker.ts";
import { RawProducer } from "../test/kafka/raw-producer.ts";

const READINGS = Number(process.argv[2] ?? 10) * 1e6;
/** What librdkafka makes by default under load; Java's producer makes 16 KB. */
const BATCH_BYTES = Number(process.argv[3] ?? 200_000);
const ROUNDS = 3;
const TOPIC = "temperature";
const BASE_MS = 1_763_934_000_000;
const PIPELINE = 4;

async function fill(bootstrap: string): Promise<{ batches: number; bytes: number }> {
  const producer = await RawProducer.connect(bootstrap);
  const values = Array.from({ length: 101 }, (_, i) => Buffer.from(String(i)));
  const random = new Random(1);
  const sent: Promise<number>[] = [];
  let bytes = 0;
  for (let i = 0; i < READINGS; ) {
    const writer = new BatchWriter();
    const first = i;
    for (; i < READINGS && writer.length < BATCH_BYTES; i++) writer.add(undefined, random.pick(values), i - first);
    const baseTimestamp = BASE_MS + first;
    const maxTimestamp = BASE_MS + i - 1;
    const batch = writer.finish({ baseOffset: 0, baseTimestamp, maxTimestamp, appendTime: false });
    bytes += batch.length;
    sent.push(producer.send(TOPIC, 0, batch));
    if (sent.length % PIPELINE === 0) await sent[sent.length - PIPELINE];
  }
  await Promise.all(sent);
  await producer.close();
  return { batches: sent.length, bytes };
}

interface Lap {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function timed(run: () => Promise<number>): Promise<Lap> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const rows = await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  if (rows !== READINGS) throw new Error(`read ${rows} of ${READINGS}`);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Ours: offsets, times and byte positions of every record, checksums verified; the digits are summed to show that they were touched. */
async function ours(bootstrap: string): Promise<number> {
  const log = await openKafkaLog({ bootstrap: [bootstrap], clock: systemClock });
  await log.create([TOPIC]);
  const reader = log.reader([{ topic: TOPIC, partition: 0, offset: 0 }]);
  const into = new Records();
  let rows = 0;
  for (let next = 0; next < READINGS; ) {
    const fetched = await reader.read();
    while (fetched?.next(into)) {
      rows += into.count;
      next = into.nextOffset;
    }
  }
  await log.close();
  return rows;
}

function consumer(bootstrap: string) {
  return new Consumer({
    clientId: "bench",
    groupId: `bench-${process.hrtime.bigint()}`,
    bootstrapBrokers: [bootstrap],
    autocommit: false,
    maxBytes: 1_048_576, // its best, of 1 to 16 MB
    deserializers: stringDeserializers,
  });
}

/** The library's `Consumer.fetch`: records as objects of buffers. */
async function libraryFetch(bootstrap: string): Promise<number> {
  const client = consumer(bootstrap);
  const metadata = await client.metadata({ topics: [TOPIC] });
  const { id, partitions } = metadata.topics.get(TOPIC)!;
  let rows = 0;
  for (let next = 0n; next < READINGS; ) {
    const partition = {
      partition: 0,
      currentLeaderEpoch: -1,
      fetchOffset: next,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 1_048_576,
    };
    const topics = [{ topicId: id, partitions: [partition] }];
    const response = await client.fetch({ node: partitions[0].leader, topics, maxBytes: 1_048_576 });
    for (const batch of response.responses[0].partitions[0].records ?? []) {
      rows += batch.records.length;
      next = batch.firstOffset + BigInt(batch.records.length);
    }
  }
  await client.close();
  return rows;
}

/** The library's stream: a message object for each record. */
async function libraryStream(bootstrap: string): Promise<number> {
  const client = consumer(bootstrap);
  const offsets = [{ topic: TOPIC, partition: 0, offset: 0n }];
  const stream = await client.consume({ topics: [TOPIC], mode: "manual", offsets });
  let rows = 0;
  await new Promise<void>((resolve) => {
    stream.on("data", () => {
      if (++rows === READINGS) resolve();
    });
  });
  await stream.close();
  await client.close(true);
  return rows;
}

/** librdkafka, printing one byte a record into nothing; its CPU time is the child's. */
async function kcat(bootstrap: string): Promise<Lap> {
  const flags = [
    "-C",
    "-b",
    bootstrap,
    "-t",
    TOPIC,
    "-p",
    "0",
    "-o",
    "beginning",
    "-e",
    "-q",
    "-f",
    "",
    "-X",
    "queued.min.messages=1000000",
  ];
  const start = performance.now();
  const child = spawn("sh", ["-c", 'kcat "$@" > /dev/null; times', "sh", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let times = "";
  for await (const chunk of child.stdout) times += chunk;
  const seconds = (performance.now() - start) / 1000;
  const cpuSeconds = [
    ...times
      .trim()
      .split("\n")[1]
      .matchAll(/(\d+)m([\d.]+)s/g),
  ].reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0);
  return { seconds, cpuSeconds };
}

const contestants: [string, (bootstrap: string) => Promise<Lap>][] = [
  ["tidemark reader", (bootstrap) => timed(() => ours(bootstrap))],
  ["@platformatic/kafka Consumer.fetch", (bootstrap) => timed(() => libraryFetch(bootstrap))],
  ["@platformatic/kafka stream", (bootstrap) => timed(() => libraryStream(bootstrap))],
];
if (spawnSync("kcat", ["-V"]).status === 0) contestants.push(["librdkafka (kcat)", kcat]);
else console.log("kcat is not installed: librdkafka is left out");

const broker = await startBroker({ jvm: ["-Xmx1g"] });
const setup = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
await setup.open([TOPIC]);
await setup.close();
const { batches, bytes } = await fill(broker.bootstrap);
console.log(
  `${READINGS / 1e6} M bare integers, ${(bytes / READINGS).toFixed(1)} B each in ${batches} batches; node ${process.version}`,
);
await timed(() => ours(broker.bootstrap)); // warms broker, page cache and JIT
const laps = new Map(contestants.map(([name]) => [name, [] as Lap[]]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of contestants) laps.get(name)?.push(await run(broker.bootstrap));
}
const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1];
for (const [name, own] of laps) {
  const speed = READINGS / 1e6 / median(own.map(({ seconds }) => seconds));
  const cpu = median(own.map(({ cpuSeconds }) => cpuSeconds)) / (READINGS / 1e6);
  console.log(`${name.padEnd(36)} ${speed.toFixed(2).padStart(6)} M readings/s  ${cpu.toFixed(3)} CPU s per M`);
}
await broker.stop();
