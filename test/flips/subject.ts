/** What is damaged: data directories with something of everything in them, on either log, and how each is opened. */
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Core, type CoreSettings, openCore } from "../../src/app.ts";
import { openRunDirectory, recordOf, writeRecord } from "../../src/commands/run-files.ts";
import { ManualClock } from "../../src/core/clock.ts";
import type { OnNotice } from "../../src/core/notice.ts";
import { BOUNDS } from "../../src/pipeline/bounds.ts";
import { createHistory } from "../oracle/generator.ts";
import type { Arrival } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";
import { Broker } from "../simulation/broker.ts";
import { BrokerLog } from "../simulation/broker-log.ts";
import { localThread } from "../simulation/local-thread.ts";

const NOW = Date.UTC(2026, 4, 1, 12);
const ZONE = "Europe/Berlin";
const SENSORS = ["temperature", "humidity", "pressure"];

/** As a stopped server leaves it, or one that was killed: then what was written last stands in the write-ahead logs only. */
export const ENDINGS = ["closed", "killed"] as const;
export type Ending = (typeof ENDINGS)[number];

/** Which directory. The same one comes of the same words. */
export interface Subject {
  readonly size: "small" | "large";
  /** The log that is in it, or a Kafka elsewhere. */
  readonly log: "embedded" | "kafka";
  readonly ending: Ending;
  readonly seed: number;
}

/** "small embedded closed". */
export function nameOf({ size, log, ending }: Subject): string {
  return `${size} ${log} ${ending}`;
}

/** Small enough that a process may open thousands. */
const BOUNDS_OF_MANY = { ...BOUNDS, rememberedValues: 1024 };

/** Records in the order they came, batches of one topic and partition each. */
export interface Sent {
  readonly batches: readonly (readonly Arrival[])[];
  /** Records that a Kafka has dropped of each partition: none, or all but the last. */
  readonly isTrimmed: boolean;
}

/** Of small directories: every kind of device, identity, value, refused record and wrong clock, within minutes. */
const SMALL = { readings: 330, days: 1 / 144, garbage: 12, devices: 6 };

/** All that was sent to a subject. */
export function sentTo({ size, log, seed }: Subject): Sent {
  if (size === "large") return { batches: largeBatches(), isTrimmed: true };
  const kind = log === "kafka" ? "kafka-append" : "embedded";
  const options = { ...SMALL, seed, log: kind, nowMs: NOW, zone: ZONE, oversized: false, recreate: false } as const;
  const { arrivals, fates } = createHistory(options);
  if (log === "embedded") return { batches: joined(arrivals), isTrimmed: false };
  // Of copies in two partitions the first counts, which is another in another order of reading: here all are in one.
  const firsts = arrivals.filter((_, i) => !fates[i].includes("duplicate"));
  const copies = firsts.filter((_, i) => i % COPIED_EACH === 0);
  return { batches: [...joined(firsts), ...joined(copies)], isTrimmed: false };
}

const COPIED_EACH = 9;

/** Records that come before what came of each partition is one batch: fewer appends, and shorter write-ahead logs. */
const JOINED = 60;

function joined(arrivals: readonly Arrival[]): Arrival[][] {
  const batches: Arrival[][] = [];
  for (let at = 0; at < arrivals.length; at += JOINED) {
    const some = arrivals.slice(at, at + JOINED);
    batches.push(...Map.groupBy(some, ({ sensor, partition }) => `${sensor}/${partition}`).values());
  }
  return batches;
}

/** Of large ones: each sensor every nine seconds for four months, in records of many readings. */
const LARGE_DAYS = 120;
const EVERY_MS = 9000;
const READINGS_A_RECORD = 2000;
const RECORDS_A_BATCH = 8;

