/** Readings as they come in real life, with a commit each so many seconds: what is written for each of them, with and without late ones. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../src/core/random.ts";
import { HistoryBuilder } from "../data/history.ts";
import { Series } from "../data/series.ts";
import { SENSORS } from "../data/windows.ts";
import { argument } from "../harness/lap.ts";

export interface TrickleTask {
  readonly hours: number;
  /** The part of the readings that comes late, up to a day. */
  readonly late: number;
  /** Seconds between commits. */
  readonly everySeconds: number;
}

const DAY_SECONDS = 86_400;

const { hours, late, everySeconds } = argument<TrickleTask>();
const directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
try {
  const builder = new HistoryBuilder(directory);
  const series = SENSORS.map((_, i) => new Series(i, "integers"));
  const random = new Random(9);
  const wal = join(directory, "history.db-wal");
  // The day before, so that late readings have something to correct.
  for (const [i, sensor] of SENSORS.entries()) {
    for (let at = 0; at < DAY_SECONDS; at += 10_000) {
      await builder.take(sensor, (records) => series[i].fill(records, at, Math.min(DAY_SECONDS, at + 10_000)));
    }
  }
  const before = await builder.finish();
  let readings = 0;
  let walBytes = 0;
  let commitMs = 0;
  for (let second = DAY_SECONDS; second < DAY_SECONDS + hours * 3600; second += everySeconds) {
    for (const [i, sensor] of SENSORS.entries()) {
      await builder.take(sensor, (records) => {
        const payload = series[i].fill(records, second, second + everySeconds);
        for (let row = 0; row < records.count; row++) {
          if (random.chance(late)) records.timestamp[row] -= random.integer(1, DAY_SECONDS - 1) * 1000;
        }
        return payload;
      });
      readings += everySeconds;
    }
    const start = performance.now();
    await builder.state.commit();
    commitMs += performance.now() - start;
    walBytes += statSync(wal).size;
    await builder.finish(); // checkpoints, so that the write-ahead log begins anew
  }
  const after = await builder.finish();
  builder.close();
  const commits = (hours * 3600) / everySeconds;
  console.log(
    JSON.stringify({
      ...{ readings, walBytes, commitMs: commitMs / commits },
      pageBytes: after.bytesWritten - before.bytesWritten,
      payloadBytes: after.payloadBytes - before.payloadBytes,
    }),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
