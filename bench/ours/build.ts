/** Builds a data directory of sensors at 1 Hz for the rows that ask it questions, and tells what that cost. */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { HistoryBuilder } from "../data/history.ts";
import { Series, type ValueKind } from "../data/series.ts";
import { argument } from "../harness/lap.ts";

export interface BuildTask {
  readonly directory: string;
  readonly sensors: readonly string[];
  /** Readings of each sensor, a second apart unless `stepMs` says otherwise. */
  readonly seconds: number;
  readonly kind: ValueKind;
  readonly stepMs?: number;
}

const BATCH = 10_000;

const { directory, sensors, seconds, kind, stepMs = 1000 } = argument<BuildTask>();
mkdirSync(directory, { recursive: true });
const builder = new HistoryBuilder(directory);
const series = sensors.map((_, i) => new Series(i, kind));
// Many sensors bring few readings each at a time.
const batch = Math.max(10, Math.floor(BATCH / Math.max(1, sensors.length / 3)));
for (let from = 0; from < seconds; from += batch) {
  const to = Math.min(seconds, from + batch);
  for (const [i, name] of sensors.entries()) {
    await builder.take(name, (records) => series[i].fill(records, from, to, stepMs));
  }
}
const written = await builder.finish();
builder.close();
const bytes = statSync(join(directory, "history.db")).size;
const rssBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ ...written, rssBytes, bytes, readings: seconds * sensors.length }));
