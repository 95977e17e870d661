/** Row `kafka`: bare integers, from a Kafka topic to a history that answers, beside four other consumers that only count or sum. */
import { join } from "node:path";
import { SERVER_FLAGS } from "../../src/runtime/server-flags.ts";
import { type Filled, fillIntegers } from "../data/topics.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { childTimes, type Lap, node, run, runForFlow, runForLap } from "../harness/child.ts";
import { kafkaTools, npmPeers, PEERS, program } from "../harness/install.ts";
import type { Contestant } from "../harness/statistics.ts";
import { median } from "../harness/statistics.ts";
import type { KafkaTask } from "../ours/kafka.ts";
import { figure, type Line, ratioTo, type Table } from "../report/results.ts";

const OURS_KAFKA = join(import.meta.dirname, "..", "ours", "kafka.ts");
const SECONDS_MAX = 300;
const LIBRDKAFKA = "librdkafka (kcat)";
const KAFKAJS = "kafkajs eachBatch";
const PLATFORMATIC_FETCH = "@platformatic/kafka fetch";
const PLATFORMATIC_STREAM = "@platformatic/kafka stream";

/** Tidemark on a topic. */
export function ours(task: Omit<KafkaTask, "secondsMax">): Promise<Lap> {
  return runForLap(node(OURS_KAFKA, { ...task, secondsMax: SECONDS_MAX } satisfies KafkaTask, SERVER_FLAGS));
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

async function kcat(command: string, bootstrap: string, filled: Filled): Promise<Lap> {
  const { topic, records } = filled;
  // One byte a record; without the larger queue it is a third as fast.
  const read = `"$0" -C -b "$1" -t "$2" -o beginning -c "$3" -q -f . -X queued.min.messages=1000000; times >&2`;
  const args = ["-c", read, command, bootstrap, topic, String(records)];
  const flow = await runForFlow({ command: "sh", args, secondsMax: SECONDS_MAX }, records);
  return {
    ...{ seconds: flow.seconds - flow.firstSeconds, cpuSeconds: childTimes(flow.errors), rssBytes: Number.NaN },
    secondHalf: records / 2 / (flow.seconds - flow.halfSeconds),
  };
}

/** How often `ConsumerPerformance` says how far it is, ms. */
const JAVA_REPORTS_MS = 100;

/**
 * `ConsumerPerformance` prints a line each 100 ms: time, thread, MB, MB/s, records, …; the first after the first records, the last some
 * hundredths of a second before the end, so that the rate between them is what is compared.
 */
async function java(classPath: string, bootstrap: string, filled: Filled): Promise<Lap> {
  const { topic, records } = filled;
  const task = ["--bootstrap-server", bootstrap, "--topic", topic, "--messages", String(records)];
  const detail = ["--timeout", "60000", "--show-detailed-stats", "--reporting-interval", String(JAVA_REPORTS_MS)];
  const tool = `java -Xmx512m -cp "$0" org.apache.kafka.tools.ConsumerPerformance "$@" 2>/dev/null; times`;
  const args = ["-c", tool, classPath, ...task, ...detail];
  const printed = await run({ command: "sh", args, secondsMax: SECONDS_MAX });
  const reports = printed.split("\n").flatMap((line) => {
    const [, date, ms] = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d):(\d{3}),/.exec(line) ?? [];
    return date === undefined
      ? []
      : [{ at: Date.parse(`${date.replace(" ", "T")}.${ms}Z`) / 1000, count: Number(line.split(",")[4]) }];
  });
  const [first] = reports;
  const last = reports.at(-1);
  const half = reports.find(({ count }) => count >= records / 2);
  if (first === undefined || last === undefined || half === undefined || half === last) {
    throw new Error(`ConsumerPerformance printed too little: ${printed.slice(0, 500)}`);
  }
  // Of all records, at the rate between the first and the last report.
  const seconds = ((last.at - first.at) * records) / (last.count - first.count);
  return {
    ...{ seconds, cpuSeconds: childTimes(printed), rssBytes: Number.NaN },
    secondHalf: (last.count - half.count) / (last.at - half.at),
  };
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
    /** Laps of each in a full run. */
    rounds: number;
    peers: "all" | "fast" | "none";
  },
): Promise<[fromStart: Table, steady: Table]> {
  const { records, partitions, peers } = options;
  const bootstrap = await bench.kafka();
  const topic = `integers-${partitions}-${options.stepMs}-${options.batchRecords ?? 0}`;
  bench.say(`${title}: filling`);
  const filled = await fillIntegers(bootstrap, topic, options);
  const contestants: Contestant<Lap>[] = [
    { name: "tidemark", run: () => ours({ bootstrap, topic, counted: records, received: records }) },
  ];
  const slowLaps = bench.rounds(2, 3);
  /** The slow ones are steady from the start: they read a part of the topic. */
  const read = new Map<string, number>();
  if (peers !== "none") {
    const kcatPath = await bench.peer(LIBRDKAFKA, () =>
      program(["kcat", "kafkacat"], "Debian: apt-get install -y kcat"),
    );
    if (kcatPath !== null) {
      contestants.push({ name: LIBRDKAFKA, run: () => kcat(kcatPath, bootstrap, filled) });
    }
    const tools = await bench.peer("Java ConsumerPerformance", kafkaTools);
    if (tools !== null) {
      contestants.push({ name: "Java ConsumerPerformance", run: () => java(tools, bootstrap, filled) });
    }
    if (
      peers === "all" &&
      (await bench.peer("kafkajs, @platformatic/kafka", async () => (await npmPeers(bench.policy)) ?? true)) !== null
    ) {
      for (const [name, file, part, extra] of [
        [PLATFORMATIC_FETCH, "platformatic/consume.mjs", 5e6, { mode: "fetch" }],
        [PLATFORMATIC_STREAM, "platformatic/consume.mjs", 5e6, { mode: "stream" }],
        [KAFKAJS, "kafkajs/consume.mjs", 5e6, {}],
      ] as const) {
        const count = Math.min(records, part);
        if (count < records) read.set(name, count);
        const input = { bootstrap, topic, records: count, partitions, ...extra };
        contestants.push({ name, laps: slowLaps, run: () => nodePeer(file, input) });
      }
    }
  }
  await ours({ bootstrap, topic, counted: records, received: records }); // brings the topic into the page cache
  const laps = await bench.laps(contestants, bench.rounds(3, options.rounds));
  const closed = median((laps.get("tidemark") ?? []).map((lap) => lap["closedSeconds"])) * 1000;
  const lines = [...laps].map(([name, own]) =>
    name === "tidemark"
      ? ownLine(own, records, `last commit and sync ${figure(closed)} ms after`)
      : rates(name, own, read.get(name) ?? records),
  );
  const steady = [...laps].map(
    ([name, own]): Line => ({
      ...{ name, ours: name === "tidemark", laps: own.map((lap) => lap["secondHalf"] / 1e6) },
    }),
  );
  const fewer = [...read].map(([name, count]) => `${name} ${figure(count / 1e6)} M`).join(", ");
  const common = {
    ...{ unit: "M readings/s", better: "more" as const },
    synced:
      "tidemark commits each million readings and syncs them in a worker thread meanwhile; the others write nothing",
  };
  return [
    {
      title,
      about: `${figure(records / 1e6)} M readings in ${filled.batches} batches (${figure(filled.bytes / records)} B each) of ${partitions} partition${partitions > 1 ? "s" : ""}, a fresh process for each lap: its compiling is in it, as it is for the JVM.${fewer === "" ? "" : ` Of them read: ${fewer}.`} Tidemark keeps the whole history (identity, exact sums, seven levels of rollups, quantiles) and its clock stops when a query over all of it answers; the others count records or sum their values and keep nothing. Clocks start with the first records.`,
      ...common,
      lines: lines.filter((line) => line.laps.length > 0),
    },
    {
      title: `${title}: second half only`,
      about:
        "The same laps, from half of each one's records to the last: everything is compiled and runs at its steady rate.",
      ...common,
      lines: steady.filter((line) => line.laps.length > 0),
    },
  ];
}

