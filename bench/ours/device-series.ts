/** A contestant of the row `devices`: JSON readings of one sensor by many devices, taken in and committed in one process. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ABSENT, type Records } from "../../src/core/records.ts";
import { HistoryBuilder } from "../data/history.ts";
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

function fill(records: Records, first: number, count: number): number {
  records.reserve(count);
  records.count = count;
  records.appendTime = false;
  const parts: string[] = [];
  let at = 0;
  for (let row = 0; row < count; row++) {
    const [device, sequence] = [(first + row) % devices, Math.floor((first + row) / devices)];
    const time = (START_SECOND + sequence * stepSeconds) * 1000;
    const value = 20 + ((device * 31 + sequence * 7) % 83) / 10;
    const text = `{"device":"device-${device}","boot":"b7f3a2","sequence":${sequence},"value":${value},"time":${time}}`;
    parts.push(text);
    records.offset[row] = first + row;
    records.timestamp[row] = time;
    records.keyStart[row] = ABSENT;
    records.keyEnd[row] = ABSENT;
    records.valueStart[row] = at;
    at += text.length;
    records.valueEnd[row] = at;
  }
  records.data = new Uint8Array(Buffer.from(parts.join(""), "latin1"));
  records.nextOffset = first + count;
  return at;
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
    await builder.take("temperature", (records) => fill(records, taken, next));
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
