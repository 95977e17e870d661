/** Row `kafka`: bare integers, from a Kafka topic to a history that answers, beside four other consumers that only count or sum. */
import { join } from "node:path";
import { type Filled, fillIntegers } from "../data/topics.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { childTimes, type Lap, node, run, runForLap } from "../harness/child.ts";
import { kafkaTools, npmPeers, PEERS, program } from "../harness/install.ts";
import type { Contestant } from "../harness/statistics.ts";
import { median } from "../harness/statistics.ts";
import type { KafkaTask } from "../ours/kafka.ts";
import { figure, type Line, ratioTo, type Table } from "../report/results.ts";

export const OURS_KAFKA = join(import.meta.dirname, "..", "ours", "kafka.ts");
const SECONDS_MAX = 300;
const LIBRDKAFKA = "librdkafka (kcat)";
const KAFKAJS = "kafkajs eachBatch";

/** Tidemark on a topic. */
export function ours(task: Omit<KafkaTask, "secondsMax">): Promise<Lap> {
  return runForLap(node(OURS_KAFKA, { ...task, secondsMax: SECONDS_MAX } satisfies KafkaTask));
}

/** Tidemark's own line: its rate from the first batch it took in, as the other consumers' clocks start when the first record comes. */
export function ownLine(laps: readonly Lap[], records: number, remark: string): Line {
  const part = (name: string): number => median(laps.map((lap) => lap[name]));
  const opened = `opened ${figure(part("openSeconds") * 1000)} ms before, second half ${figure(part("secondHalf") / 1e6)} M/s`;
  const line = rates("tidemark", laps, records, { ours: true, remark: `${opened}, ${remark}` });
  const rate = (lap: Lap): number => (records - lap["firstReceived"]) / 1e6 / (lap.seconds - lap["openSeconds"]);
  return { ...line, laps: laps.map(rate) };
}

/** Figures of laps in millions a second, with the CPU time of each as the remark. */
export function rates(name: string, laps: readonly Lap[], records: number, more: Partial<Line> = {}): Line {
  const cpu = median(laps.map(({ cpuSeconds }) => cpuSeconds)) / (records / 1e6);
  const memory = median(laps.map(({ rssBytes }) => rssBytes)) / 1e6;
  const costs = [
    Number.isNaN(cpu) ? "" : `${figure(cpu)} CPU s per M`,
    Number.isNaN(memory) ? "" : `${figure(memory)} MB`,
    more.remark ?? "",
  ];
  const remark = costs.filter((cost) => cost !== "").join(", ");
  return { name, ...more, laps: laps.map(({ seconds }) => records / 1e6 / seconds), remark };
}

async function kcat(command: string, bootstrap: string, filled: Filled, partitions: number): Promise<Lap> {
  // One byte a record into nothing; without the larger queue it is a third as fast.
  const read = `"$0" -C -b "$1" -t "$2" -o beginning -c "$3" -q -f . -X queued.min.messages=1000000 > /dev/null; times`;
  const start = performance.now();
  const args = ["-c", read, command, bootstrap, filled.topic, String(filled.records)];
  const printed = await run({ command: "sh", args, secondsMax: SECONDS_MAX });
  const seconds = (performance.now() - start) / 1000;
  return { seconds, cpuSeconds: childTimes(printed), rssBytes: Number.NaN, partitions };
}

/** `ConsumerPerformance` prints one line of figures: start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, … */
async function java(classPath: string, bootstrap: string, filled: Filled): Promise<Lap> {
  const task = ["--bootstrap-server", bootstrap, "--topic", filled.topic, "--messages", String(filled.records)];
  const tool = `java -Xmx512m -cp "$0" org.apache.kafka.tools.ConsumerPerformance "$@" --timeout 60000 2>/dev/null; times`;
  const printed = await run({ command: "sh", args: ["-c", tool, classPath, ...task], secondsMax: SECONDS_MAX });
  const figures = printed.split("\n").find((line) => /^\d{4}-/.test(line));
  const fetchMs = Number(figures?.split(",")[7]);
  if (!(fetchMs > 0)) throw new Error(`ConsumerPerformance printed no figures: ${printed.slice(0, 500)}`);
  return { seconds: fetchMs / 1000, cpuSeconds: childTimes(printed), rssBytes: Number.NaN };
}

function nodePeer(file: string, input: Record<string, unknown>): Promise<Lap> {
  return runForLap({ ...node(join(PEERS, file), input), secondsMax: SECONDS_MAX });
}