/** Values fill their bits: pages compress badly, and the history is large. */
function largeBatches(): Arrival[][] {
  const random = new Seeded(1);
  const start = NOW - LARGE_DAYS * 86_400_000;
  const readings = (LARGE_DAYS * 86_400_000) / EVERY_MS;
  const batches: Arrival[][] = [];
  let offset = 0;
  for (let first = 0; first < readings; first += READINGS_A_RECORD * RECORDS_A_BATCH) {
    for (const [s, sensor] of SENSORS.entries()) {
      const batch: Arrival[] = [];
      for (let r = 0; r < RECORDS_A_BATCH && first + r * READINGS_A_RECORD < readings; r++) {
        const rows: string[] = [];
        for (let i = first + r * READINGS_A_RECORD; i < readings && rows.length < READINGS_A_RECORD; i++) {
          const time = start + i * EVERY_MS + s;
          rows.push(`{"device":"d${i % 3}","boot":"b","sequence":${i},"value":${random.next() * 1000},"time":${time}}`);
        }
        batch.push({
          sensor,
          topicId: sensor,
          partition: 0,
          offset: offset + r,
          recordTime: start + (first + (r + 1) * READINGS_A_RECORD) * EVERY_MS,
          appendTime: true,
          key: null,
          value: Buffer.from(`[${rows.join()}]`),
          nowMs: NOW,
        });
      }
      batches.push(batch);
    }
    offset += RECORDS_A_BATCH;
  }
  return batches;
}

/** The embedded log of large directories: less than their history. */
const RETENTION_BYTES = { small: 2e9, large: 12e6 };

function settingsOf(data: string, { size }: Subject): CoreSettings {
  const rest = { topics: null, createTopics: true, timezone: ZONE, keepMs: null, clockAheadMs: 300_000 };
  return { data, log: { kind: "local" }, sensors: SENSORS, logRetentionBytes: RETENTION_BYTES[size], ...rest };
}

/** A Kafka that holds what was sent. */
class KafkaLike {
  readonly broker = new Broker();
  readonly #random: Seeded;

  constructor(seed: number, partitions: number) {
    this.#random = new Seeded(seed);
    for (const sensor of SENSORS) this.broker.create(sensor, partitions);
  }

  send(batch: readonly Arrival[]): void {
    const [{ sensor, partition }] = batch;
    const at = this.broker.topics.get(sensor)?.partitions[partition];
    at?.append(batch.map(({ key, value, recordTime }) => ({ key, value, time: recordTime })));
    this.broker.changed();
  }

  /** As one process reads it. */
  open(): BrokerLog {
    const random = this.#random;
    return new BrokerLog({ broker: this.broker, random: () => random, appendTime: true, partitions: 1 });
  }
}

/** An open directory, with its Kafka. */
export interface Opened {
  readonly core: Core;
  readonly kafka: KafkaLike | null;
}

/** @throws TidemarkError as `openCore` does */
export async function openSubject(
  subject: Subject,
  directory: string,
  kafka: KafkaLike | null,
  onNotice: OnNotice = () => {},
): Promise<Opened> {
  const lent = {
    thread: localThread(setImmediate),
    bounds: BOUNDS_OF_MANY,
    ...(kafka === null ? {} : { log: kafka.open() }),
  };
  const core = await openCore(settingsOf(directory, subject), new ManualClock(NOW), onNotice, undefined, lent);
  return { core, kafka };
}

/** The Kafka of a subject as it was when its directory was made; null: its log is in the directory. */
export function kafkaOf(subject: Subject, { batches, isTrimmed }: Sent): KafkaLike | null {
  if (subject.log === "embedded") return null;
  const partitions = 1 + Math.max(...batches.map(([{ partition }]) => partition));
  const kafka = new KafkaLike(subject.seed, partitions);
  for (const batch of isTrimmed ? batches.slice(-SENSORS.length) : batches) {
    const at = kafka.broker.topics.get(batch[0].sensor)?.partitions[batch[0].partition];
    if (isTrimmed && at !== undefined) [at.start, at.end] = [batch[0].offset, batch[0].offset];
    kafka.send(batch);
  }
  return kafka;
}

/** Sends, and resolves when all is taken in. */
export async function send({ core, kafka }: Opened, batch: readonly Arrival[]): Promise<void> {
  if (kafka !== null) kafka.send(batch);
  else {
    const records = batch.map(({ key, value }) => ({
      value: value ?? new Uint8Array(0),
      ...(key === null ? {} : { key }),
    }));
    await core.log.append(batch[0].sensor, records);
  }
  await takenIn(core);
}

