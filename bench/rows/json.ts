/** Row `json`: JSON readings with device, boot and sequence, a tenth of them duplicates, a twentieth late, beside Spark Structured Streaming doing the same. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { JsonStream } from "../data/json-stream.ts";
import { fillJson, START_MS } from "../data/topics.ts";
import type { Bench, Row } from "../harness/bench.ts";
import type { Lap } from "../harness/child.ts";
import { PEERS, spark } from "../harness/install.ts";
import { Session } from "../harness/session.ts";
import { type Contestant, median } from "../harness/statistics.ts";
import { figure, type Goal, ratioTo, type Table } from "../report/results.ts";
import { ours, ownLine, rates } from "./kafka.ts";

const SPARK_FULL = "Spark: de-duplicated, one-second windows";
const SPARK_AGGREGATE = "Spark: one aggregate, nothing de-duplicated";
const WARM_TOPIC = "json-warm";
const WARM_RECORDS = 50_000;
const SEED = 11;

/** Where Spark is compared, each with a lap of its own: it takes most of the row's time. */
const COMPARED: readonly { devices: number; shuffled: boolean }[] = [
  { devices: 3, shuffled: false },
  { devices: 1000, shuffled: false },
  { devices: 1000, shuffled: true },
  { devices: 100_000, shuffled: false },
];

/** One JVM for the whole row, warmed up once, which idles while others run. */
function startSpark(bench: Bench, home: { python: string; jars: string }, bootstrap: string): Session {
  const checkpoints = mkdtempSync(join(bench.directory, "spark-"));
  const input = { bootstrap, warm: WARM_TOPIC, checkpoints, jars: home.jars };
  const env = { PYSPARK_PYTHON: home.python, SPARK_LOCAL_IP: "127.0.0.1" };
  return new Session({ command: home.python, args: [join(PEERS, "spark", "stream.py"), JSON.stringify(input)], env });
}

async function compare(
  bench: Bench,
  session: Session | null,
  options: { records: number; devices: number; shuffled: boolean },
): Promise<Table> {
  const { records, devices, shuffled } = options;
  const bootstrap = await bench.kafka();
  const order = shuffled ? "shuffled over the whole topic" : "in order";
  const title = `Kafka → answerable: JSON, ${devices.toLocaleString("en-US")} devices, ${order}`;
  const topic = `json-${devices}-${shuffled ? "shuffled" : "ordered"}`;
  bench.say(`${title}: filling`);
  const stream = new JsonStream({ records, devices, shuffled, startMs: START_MS, seed: SEED });
  const filled = await fillJson(bootstrap, topic, 1, stream);
  const contestants: Contestant<Lap>[] = [
    { name: "tidemark", run: () => ours({ bootstrap, topic, counted: stream.unique, received: records }) },
  ];
  if (session !== null && COMPARED.some((place) => place.devices === devices && place.shuffled === shuffled)) {
    contestants.push({ name: SPARK_FULL, laps: 1, run: () => session.ask({ topic, mode: "full" }) });
    if (devices === 1000 && !shuffled && !bench.settings.quick) {
      contestants.push({ name: SPARK_AGGREGATE, laps: 1, run: () => session.ask({ topic, mode: "aggregate" }) });
    }
  }
  const laps = await bench.laps(contestants, bench.rounds(2, 3));
  const lines = [...laps]
    .filter(([, own]) => own.length > 0)
    .map(([name, own]) => {
      if (name !== "tidemark") return rates(name, own, records);
      const megabytes = median(own.map((lap) => lap["historyBytes"])) / 1e6;
      return ownLine(own, records, `${figure(megabytes)} MB of history`);
    });
  return {
    title,
    about: `${figure(records / 1e6)} M records of ${figure(filled.payloadBytes / records)} B (device, boot, sequence, value with a decimal, time), 10% duplicates, 5% up to 20,000 records late, one partition. Spark has both cores, and one JVM for all tables, warmed up with ${WARM_RECORDS.toLocaleString("en-US")} records; tidemark starts cold each time and uses one core.`,
    unit: "M records/s",
    better: "more",
    synced:
      "tidemark commits each million and syncs in a worker thread meanwhile; Spark writes its state to a checkpoint directory, not synced, and its results nowhere",
    lines,
  };
}

function goal(what: string, tables: readonly Table[]): Goal {
  const ratios = tables.map((table) => ratioTo(table, SPARK_FULL)).filter((value) => value !== null);
  const rates = tables.map((table) => median(table.lines[0].laps));
  const worst = Math.min(...rates);
  return {
    what,
    atLeast: "10 × Spark Structured Streaming doing the same",
    aim: "3 M readings/s a core",
    measured: `${ratios.map((value) => figure(value)).join(", ") || "–"} × Spark; ${figure(worst)}–${figure(Math.max(...rates))} M records/s`,
    toAim: 3 / worst,
    met: ratios.length === 0 ? null : ratios.every((value) => value >= 10),
  };
}

export const json: Row = {
  name: "json",
  about: "Kafka → answerable history, JSON with duplicates and late readings; Spark Structured Streaming",
  usesKafka: true,
  async run(bench) {
    const bootstrap = await bench.kafka();
    const home = await bench.peer("Spark Structured Streaming", () => spark(bench.policy));
    const warm = new JsonStream({ records: WARM_RECORDS, devices: 10, shuffled: false, startMs: START_MS, seed: 3 });
    await fillJson(bootstrap, WARM_TOPIC, 1, warm);
    const records = bench.size(1e6, 4e6);
    const tables: Table[] = [];
    const session = home === null ? null : startSpark(bench, home, bootstrap);
    try {
      for (const devices of [3, 1000, 100_000]) {
        for (const shuffled of [false, true])
          tables.push(await compare(bench, session, { records, devices, shuffled }));
      }
    } finally {
      await session?.close();
    }
    const usual = tables.filter((_, i) => i === 0 || i === 2);
    const hard = tables.filter((table) => !usual.includes(table));
    return {
      tables,
      goals: [
        goal("Kafka → answerable history, JSON, 10% duplicates, 5% late (3 and 1,000 devices)", usual),
        goal("the same, shuffled over the whole topic, and 100,000 devices", hard),
      ],
    };
  },
};
