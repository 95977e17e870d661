/** The contestant: a Kafka topic → tidemark's whole history, until every reading of it can be asked for. Run by rows/kafka-*.ts. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCore } from "../../src/app.ts";
import { argument, Stopwatch } from "../harness/lap.ts";

export interface KafkaTask {
  readonly bootstrap: string;
  readonly topic: string;
  /** Counted readings and records to wait for. */
  readonly counted: number;
  readonly received: number;
  /** Given up after. */
  readonly secondsMax: number;
}

const { bootstrap, topic, counted, received, secondsMax } = argument<KafkaTask>();
const data = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
try {
  const watch = new Stopwatch();
  const core = await openCore({
    log: { kind: "kafka", brokers: [bootstrap], tls: false, ca: null, sasl: null },
    data,
    sensors: [topic],
    topics: null,
    createTopics: false,
    timezone: "UTC",
    keepMs: null,
    logRetentionBytes: 2e9,
    clockAheadMs: 300_000,
  });
  const { engine } = core;
  const halfway = received / 2;
  let halfSeconds = 0;
  let halfReceived = 0;
  let openSeconds = 0;
  let firstReceived = 0;
  const tooLong = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const { totals } = engine.status(topic);
    const why = engine.trouble ?? "no trouble known";
    tooLong.reject(new Error(`took in ${totals.received} of ${received} records in ${secondsMax} s: ${why}`));
  }, secondsMax * 1000);
  await Promise.race([
    core.failed,
    tooLong.promise,
    new Promise<void>((resolve) => {
      engine.onChange(() => {
        const { totals } = engine.status(topic);
        if (openSeconds === 0) {
          openSeconds = watch.seconds;
          firstReceived = totals.received;
        }
        if (halfSeconds === 0 && totals.received >= halfway) {
          halfSeconds = watch.seconds;
          halfReceived = totals.received;
        }
        if (totals.received >= received) resolve();
      });
    }),
  ]);
  const lap = watch.lap();
  clearTimeout(timer);
  const { totals, firstTime, lastTime } = engine.status(topic);
  const window = { start: Math.floor((firstTime ?? 0) / 1000), end: Math.floor((lastTime ?? 0) / 1000) + 1 };
  const { aggregate } = engine.query(topic, window, { sums: true, quantiles: false });
  if (totals.counted !== counted || aggregate.count !== counted) {
    throw new Error(`counted ${totals.counted}, answered ${aggregate.count}, expected ${counted}`);
  }
  await core.close();
  const closedSeconds = watch.seconds - lap.seconds;
  const historyBytes = statSync(join(data, "history.db")).size;
  const secondHalf = (received - halfReceived) / (lap.seconds - halfSeconds);
  console.log(
    JSON.stringify({
      ...lap,
      secondHalf,
      openSeconds,
      firstReceived,
      closedSeconds,
      historyBytes,
      sum: aggregate.sum(),
    }),
  );
} finally {
  rmSync(data, { recursive: true, force: true });
}
