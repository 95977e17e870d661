/**
 * What each stage after the log costs by itself: decode, de-duplicate, judge clocks, fold, commit. A lap goes through the stages one after
 * the other, all of its readings at a time, so that each is timed alone; `whole` runs the same stream as the pipeline does instead.
 * CPU time of the whole process: compiling and collecting garbage are in it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { CLOCK_AHEAD_MS, COMMIT_READINGS } from "../../src/core/limits.ts";
import { IDENTITY_OFFSET, Readings } from "../../src/core/readings.ts";
import { Records } from "../../src/core/records.ts";
import { openZone } from "../../src/core/zone.ts";
import { createDecoder } from "../../src/formats/decode.ts";
import { OWN_SERIES_ONLY } from "../../src/formats/format.ts";
import { DEVICE_CELLS, HEARD_AT, NEW, NEWEST } from "../../src/identity/identities.ts";
import { Clocks, IMPOSSIBLE } from "../../src/pipeline/clocks.ts";
import { Ingest } from "../../src/pipeline/ingest.ts";
import { State } from "../../src/pipeline/state.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";
import { Database } from "../../src/store/database.ts";
import { JsonStream } from "../data/json-stream.ts";
import { fillTexts } from "../data/records.ts";
import { Series, START_SECOND } from "../data/series.ts";
import { argument } from "../harness/lap.ts";

export interface StagesTask {
  readonly readings: number;
  /** JSON of so many devices, a tenth twice, a twentieth late; or bare integers `stepMs` apart. */
  readonly stream:
    | { readonly kind: "json"; readonly devices: number; readonly shuffled: boolean }
    | { readonly kind: "bare"; readonly stepMs: number };
  /** As the pipeline does it, not stage by stage. */
  readonly whole: boolean;
}

/** Readings of a lap, and of a batch in it. Numbers of laps are printed as "decode 0", "decode 1", …: ns a reading. */
const LAP_READINGS = 100_000;
const BATCH = 10_000;

const { readings: total, stream, whole } = argument<StagesTask>();
const json =
  stream.kind === "json" ? new JsonStream({ ...stream, records: total, startMs: START_SECOND * 1000, seed: 7 }) : null;
const series = new Series(0, "integers");
const expected = json === null ? total : json.unique;

/** Fills a batch with readings [from, from + BATCH). */
function fill(records: Records, from: number): void {
  if (stream.kind === "bare" || json === null) {
    series.fill(records, from, from + BATCH, stream.kind === "bare" ? stream.stepMs : 1000);
    return;
  }
  fillTexts(records, from, BATCH, (i) => ({ text: json.text(i), timestamp: json.endMs + i }));
}

const directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
const db = Database.open(directory);
const state = new State(db);
const source = state.openTopic({ name: "temperature", id: "bench", partitions: [0] });
const sensor = source.own;
const [partition] = source.partitions;
const { history, identities } = state;
const { devices } = identities;
const zone = openZone("UTC");
const result: Record<string, number> = {};
const batches = Array.from({ length: LAP_READINGS / BATCH }, () => new Records(BATCH));

/** CPU ns a reading of what `run` does for `count` of them. */
function timed(name: string, lap: number, count: number, run: () => void): void {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  result[`${name} ${lap}`] = ((user + system) * 1000) / count;
}

let commits = 0;
let uncommitted = 0;

async function commit(): Promise<void> {
  const before = process.cpuUsage();
  await state.commit();
  const { user, system } = process.cpuUsage(before);
  result[`commit ${commits++}`] = ((user + system) * 1000) / uncommitted;
  // In the product a worker thread does this.
  db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  uncommitted = 0;
}

