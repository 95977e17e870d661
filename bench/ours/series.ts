/** Series of a built history, in process: the same as GET /series, without HTTP. Prints the median and the 99th percentile of each, ms. */
import { openCore } from "../../src/app.ts";
import { openZone } from "../../src/core/zone.ts";
import { writeSeries } from "../../src/server/series-answer.ts";
import { readSeries, type SeriesQuery } from "../../src/server/series-request.ts";
import { argument } from "../harness/lap.ts";
import { quantile } from "../harness/statistics.ts";
import { sumOfSeries } from "./series-sum.ts";

export interface SeriesTask {
  readonly directory: string;
  readonly sensor: string;
  /** What is asked for, by name. */
  readonly queries: Readonly<Record<string, SeriesQuery>>;
  readonly laps: number;
}

const { directory, sensor, queries, laps } = argument<SeriesTask>();
const core = await openCore({
  ...{ log: { kind: "local" }, data: directory, sensors: [sensor], topics: null, createTopics: false },
  ...{ timezone: "UTC", keepMs: null, logRetentionBytes: 1e9, clockAheadMs: 300_000 },
});
const { engine } = core;
const zone = openZone("Europe/Berlin");
const { lastTime } = engine.status(sensor);
if (lastTime === null) throw new Error("BUG: the history is empty");
const result: Record<string, number> = {};
for (const [name, query] of Object.entries(queries)) {
  const ms: number[] = [];
  // The first half fills caches and compiles, as a server that runs has done.
  for (let lap = 0; lap < 2 * laps; lap++) {
    const before = performance.now();
    const request = readSeries({ sensor, ...query }, engine, zone, lastTime);
    let text = "";
    for await (const piece of writeSeries(request, engine, "json")) text += piece;
    if (lap >= laps) ms.push(performance.now() - before);
    result[`bytes ${name}`] = text.length;
    if (lap === 0) result[`check ${name}`] = sumOfSeries(text);
    result[`buckets ${name}`] = request.edges.length - 1;
  }
  result[`p50 ${name}`] = quantile(ms, 0.5);
  result[`p99 ${name}`] = quantile(ms, 0.99);
}
console.log(JSON.stringify(result));
await core.close();
process.exit(0);
