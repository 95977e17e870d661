/** Many devices that lose readings for good, arriving shuffled: memory, disk and speed after a history and after ten times as much. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../src/core/random.ts";
import { HistoryBuilder } from "../data/history.ts";
import { fillTexts, type TextRecord } from "../data/records.ts";
import { START_SECOND } from "../data/series.ts";
import { argument } from "../harness/lap.ts";

export interface DevicesTask {
  readonly devices: number;
  /** Readings at which it is measured, ascending. */
  readonly stages: readonly number[];
  /** The part of all readings that never arrives. */
  readonly lost: number;
}

const BATCH = 5000;
/** Readings are shuffled among so many. */
const SHUFFLED = 500_000;

const { devices, stages, lost } = argument<DevicesTask>();
const directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
const random = new Random(21);

/** The next readings (device and sequence in one number) in any order, without the lost ones. */
function* readings(): Generator<number> {
  for (let first = 0; ; first += SHUFFLED) {
    const chunk = new Float64Array(SHUFFLED);
    let n = 0;
    for (let i = 0; i < SHUFFLED; i++) if (!random.chance(lost)) chunk[n++] = first + i;
    for (let i = n - 1; i > 0; i--) {
      const j = random.integer(0, i);
      [chunk[i], chunk[j]] = [chunk[j], chunk[i]];
    }
    for (let i = 0; i < n; i++) yield chunk[i];
  }
}

function recordOf(reading: number): TextRecord {
  const sequence = Math.floor(reading / devices);
  const timestamp = (START_SECOND + sequence) * 1000;
  const text = `{"device":"d-${reading % devices}","boot":"b7f3a2","sequence":${sequence},"value":${reading % 101},"time":${timestamp}}`;
  return { text, timestamp };
}

try {
  const builder = new HistoryBuilder(directory);
  const source = readings();
  const result: Record<string, number> = {};
  let taken = 0;
  for (const [i, stage] of stages.entries()) {
    for (; taken < stage; taken += BATCH)
      await builder.take("temperature", (records) =>
        fillTexts(records, taken, BATCH, () => recordOf(Number(source.next().value))),
      );
    const written = await builder.finish();
    result[`rss ${i}`] = process.memoryUsage().rss;
    result[`peak ${i}`] = process.resourceUsage().maxRSS * 1024;
    result[`seconds ${i}`] = written.seconds;
    result[`written ${i}`] = written.bytesWritten;
    result[`payload ${i}`] = written.payloadBytes;
    result[`bytes ${i}`] = statSync(join(directory, "history.db")).size;
    result[`counted ${i}`] = builder.sensor("temperature").totals.counted;
  }
  builder.close();
  console.log(JSON.stringify(result));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