/** The loop of src/pipeline/ingest.ts, taken apart. @returns what takes a lap through it */
function stageByStage(): (lap: number) => void {
  const decoder = createDecoder({
    ...{ series: sensor.id, seriesOf: OWN_SERIES_ONLY, zone },
    ...{ devices: identities.deviceNames, boots: identities.bootNames },
  });
  const decoded = batches.map(() => new Readings(BATCH));
  const isNew = batches.map(() => new Uint8Array(BATCH));
  const late = batches.map(() => new Uint8Array(BATCH));
  const counted = batches.map(() => 0);
  const run = new ReadingRun();
  const eachBatch = (run: (b: number) => void): void => {
    for (let b = 0; b < batches.length; b++) run(b);
  };
  return (lap) => {
    timed("decode", lap, LAP_READINGS, () => eachBatch((b) => decoder.decode(batches[b], decoded[b])));
    timed("de-duplicate", lap, LAP_READINGS, () => eachBatch((b) => deduplicate(decoded[b], isNew[b])));
    timed("judge clocks", lap, LAP_READINGS, () =>
      eachBatch((b) => {
        const [records, readings] = [batches[b], decoded[b]];
        counted[b] =
          json === null ? judgeOrderly(records, readings, late[b]) : judgeClocks(records, readings, isNew[b], late[b]);
      }),
    );
    timed("fold", lap, LAP_READINGS, () =>
      eachBatch((b) => {
        history.foldRun(sensor.id, run.set(decoded[b].time, decoded[b].value, late[b], counted[b]));
      }),
    );
  };
}

function deduplicate(readings: Readings, isNew: Uint8Array): void {
  const { device } = readings;
  for (let i = 0; i < BATCH; i++) {
    const slot = device[i];
    if (!devices.isLoaded(slot)) devices.load(slot);
    isNew[i] = 1;
    if (readings.identity[i] === IDENTITY_OFFSET) continue;
    if (identities.classify(readings, i, sensor.id) !== NEW) isNew[i] = 0;
    else devices.touch(slot);
  }
}

const clocks = new Clocks(CLOCK_AHEAD_MS);
let front = Number.NEGATIVE_INFINITY;

/** Judges the times of a batch and puts what is counted to the front of the columns. @returns how many */
function judgeClocks(records: Records, readings: Readings, isNew: Uint8Array, late: Uint8Array): number {
  const { time, value, device } = readings;
  const nowMs = systemClock.now();
  front = clocks.judge(records, readings, front, nowMs, false);
  let counted = 0;
  for (let i = 0; i < BATCH; i++) {
    const slot = device[i];
    const t = time[i];
    devices.cells[slot * DEVICE_CELLS + HEARD_AT] = nowMs;
    if (isNew[i] === 0) continue;
    if (clocks.verdicts[i] === IMPOSSIBLE) throw new Error("BUG: the bench's clocks are right");
    if (t > devices.cells[slot * DEVICE_CELLS + NEWEST]) devices.cells[slot * DEVICE_CELLS + NEWEST] = t;
    time[counted] = t;
    value[counted] = value[i];
    late[counted++] = clocks.verdicts[i];
  }
  return counted;
}

/** The same for readings of one device in order, which `Ingest` takes as a run. */
function judgeOrderly(records: Records, readings: Readings, late: Uint8Array): number {
  const slot = readings.device[0];
  front = clocks.judge(records, readings, front, systemClock.now(), false);
  if (clocks.orderly < BATCH) throw new Error("BUG: the bench's bare readings are in order");
  late.fill(0);
  devices.cells[slot * DEVICE_CELLS + NEWEST] = readings.time[BATCH - 1];
  devices.touch(slot);
  return BATCH;
}

function asThePipeline(): (lap: number) => void {
  const ingest = new Ingest(state, { clock: systemClock, zone, clockAheadMs: CLOCK_AHEAD_MS });
  return (lap) =>
    timed("whole", lap, LAP_READINGS, () => {
      for (const records of batches) ingest.take(records, source, partition);
    });
}

try {
  const take = whole ? asThePipeline() : stageByStage();
  for (let lap = 0; lap * LAP_READINGS < total; lap++) {
    for (const [b, records] of batches.entries()) fill(records, lap * LAP_READINGS + b * BATCH);
    take(lap);
    partition.next = (lap + 1) * LAP_READINGS;
    uncommitted += LAP_READINGS;
    if (uncommitted >= COMMIT_READINGS || state.isFull) await commit();
  }
  if (uncommitted > 0) await commit();
  const window = { start: START_SECOND - 1, end: START_SECOND + total + 1000 };
  const { count } = history.query(sensor.id, window, { sums: false, quantiles: false }).aggregate;
  if (count !== expected) throw new Error(`counted ${count} readings, expected ${expected}`);
  console.log(JSON.stringify(result));
} finally {
  db.close();
  rmSync(directory, { recursive: true, force: true });
}
