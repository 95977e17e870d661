/** The contestant: windows of a built history, in process. Prints the median and the 99th percentile of each length, µs. */
import { openCore } from "../../src/app.ts";
import { shareOf } from "../../src/metrics/share.ts";
import type { Questions } from "../data/windows.ts";
import { argument } from "../harness/lap.ts";
import { quantile } from "../harness/statistics.ts";

export interface WindowTask {
  readonly directory: string;
  readonly sensors: readonly string[];
  readonly questions: readonly Questions[];
  readonly quantiles: boolean;
}

const { directory, sensors: names, questions, quantiles } = argument<WindowTask>();
const core = await openCore({
  ...{
    log: { kind: "local" },
    data: directory,
    sensors: names,
    topics: null,
    createTopics: false,
    timezone: "UTC",
    keepMs: null,
  },
  ...{ logRetentionBytes: 1e9, clockAheadMs: 300_000 },
});
const P99 = shareOf("99");
const needs = { sums: true, quantiles };
const result: Record<string, number> = {};

function ask(sensor: number, start: number, seconds: number): number {
  const { aggregate } = core.engine.query(names[sensor], { start, end: start + seconds }, needs);
  if (aggregate.count === 0) return 0;
  if (quantiles && aggregate.quantile(P99) === null) throw new Error(`no quantile over ${seconds} s from ${start}`);
  return aggregate.count + (aggregate.mean() ?? 0) + aggregate.min + aggregate.max;
}

// Two passes: the first fills caches and compiles, as a server that runs has done.
for (const measured of [false, true]) {
  for (const { name, seconds, sensors, starts } of questions) {
    const micros = new Float64Array(starts.length);
    let check = 0;
    for (let i = 0; i < starts.length; i++) {
      const before = process.hrtime.bigint();
      check += ask(sensors[i], starts[i], seconds);
      micros[i] = Number(process.hrtime.bigint() - before) / 1000;
    }
    if (!measured) continue;
    result[`p50 ${name}`] = quantile([...micros], 0.5);
    result[`p99 ${name}`] = quantile([...micros], 0.99);
    result[`check ${name}`] = check;
  }
}
result["seconds"] = 0;
result["rssBytes"] = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify(result));
await core.close();
process.exit(0);
