/** Row `influx`: line protocol over HTTP until it can be asked for, beside VictoriaMetrics. */
import { join } from "node:path";
import type { Row } from "../harness/bench.ts";
import { type Lap, node, runForLap } from "../harness/child.ts";
import { type Contestant, median } from "../harness/statistics.ts";
import type { InfluxTask } from "../ours/influx-load.ts";
import { startVictoria } from "../peers/victoria/server.ts";
import { figure, type Table } from "../report/results.ts";
import { startTidemark } from "./tidemark-server.ts";

const LOAD = join(import.meta.dirname, "..", "ours", "influx-load.ts");
const FIELDS = [1, 10];
const WHO = "tidemark";
const PEER = "VictoriaMetrics";

export const influx: Row = {
  name: "influx",
  about: "line protocol written over HTTP → answerable, beside VictoriaMetrics",
  async run(bench) {
    const tidemark = await startTidemark({ data: join(bench.directory, "influx"), log: "local", sensors: null });
    const victoria = await bench.peer(PEER, () => startVictoria(bench));
    const tables: Table[] = [];
    let lap = 0;
    try {
      for (const fields of FIELDS) {
        const lines = bench.size(200_000, 1_000_000) / fields;
        const load = (who: InfluxTask["who"], port: number, pid: number): Promise<Lap> => {
          const task: InfluxTask = { port, pid, who, lines, fields, lap: lap++ };
          return runForLap(node(LOAD, task));
        };
        const contestants: Contestant<Lap>[] = [
          { name: WHO, run: () => load("tidemark", tidemark.port, tidemark.pid) },
          ...(victoria === null
            ? []
            : [{ name: PEER, run: () => load("victoria", victoria.port, victoria.server.pid) }]),
        ];
        await bench.laps(contestants, 1); // warms both, and makes their series
        const laps = await bench.laps(contestants, bench.rounds(3, 5));
        tables.push({
          title: `Line protocol, ${fields} ${fields === 1 ? "field" : "fields"} a line`,
          about: `Lines of Telegraf's cpu input of 100 hosts, three tags, 5,000 a request, uncompressed, four connections; the load generator shares the machine. Until the last line can be asked for: of tidemark counted, each with an identity for ever; of VictoriaMetrics flushed to its index, without one.`,
          unit: "lines/s",
          better: "more",
          synced: "tidemark: each request is on disk before its 204; VictoriaMetrics: in memory for up to 5 s",
          lines: [...laps].map(([name, own]) => {
            const cpu = (median(own.map(({ cpuSeconds }) => cpuSeconds)) / lines) * 1e6;
            const durable = median(own.map((each) => lines / each["acknowledged"]));
            return {
              ...{ name, ours: name === WHO, laps: own.map(({ seconds }) => lines / seconds) },
              remark: `${figure(cpu)} CPU s per M lines; ${figure(durable)} lines/s acknowledged`,
            };
          }),
        });
      }
      return { tables, goals: [] };
    } finally {
      await tidemark.stop();
      await victoria?.server.stop();
    }
  },
};
