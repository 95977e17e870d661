/** The contestant: durable appends to the embedded log until every reading can be asked for. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCore } from "../../src/app.ts";
import { Random } from "../../src/core/random.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { argument, Stopwatch } from "../harness/lap.ts";

export interface EmbeddedTask {
  readonly readings: number;
  /** Readings in one append. */
  readonly batch: number;
  /** Appends under way at once. */
  readonly clients: number;
  readonly json: boolean;
}

const SENSOR = "temperature";
const { readings, batch, clients, json } = argument<EmbeddedTask>();
const data = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
try {
  const core = await openCore({
    ...{
      log: { kind: "local" },
      data,
      sensors: [SENSOR],
      topics: null,
      createTopics: false,
      timezone: "UTC",
      keepMs: null,
    },
    ...{ logRetentionBytes: 4e9, clockAheadMs: 300_000 },
  });
  const random = new Random(5);
  const integers = Array.from({ length: 101 }, (_, i) => Buffer.from(String(i)));
  const valueAt = (i: number): Buffer =>
    json
      ? Buffer.from(
          `{"device":"d-${i % 100}","boot":"b7","sequence":${Math.floor(i / 100)},"value":${random.integer(0, 1000) / 10}}`,
        )
      : random.pick(integers);
  let made = 0;
  const next = (): NewRecord[] => {
    const records: NewRecord[] = [];
    for (const end = Math.min(readings, made + batch); made < end; made++) records.push({ value: valueAt(made) });
    return records;
  };
  const watch = new Stopwatch();
  const counted = new Promise<void>((resolve) => {
    core.engine.onChange(() => {
      if (core.engine.status(SENSOR).totals.counted >= readings) resolve();
    });
  });
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (made < readings) await core.log.append(SENSOR, next());
    }),
  );
  const durableSeconds = watch.seconds;
  await Promise.race([counted, core.failed]);
  const lap = watch.lap();
  await core.close();
  const logBytes = statSync(join(data, "log.db")).size;
  console.log(JSON.stringify({ ...lap, durableSeconds, logBytes }));
} finally {
  rmSync(data, { recursive: true, force: true });
}
process.exit(0);