/** A topic, read by all in turn. */
async function compare(
  bench: Bench,
  title: string,
  options: {
    records: number;
    partitions: number;
    stepMs: number;
    batchRecords?: number;
    peers: "all" | "fast" | "none";
  },
): Promise<Table> {
  const { records, partitions, peers } = options;
  const bootstrap = await bench.kafka();
  const topic = `integers-${partitions}-${options.stepMs}-${options.batchRecords ?? 0}`;
  bench.say(`${title}: filling`);
  const filled = await fillIntegers(bootstrap, topic, options);
  const contestants: Contestant<Lap>[] = [
    { name: "tidemark", run: () => ours({ bootstrap, topic, counted: records, received: records }) },
  ];
  const slowLaps = bench.rounds(2, 3);
  if (peers !== "none") {
    const kcatPath = await bench.peer(LIBRDKAFKA, () =>
      program(["kcat", "kafkacat"], "Debian: apt-get install -y kcat"),
    );
    if (kcatPath !== null) {
      contestants.push({ name: LIBRDKAFKA, run: () => kcat(kcatPath, bootstrap, filled, partitions) });
    }
    const tools = await bench.peer("Java ConsumerPerformance", kafkaTools);
    if (tools !== null) {
      contestants.push({ name: "Java ConsumerPerformance", run: () => java(tools, bootstrap, filled) });
    }
    if (
      peers === "all" &&
      (await bench.peer("kafkajs, @platformatic/kafka", async () => (await npmPeers(bench.policy)) ?? true)) !== null
    ) {
      const input = { bootstrap, topic, records, partitions };
      contestants.push(
        {
          name: "@platformatic/kafka fetch",
          run: () => nodePeer("platformatic/consume.mjs", { ...input, mode: "fetch" }),
        },
        {
          name: "@platformatic/kafka stream",
          laps: slowLaps,
          run: () => nodePeer("platformatic/consume.mjs", { ...input, mode: "stream" }),
        },
        { name: KAFKAJS, laps: slowLaps, run: () => nodePeer("kafkajs/consume.mjs", input) },
      );
    }
  }
  await ours({ bootstrap, topic, counted: records, received: records }); // brings the topic into the page cache
  const laps = await bench.laps(contestants, bench.rounds(3, 5));
  const lines = [...laps].map(([name, own]) => {
    if (name !== "tidemark") return rates(name, own, records);
    const closed = median(own.map((lap) => lap["closedSeconds"])) * 1000;
    return ownLine(own, records, `last commit and sync ${figure(closed)} ms after`);
  });
  return {
    title,
    about: `${figure(records / 1e6)} M readings in ${filled.batches} batches (${figure(filled.bytes / records)} B each) of ${partitions} partition${partitions > 1 ? "s" : ""}, a fresh process for each lap. Tidemark keeps the whole history (identity, exact sums, seven levels of rollups, quantiles) and its clock stops when a query over all of it answers; the others count records or sum their values and keep nothing. Clocks start with the first records, for librdkafka with its process.`,
    unit: "M readings/s",
    better: "more",
    synced:
      "tidemark commits each million readings and syncs them in a worker thread meanwhile; the others write nothing",
    lines: lines.filter((line) => line.laps.length > 0),
  };
}

export const kafka: Row = {
  name: "kafka",
  about: "Kafka → answerable history, bare integers; librdkafka, Java, @platformatic/kafka, kafkajs",
  usesKafka: true,
  async run(bench) {
    const records = bench.size(5e6, 10e6);
    const tables = [
      await compare(bench, "Kafka → answerable: bare integers, 1,000 a second, one partition", {
        ...{ records, partitions: 1, stepMs: 1, peers: "all" },
      }),
      await compare(bench, "Kafka → answerable: bare integers, one a second, four partitions", {
        ...{ records, partitions: 4, stepMs: 1000, peers: bench.settings.quick ? "fast" : "all" },
      }),
    ];
    if (!bench.settings.quick) {
      tables.push(
        await compare(bench, "Kafka → answerable: batches as Java's producer makes them (16 KB)", {
          ...{ records, partitions: 1, stepMs: 1000, batchRecords: 1600, peers: "none" },
        }),
      );
    }
    const [first] = tables;
    const toLibrdkafka = ratioTo(first, LIBRDKAFKA);
    const toKafkajs = ratioTo(first, KAFKAJS);
    const rate = median(first.lines[0].laps);
    return {
      tables,
      goals: [
        {
          what: "Kafka → answerable history, bare integers",
          atLeast: "4 × librdkafka, 20 × kafkajs",
          aim: "15 M readings/s a core",
          measured: `${figure(toLibrdkafka ?? Number.NaN)} × librdkafka, ${figure(toKafkajs ?? Number.NaN)} × kafkajs, ${figure(rate)} M readings/s`,
          toAim: 15 / rate,
          met: toLibrdkafka === null || toKafkajs === null ? null : toLibrdkafka >= 4 && toKafkajs >= 20,
        },
      ],
    };
  },
};
