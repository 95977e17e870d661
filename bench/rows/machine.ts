/** Row `machine`: what the machine can do at best, so that the other rows' figures can be held against it. */
import { join } from "node:path";
import type { Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import { median } from "../harness/statistics.ts";
import type { MachineTask } from "../ours/machine.ts";
import { cell, figure } from "../report/results.ts";
import { lapsOf } from "./stages.ts";

const OURS = join(import.meta.dirname, "..", "ours", "machine.ts");
/** Bytes of a bare reading in a Kafka batch (`kafka` row), and of one decoded: time, value, device and five narrow columns. */
const BYTES_IN_BATCH = 11.9;
const BYTES_IN_COLUMNS = 8 + 8 + 4 + 4 + 8 + 3;

export const machine: Row = {
  name: "machine",
  about: "the machine's limits: memory, CRC-32C, system calls, a socket, SQLite, a sync, a process",
  async run(bench) {
    const found = await runForNumbers(node(OURS, { laps: bench.size(3, 7) } satisfies MachineTask));
    const laps = (name: string): number[] => lapsOf(found, name);
    const at = (name: string): number => median(laps(name));
    const rate = (gigabytes: number, bytes: number): string =>
      `${figure((gigabytes * 1e9) / bytes / 1e6)} M readings/s`;
    const perCore = (micros: number): string => `${figure(1e6 / micros)} a second and core`;
    return {
      tables: [],
      grids: [
        {
          title: "What this machine can do, from Node.js",
          about:
            "In one process (the socket's other end in a second one), laps in turn after one of warm-up: median (smallest–largest). CPU time, but for the socket, the sync and the process, which are by the clock. No work of tidemark's is in them; a figure of another row cannot be better than what follows from these.",
          synced: "SQLite's commit is not synced; the sync is",
          head: ["what", "figure", "unit", "means at most"],
          rows: [
            [
              "copy memory (128 MB)",
              cell(laps("copy")),
              "GB/s",
              `${rate(at("copy"), BYTES_IN_COLUMNS)} moved once in columns of ${BYTES_IN_COLUMNS} B`,
            ],
            [
              "read memory (doubles added up)",
              cell(laps("read")),
              "GB/s",
              `${rate(at("read"), 8)} of their values summed`,
            ],
            [
              "CRC-32C of 1 MB",
              cell(laps("crc")),
              "GB/s",
              `${rate(at("crc"), BYTES_IN_BATCH)} of ${BYTES_IN_BATCH} B checked`,
            ],
            [
              "receive from a socket, 64 KB at a time",
              cell(laps("socket")),
              "GB/s",
              `${rate(at("socket"), BYTES_IN_BATCH)}; ${cell(laps("socket cpu"))} CPU s a GB`,
            ],
            ["a system call (write of 1 B to /dev/null)", cell(laps("call")), "µs", perCore(at("call"))],
            [
              "a round trip of 200 B over a socket",
              cell(laps("round trip")),
              "µs",
              `${perCore(at("round trip cpu"))} by the asking side's CPU time, ${cell(laps("round trip cpu"))} µs`,
            ],
            [
              "a row of 1 KB into SQLite, 20,000 a commit",
              cell(laps("insert")),
              "µs",
              `${figure(1e6 / at("insert") / 1e3)} k pages a second in a commit`,
            ],
            [
              "a row of 1 KB out of SQLite's cache",
              cell(laps("select")),
              "µs",
              "what each page costs that a window has to read",
            ],
            [
              "a synced write of 4 KB",
              cell(laps("sync")),
              "ms",
              `${figure(1000 / at("sync"))} single appends a second, one after the other`,
            ],
            ["start and end of `node -e 0`", cell(laps("process")), "ms", "part of every `start` lap, once a process"],
          ],
        },
      ],
      goals: [],
    };
  },
};
