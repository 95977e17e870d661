/** A contestant of the row `devices`: JSON readings of one sensor by many devices, taken in and committed in one process. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HistoryBuilder } from "../data/history.ts";
import { fillTexts, type TextRecord } from "../data/records.ts";
import { START_SECOND } from "../data/series.ts";
import { argument } from "../harness/lap.ts";

export interface DeviceSeriesTask {
  readonly devices: number;
  readonly readings: number;
  /** Between two readings of a device. */
  readonly stepSeconds: number;
  /** Readings a commit; null: as many as the bounds allow. */
  readonly perCommit: number | null;
  /** Devices that get a series; 0: none. */
  readonly deviceSeries: number;
}

const BATCH = 5000;

const { devices, readings, stepSeconds, perCommit, deviceSeries } = argument<DeviceSeriesTask>();

function recordAt(offset: number): TextRecord {
  const [device, sequence] = [offset % devices, Math.floor(offset / devices)];
  const timestamp = (START_SECOND + sequence * stepSeconds) * 1000;
  const value = 20 + ((device * 31 + sequence * 7) % 83) / 10;
  const text = `{"device":"device-${device}","boot":"b7f3a2","sequence":${sequence},"value":${value},"time":${timestamp}}`;
  return { text, timestamp };
}

const directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
try {
  const builder = new HistoryBuilder(directory, {
    deviceSeries,
    ...(perCommit === null ? {} : { commitReadings: perCommit }),
  });
  builder.noteRevisions();
  for (let taken = 0; taken < readings; ) {
    const next = Math.min(BATCH, readings - taken, perCommit ?? BATCH);
    await builder.take("temperature", (records) => fillTexts(records, taken, next, recordAt));
    taken += next;
  }
  const { cpuSeconds, commits, bytesWritten } = await builder.finish();
  const { counted } = builder.sensor("temperature").totals;
  if (counted !== readings) throw new Error(`${counted} of ${readings} readings were counted`);
  const withSeries = builder.state.deviceSeries.countOf(builder.sensor("temperature"));
  builder.close();
  const bytes = statSync(join(directory, "history.db")).size;
  console.log(JSON.stringify({ cpuSeconds, commits, bytesWritten, bytes, withSeries }));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
