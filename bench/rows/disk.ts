/** Row `disk`: bytes of history for each reading, and what is written for it: in a backfill, second by second, and with late readings. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { DAY_SECONDS } from "../data/series.ts";
import { SENSORS } from "../data/windows.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import type { BuildTask } from "../ours/build.ts";
import type { TrickleTask } from "../ours/trickle.ts";
import { figure, type Line } from "../report/results.ts";

const OURS = join(import.meta.dirname, "..", "ours");

async function backfill(bench: Bench, name: string, options: Pick<BuildTask, "kind" | "stepMs">): Promise<Line> {
  const directory = mkdtempSync(join(bench.directory, "disk-"));
  const seconds = bench.size(7, 60) * DAY_SECONDS;
  const task: BuildTask = { directory, sensors: SENSORS, seconds, ...options };
  const built = await runForNumbers(node(join(OURS, "build.ts"), task));
  return {
    name,
    laps: [built["bytes"] / built["readings"]],
    remark: `${figure(built["bytesWritten"] / built["readings"])} B committed a reading in ${built["commits"]} commits; ${figure(built["payloadBytes"] / built["readings"])} B payload; ${figure(built["readings"] / built["seconds"] / 1e6)} M readings/s`,
  };
}

async function trickle(bench: Bench, name: string, late: number, everySeconds: number): Promise<Line> {
  const task: TrickleTask = { hours: bench.size(2, 6), late, everySeconds };
  const found = await runForNumbers(node(join(OURS, "trickle.ts"), task));
  const pages = found["pageBytes"] / found["readings"];
  const wal = found["walBytes"] / found["readings"];
  const payload = found["payloadBytes"] / found["readings"];
  return {
    name,
    laps: [wal],
    remark: `${figure(pages)} B of pages a reading (${figure(pages / payload)} × its payload), the log ${figure(wal / pages)} × that; ${figure(wal * SENSORS.length * DAY_SECONDS * 1e-6)} MB a day for three sensors; a commit takes ${figure(found["commitMs"])} ms`,
  };
}

/** A commit each 30 s as at 1 Hz, and one an hour, as when a million readings wait. */
const TRICKLES = [
  { name: "in order, a commit each 30 s", late: 0, everySeconds: 30 },
  { name: "1% late, each 30 s", late: 0.01, everySeconds: 30 },
  { name: "5% late, each 30 s", late: 0.05, everySeconds: 30 },
  { name: "all late, each 30 s", late: 1, everySeconds: 30 },
  { name: "in order, a commit each hour", late: 0, everySeconds: 3600 },
  { name: "5% late, each hour", late: 0.05, everySeconds: 3600 },
  { name: "all late, each hour", late: 1, everySeconds: 3600 },
] as const;

export const disk: Row = {
  name: "disk",
  about: "bytes of history a reading; what a flush and late readings write",
  async run(bench) {
    const integers = await backfill(bench, "integers 0–100 at 1 Hz", { kind: "integers" });
    const decimals = await backfill(bench, "decimals 0.0–100.0 at 1 Hz", { kind: "decimals" });
    const dense = await backfill(bench, "integers 0–100, 100 a second", { kind: "integers", stepMs: 10 });
    const size = integers.laps[0];
    const trickles: Line[] = [];
    for (const { name, late, everySeconds } of TRICKLES) {
      trickles.push({
        ...(await trickle(bench, name, late, everySeconds)),
        ours: trickles.length === 0,
        variant: trickles.length > 0,
      });
    }
    return {
      tables: [
        {
          title: "Disk: bytes of history a reading, after a backfill",
          about: "history.db after its last checkpoint, all levels and quantiles in it.",
          unit: "B a reading",
          better: "less",
          synced: "committed each million readings, synced by the checkpoint after it",
          lines: [
            { ...integers, ours: true },
            { ...decimals, variant: true },
            { ...dense, variant: true },
          ],
        },
        {
          title: "Disk: bytes written a reading, three sensors at 1 Hz, by commit and lateness",
          about:
            "Bytes appended to the write-ahead log (SQLite pages of 8 KB); the checkpoint writes most of them once more into the file. Late readings lie anywhere in the day before.",
          unit: "B a reading",
          better: "less",
          synced: "each commit checkpointed and synced here; the product leaves that to a worker thread",
          lines: trickles,
        },
      ],
      goals: [
        {
          what: "disk, integers at 1 Hz",
          atLeast: "≤ 3 B a reading",
          aim: "1.5 B",
          measured: `${figure(size)} B`,
          toAim: size / 1.5,
          met: size <= 3,
        },
      ],
    };
  },
};
