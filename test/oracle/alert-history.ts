/** Histories for alerts: a few sensors that walk, fall silent, and are heard late, out of order or twice; with commits, restarts and kills. Imports nothing from src/. */
import type { Batch, History, Mark } from "./history.ts";
import type { Arrival } from "./oracle.ts";
import { Seeded } from "./seeded.ts";

export interface AlertHistoryOptions {
  readonly seed: number;
  readonly readings: number;
  readonly startMs: number;
}

interface Sent {
  readonly sensor: string;
  readonly time: number;
  readonly arrivalMs: number;
  readonly text: string;
}

/** Some minutes to hours, a reading a second to a minute. */
export function createAlertHistory({ seed, readings, startMs }: AlertHistoryOptions): History {
  const random = new Seeded(seed);
  const sensors = ["attic", "cellar", "roof"];
  const sent = sensors.flatMap((sensor) => sendings(sensor, Math.ceil(readings / sensors.length), startMs, random));
  sent.sort((a, b) => a.arrivalMs - b.arrivalMs);
  const arrivals: Arrival[] = [];
  const batches: Batch[] = [];
  const marks: Mark[] = [];
  const offsets = new Map<string, number>();
  for (let at = 0; at < sent.length; ) {
    const { sensor } = sent[at];
    let end = at;
    const most = Math.ceil(random.scale(1, 40));
    while (end < sent.length && sent[end].sensor === sensor && end - at < most) end++;
    const nowMs = sent[end - 1].arrivalMs;
    const [topicId, partition, index] = [`${sensor}-1`, 0, batches.length];
    if (random.chance(0.08)) marks.push({ batch: index, kind: random.pick(["commit", "restart", "kill"]) });
    batches.push({ index, start: at, end, sensor, topicId, partition, nowMs, isReplay: false });
    for (; at < end; at++) {
      const offset = offsets.get(sensor) ?? 0;
      offsets.set(sensor, offset + 1);
      const value = Buffer.from(sent[at].text);
      arrivals.push({
        sensor,
        topicId,
        partition,
        offset,
        recordTime: nowMs,
        appendTime: true,
        key: null,
        value,
        nowMs,
      });
    }
  }
  const options = {
    seed,
    readings,
    nowMs: startMs,
    days: 1,
    sensors,
    partitions: 1,
    devices: 3,
    zone: "UTC",
    garbage: 0,
  };
  const kind = {
    log: "embedded",
    clock: "moving",
    order: "given",
    recreate: false,
    replays: false,
    oversized: false,
    renames: false,
  } as const;
  return {
    options: { ...options, ...kind },
    arrivals,
    fates: [],
    batches,
    marks,
    corrections: [],
    caseCounts: new Map(),
    describe: () => "",
    randomWindows: (count) =>
      Array.from({ length: count }, () => {
        const start = Math.floor(startMs / 1000) + random.int(0, 7200);
        return { start, end: start + random.int(0, 3600), kind: "any" };
      }),
  } as History;
}

/** One to three devices, of which some are heard of later than others. */
function sendings(sensor: string, count: number, startMs: number, random: Seeded): Sent[] {
  const devices = random.int(1, 3);
  return Array.from({ length: devices }, (_, i) => {
    const name = `d-${sensor}-${i}`;
    return sendingsOf(
      sensor,
      name,
      Math.ceil(count / devices),
      startMs + (i === 0 ? 0 : random.int(0, 1_800_000)),
      random,
    );
  }).flat();
}

/** Its value walks, its clock is right; a tenth of what it says comes late, some of it twice. */
function sendingsOf(sensor: string, device: string, count: number, startMs: number, random: Seeded): Sent[] {
  const interval = random.pick([1000, 2000, 10_000]);
  let [time, value] = [startMs + random.int(0, 600_000), 20];
  const sent: Sent[] = [];
  for (let sequence = 0; sequence < count; sequence++) {
    time += random.chance(0.01) ? random.int(30, 1200) * 1000 : interval;
    value = Math.max(0, Math.min(40, value + random.int(-3, 3)));
    const lateMs = random.chance(0.1) ? Math.round(random.scale(1000, 7_200_000)) : random.int(0, 1500);
    const shown = { device, boot: "b", sequence, time, value: random.chance(0.01) ? value + 30 : value };
    const text = JSON.stringify(shown);
    sent.push({ sensor, time, arrivalMs: time + lateMs, text });
    if (random.chance(0.03)) sent.push({ sensor, time, arrivalMs: time + lateMs + random.int(0, 600_000), text });
  }
  return sent;
}