/** What is waited for at most, ms of the processor, as other processes may have it first: all of it takes milliseconds, and waiting never sleeps. */
const TAKEN_IN_CPU_MS_MAX = 20_000;

/** Resolves when all that the log holds is taken in, or a partition of it stands still. */
export async function takenIn({ engine, failed }: Core): Promise<void> {
  const before = process.cpuUsage();
  for (;;) {
    const left = engine.sensors.list().filter(({ name }) => {
      const { lag, standstills } = engine.status(name);
      return lag > 0 && standstills.length === 0;
    });
    if (left.length === 0 && engine.backlog === 0) return;
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 > TAKEN_IN_CPU_MS_MAX)
      throw new Error(`it hangs: ${engine.trouble ?? "no trouble"}, ${left.length} sensors lag`);
    await Promise.race([new Promise((resolve) => setImmediate(resolve)), failed]);
  }
}

/** Before this share of the batches it is closed once, so that a killed one has something in its databases, too. */
const CLOSED_AT = 0.6;
/** Commits after that. */
const COMMITS = 1;

/** Makes a directory for each ending in `root`. */
export async function makeSubjects(subject: Omit<Subject, "ending">, root: string): Promise<void> {
  const work = join(root, "work");
  const of: Subject = { ...subject, ending: "closed" };
  const { batches, isTrimmed } = sentTo(of);
  const partitions = 1 + Math.max(...batches.map(([{ partition }]) => partition));
  const kafka = subject.log === "kafka" ? new KafkaLike(subject.seed, partitions) : null;
  let opened = await openSubject(of, work, kafka);
  const closeAt = Math.floor(batches.length * CLOSED_AT);
  const commitEach = Math.ceil((batches.length - closeAt) / (COMMITS + 1));
  for (const sensor of SENSORS) await opened.core.engine.admit(sensor);
  for (const [i, batch] of batches.entries()) {
    if (i === closeAt) {
      if (subject.size === "small") await correct(opened.core);
      await opened.core.close();
      opened = await openSubject(of, work, kafka);
    }
    await send(opened, batch);
    if (kafka !== null && isTrimmed) for (const at of kafka.broker.partitions()) at.trim(at.end - RECORDS_A_BATCH);
    if (i > closeAt && (i - closeAt) % commitEach === 0) await commit(opened.core, work);
  }
  openRunDirectory(work);
  cpSync(work, join(root, "killed"), { recursive: true });
  await opened.core.close();
  cpSync(work, join(root, "closed"), { recursive: true });
  rmSync(work, { recursive: true });
}

/** A deletion that stands, and one that is undone: of the first seconds of what small directories hold. */
async function correct({ engine }: Core): Promise<void> {
  const [start, end] = [NOW / 1000 - 600, NOW / 1000 - 570];
  for (const [i, sensor] of SENSORS.slice(0, 2).entries()) {
    const asked = { sensor, device: null, window: { start, end } };
    const { number, readings } = await engine.corrections.delete(asked, { by: "anna", reason: "calibrated" });
    if (readings === 0) throw new Error(`no reading of "${sensor}" was deleted`);
    if (i > 0) await engine.corrections.undo(number, "bert");
  }
}

/** Commits, and resolves when that is said to be on disk. */
async function commit({ engine }: Core, directory: string): Promise<void> {
  const said = (): string => readFileSync(join(directory, "history.ends"), "utf8");
  const before = said();
  await engine.releaseQuarantine([]);
  while (said() === before) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** What a server writes of itself: this process is the one that is said to run. */
export const RUNNING = recordOf("server", process.pid, "http://127.0.0.1:5000", {
  data: "./data",
  sensors: SENSORS.join(),
});

/** Notes that a server runs on the directory. */
export function noteRunning(directory: string): void {
  if (RUNNING !== null) writeRecord(directory, RUNNING);
}
