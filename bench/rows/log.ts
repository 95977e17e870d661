/** Row `log`: durable appends to the embedded log until they can be asked for, beside inserts into PostgreSQL and what the disk itself can sync. */
import { join } from "node:path";
import { SERVER_FLAGS } from "../../src/runtime/server-flags.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { type Lap, node, runForLap } from "../harness/child.ts";
import { syncTimes } from "../harness/disk-sync.ts";
import { type Contestant, median, quantile } from "../harness/statistics.ts";
import type { EmbeddedTask } from "../ours/embedded.ts";
import { figure } from "../report/results.ts";

const OURS = join(import.meta.dirname, "..", "ours", "embedded.ts");
const SYNCS = 100;

interface Case extends EmbeddedTask {
  readonly name: string;
}

function cases(bench: Bench): Case[] {
  const many = bench.size(1e6, 5e6);
  return [
    {
      name: "tidemark: integers, 1,000 an append, 8 appends at once",
      readings: many,
      batch: 1000,
      clients: 8,
      json: false,
    },
    { name: "tidemark: integers, 10,000 an append, 8 at once", readings: many, batch: 10_000, clients: 8, json: false },
    { name: "tidemark: JSON, 1,000 an append, 8 at once", readings: many / 2, batch: 1000, clients: 8, json: true },
    {
      name: "tidemark: integers, 100 an append, one at a time",
      readings: many / 50,
      batch: 100,
      clients: 1,
      json: false,
    },
    { name: "tidemark: integers, one an append, 64 clients", readings: many / 50, batch: 1, clients: 64, json: false },
  ];
}

export const log: Row = {
  name: "log",
  about: "embedded log: durable append → answerable, in batches and one by one",
  async run(bench) {
    const all = cases(bench);
    const contestants: Contestant<Lap>[] = all.map(({ name, ...task }) => ({
      name,
      run: () => runForLap(node(OURS, task, SERVER_FLAGS)),
    }));
    const laps = await bench.laps(contestants, bench.rounds(2, 3));
    const sync = syncTimes(bench.directory, SYNCS);
    const lines = all.map(({ name, readings }, i) => {
      const own = laps.get(name) ?? [];
      const durable = median(own.map((lap) => readings / lap["durableSeconds"]));
      const bytes = median(own.map((lap) => lap["logBytes"] / readings));
      const cpu = (median(own.map(({ cpuSeconds }) => cpuSeconds)) / readings) * 1e6;
      return {
        ...{ name, ours: i === 0, variant: i > 0, laps: own.map(({ seconds }) => readings / seconds) },
        remark: `${figure(durable)} durable/s; ${figure(cpu)} CPU s per M; log file ${figure(bytes)} B a reading at the end`,
      };
    });
    const batches = median(lines[0].laps);
    return {
      tables: [
        {
          title: "Embedded log: durable append → answerable",
          about: `From the first append until the last reading is counted and a query would hold it; each append resolves after its fsync. One synced write of 4 KB takes this disk ${figure(quantile(sync, 0.5))} ms (p99 ${figure(quantile(sync, 0.99))} ms).`,
          unit: "readings/s",
          better: "more",
          synced: "every append is synced (SQLite WAL, synchronous=FULL, appends made meanwhile share a sync)",
          lines: lines.filter((line) => line.laps.length > 0),
        },
      ],
      goals: [
        {
          what: "embedded log: durable append → answerable, batches",
          atLeast: "200 k readings/s",
          aim: "1 M",
          measured: `${figure(batches)} readings/s`,
          toAim: 1e6 / batches,
          met: batches >= 200_000,
        },
      ],
    };
  },
};
