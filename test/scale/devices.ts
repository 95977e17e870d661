/**
 * A printed run of many devices through the real decoder, identity, history and commits: `node test/scale/devices.ts [devices] [millions]`.
 * Each device sends at 1 Hz; 1% of sequences are lost for good, arrival is shuffled over eight seconds, 2% come twice. Memory must be flat,
 * and a question asked in the middle of a commit must be answered within milliseconds.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { COMMIT_READINGS } from "../../src/core/limits.ts";
import { Records } from "../../src/core/records.ts";
import { openZone } from "../../src/core/zone.ts";
import { Ingest } from "../../src/pipeline/ingest.ts";
import { State } from "../../src/pipeline/state.ts";
import { Checkpointer } from "../../src/rollups/checkpointer.ts";
import { Database } from "../../src/rollups/database.ts";

const BATCH = 10_000;
/** As the pipeline's own. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
const SPREAD = 8;
const START_MS = 1_700_000_000_000;

/** The same spread of bits for the same numbers, each run. */
function hashOf(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f);
  return (h ^ (h >>> 13)) >>> 0;
}

export interface ScaleReport {
  readonly readings: number;
  readonly counted: number;
  readonly expected: number;
  readonly duplicates: number;
  /** RSS at each tenth of the run, MiB. */
  readonly rss: readonly number[];
  readonly bytesPerReading: number;
  readonly diskBytesPerReading: number;
  readonly answerMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly commitMsMax: number;
}

/** Takes in `total` readings of `devices` devices. @param say gets a line a tenth */
export async function runScale(devices: number, total: number, say: (line: string) => void): Promise<ScaleReport> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-scale-"));
  const db = Database.open(directory);
  const checkpointer = new Checkpointer(db.file);
  try {
    const state = new State(db);
    const clock = { now: () => START_MS + 10 * 86_400_000 };
    const ingest = new Ingest(state, { clock, zone: openZone("UTC"), clockAheadMs: 300_000 });
    const sensor = state.openSensor("temperature");
    const [partition] = state.openTopic({ name: "temperature", id: "scale", partitions: [0] });
    const records = new Records(BATCH);
    const bytes = Buffer.alloc(BATCH * 128);
    const answers: number[] = [];
    const rss: number[] = [];
    let expected = 0;
    let sent = 0;
    let row = 0;
    let at = 0;
    let takenMs = 0;
    let commitMs = 0;
    let commitMsMax = 0;

    const commit = async () => {
      const start = performance.now();
      let done = false;
      const running = state.commit().finally(() => {
        done = true;
      });
      while (!done) {
        const asked = performance.now();
        await nextTurn();
        state.history.query(
          sensor.id,
          { start: START_MS / 1000, end: START_MS / 1000 + 60 },
          { sums: true, quantiles: false },
        );
        answers.push(performance.now() - asked);
      }
      await running;
      await checkpointer.sync();
      ingest.waiting = 0;
      commitMs += performance.now() - start;
      commitMsMax = Math.max(commitMsMax, performance.now() - start);
    };
    const send = async () => {
      records.data = bytes;
      records.count = row;
      records.nextOffset = sent;
      const start = performance.now();
      ingest.take(records, sensor, partition);
      takenMs += performance.now() - start;
      partition.next = sent;
      row = 0;
      at = 0;
      if (ingest.waiting >= COMMIT_READINGS || state.waitingBytes >= WAITING_BYTES_MAX) await commit();
    };
    const put = (device: number, sequence: number) => {
      const time = START_MS + sequence * 1000 + (device % 1000);
      const value = hashOf(sequence, device) % 101;
      records.offset[row] = sent++;
      records.timestamp[row] = time;
      records.keyStart[row] = -1;
      records.valueStart[row] = at;
      at += bytes.write(
        `{"device":"meter-${device}","boot":"b7","sequence":${sequence},"value":${value},"time":${time}}`,
        at,
        "latin1",
      );
      records.valueEnd[row++] = at;
    };

    let nextReport = total / 10;
    for (let block = 0; sent < total; block++) {
      for (let step = 0; step < SPREAD && sent < total; step++) {
        for (let i = 0; i < devices && sent < total; i++) {
          const device = (i * 7919 + step * 104_729) % devices;
          // Each device sends the eight sequences of a block in an order of its own (an odd stride visits all).
          const hash = hashOf(device, block);
          const sequence = block * SPREAD + ((step * ((hash & 3) * 2 + 1) + (hash >>> 8)) & (SPREAD - 1));
          if (hashOf(sequence, device + 1) % 100 === 0) continue;
          expected++;
          put(device, sequence);
          if (hashOf(device, sequence) % 50 === 0) put(device, sequence);
          if (row >= BATCH - 1) await send();
          if (sent < nextReport) continue;
          nextReport += total / 10;
          global.gc?.();
          rss.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
          const rate = sent / (takenMs + commitMs) / 1000;
          say(
            `${(sent / 1e6).toFixed(1).padStart(6)} M readings  RSS ${rss.at(-1)} MiB  written ${(state.bytesWritten / sent).toFixed(2)} B a reading  ${rate.toFixed(2)} M/s  ${state.commits} commits`,
          );
        }
      }
    }
    if (row > 0) await send();
    await commit();
    const { counted, duplicates } = sensor.totals;
    answers.sort((a, b) => a - b);
    const quantile = (p: number) => answers[Math.min(answers.length - 1, Math.floor(answers.length * p))] ?? 0;
    const disk = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    return {
      ...{ readings: sent, counted, expected, duplicates, rss, commitMsMax },
      bytesPerReading: state.bytesWritten / sent,
      diskBytesPerReading: disk / sent,
      answerMs: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
    };
  } finally {
    await checkpointer.close();
    db.close();
    rmSync(directory, { recursive: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const devices = Number(process.argv[2] ?? 100_000);
  const total = Number(process.argv[3] ?? 20) * 1e6;
  console.log(`${devices} devices, ${total / 1e6} M readings, 1% lost for good, shuffled, 2% twice`);
  const report = await runScale(devices, total, console.log);
  const { answerMs } = report;
  console.log(
    `counted ${report.counted} of ${report.expected}, ${report.duplicates} duplicates; on disk ${report.diskBytesPerReading.toFixed(2)} B a reading`,
  );
  console.log(
    `a question in the middle of a commit: p50 ${answerMs.p50.toFixed(1)} ms, p99 ${answerMs.p99.toFixed(1)} ms, at most ${answerMs.max.toFixed(1)} ms; longest commit ${report.commitMsMax.toFixed(0)} ms`,
  );
}