export const kafka: Row = {
  name: "kafka",
  about: "Kafka → answerable history, bare integers; librdkafka, Java, @platformatic/kafka, kafkajs",
  usesKafka: true,
  async run(bench) {
    const records = bench.size(5e6, 20e6);
    const dense = await compare(bench, "Kafka → answerable: bare integers, 1,000 a second, one partition", {
      ...{ records, partitions: 1, stepMs: 1, rounds: 5, peers: "all" },
    });
    const sparse = await compare(bench, "Kafka → answerable: bare integers, one a second, four partitions", {
      ...{ records, partitions: 4, stepMs: 1000, rounds: 3, peers: bench.settings.quick ? "fast" : "all" },
    });
    const tables = [...dense, ...sparse];
    if (!bench.settings.quick) {
      const [java] = await compare(bench, "Kafka → answerable: batches as Java's producer makes them (16 KB)", {
        ...{ records, partitions: 1, stepMs: 1000, batchRecords: 1600, rounds: 3, peers: "none" },
      });
      tables.push(java);
    }
    const [first, steady] = dense;
    const toLibrdkafka = ratioTo(first, LIBRDKAFKA);
    const toKafkajs = ratioTo(first, KAFKAJS);
    const ratios = (table: Table): string =>
      [LIBRDKAFKA, KAFKAJS].map((peer) => `${figure(ratioTo(table, peer) ?? Number.NaN)} × ${peer}`).join(", ");
    const rate = median(first.lines[0].laps);
    const steadyRate = median(steady.lines[0].laps);
    return {
      tables,
      goals: [
        {
          what: "Kafka → answerable history, bare integers",
          atLeast: "4 × librdkafka, 20 × kafkajs",
          aim: "15 M readings/s a core",
          measured: `from a fresh process's first record ${ratios(first)}, ${figure(rate)} M readings/s; second half ${ratios(steady)}, ${figure(steadyRate)} M readings/s`,
          toAim: 15 / steadyRate,
          met: toLibrdkafka === null || toKafkajs === null ? null : toLibrdkafka >= 4 && toKafkajs >= 20,
        },
      ],
    };
  },
};
