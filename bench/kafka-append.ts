/**
 * Readings a second through `append` into a local Kafka broker (acks=all), and CPU microseconds a reading: `node bench/kafka-append.ts [million readings] [readings an append] [appends at a time]`.
 * Interleaved in one process: our own record batches, and the client library's idempotent producer.
 */
import { Producer } from "@platformatic/kafka";
import { systemClock } from "../src/core/clock.ts";
import { openKafkaLog } from "../src/log/kafka/kafka-log.ts";
import type { NewRecord } from "../src/log/log.ts";
import { startBroker } from "../test/kafka/broker.ts";

const READINGS = Number(process.argv[2] ?? 1) * 1e6;
const AT_ONCE = Number(process.argv[3] ?? 1000);
const LANES = Number(process.argv[4] ?? 8);
const ROUNDS = 3;
const KEY = Buffer.from("device-1");

const batch: NewRecord[] = Array.from({ length: AT_ONCE }, (_, i) => ({ key: KEY, value: Buffer.from(`${i % 101}`) }));
const broker = await startBroker({ jvm: ["-Xmx1g"] });

/** Appends batches; closed at the end. */
interface Way {
  append(topic: string): Promise<unknown>;
  close(): Promise<void>;
}

async function ourOwn(): Promise<Way> {
  const log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
  const topics = await log.topics();
  await log.open(topics);
  return { append: (topic) => log.append(topic, batch), close: () => log.close() };
}

async function libraryProducer(): Promise<Way> {
  const options = { clientId: "bench", bootstrapBrokers: [broker.bootstrap], idempotent: true };
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>(options);
  const append = (topic: string) => producer.send({ messages: messages.map((message) => ({ ...message, topic })) });
  return { append, close: () => producer.close() };
}

const messages = batch.map(({ value }) => ({ partition: 0, key: KEY, value: Buffer.from(value) }));
const ways = [
  { name: "our own batches", open: ourOwn },
  { name: "the library's producer", open: libraryProducer },
] as const;
const log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });

async function lap(open: (typeof ways)[number]["open"], topic: string): Promise<readonly [number, number]> {
  await log.create([topic]);
  const way = await open();
  const start = performance.now();
  const cpu = process.cpuUsage();
  let left = Math.ceil(READINGS / AT_ONCE);
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      while (left-- > 0) await way.append(topic);
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { end } = await log.bounds(topic, 0);
  if (end < READINGS) throw new Error(`${end} of ${READINGS} arrived`);
  await way.close();
  return [end / seconds / 1e6, (user + system) / end];
}

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const laps = ways.map(() => [] as (readonly [number, number])[]);
for (let round = 0; round <= ROUNDS; round++) {
  for (const [i, { open }] of ways.entries()) {
    const measured = await lap(open, `append-${i}-${round}`);
    if (round > 0) laps[i].push(measured); // the first warms broker and JIT
  }
}
console.log(`${READINGS / 1e6} M readings, ${AT_ONCE} an append, ${LANES} appends at a time; node ${process.version}`);
for (const [i, { name }] of ways.entries()) {
  const speed = median(laps[i].map(([perSecond]) => perSecond));
  const cpu = median(laps[i].map(([, microseconds]) => microseconds));
  console.log(`${name.padEnd(24)} ${speed.toFixed(2).padStart(6)} M readings/s  ${cpu.toFixed(2)} CPU µs a reading`);
}
await log.close();
await broker.stop();
