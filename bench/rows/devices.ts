/** Row `devices`: what a series for each device of a sensor costs, in CPU and on disk, beside the same without. */
import { join } from "node:path";
import { SERVER_FLAGS } from "../../src/runtime/server-flags.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import type { DeviceSeriesTask } from "../ours/device-series.ts";
import { figure, type Line, type Table } from "../report/results.ts";

const CONTESTANT = join(import.meta.dirname, "..", "ours", "device-series.ts");

/** The default of `--device-series`. */
const SERIES = 1000;
const OFF = "device series off";
const ON = "a series for each device";

type Numbers = Readonly<Record<string, number>>;

interface Load {
  readonly about: string;
  readonly task: Omit<DeviceSeriesTask, "deviceSeries">;
}

/** A backlog is committed by the million readings; what comes live each 30 seconds, a reading or three of each device. */
function loads(bench: Bench): Load[] {
  const backlog = bench.size(100_000, 600_000);
  const halfHours = bench.size(0.25, 1);
  return [
    ...[1, 1000, 100_000].map((devices) => ({
      about: `${devices.toLocaleString("en-US")} ${devices === 1 ? "device" : "devices"}, a backlog, each one reading a second`,
      task: { devices, readings: backlog, stepSeconds: 1, perCommit: null },
    })),
    {
      about: "1,000 devices, live, each one reading in 10 s, a commit each 30 s",
      task: { devices: 1000, readings: 180_000 * halfHours, stepSeconds: 10, perCommit: 3000 },
    },
    {
      about: "100,000 devices, live, each one reading in 30 s, a commit each 30 s",
      task: { devices: 100_000, readings: bench.size(200_000, 600_000), stepSeconds: 30, perCommit: 100_000 },
    },
  ];
}

/** Two tables of the same laps. */
async function tables(bench: Bench, { about, task }: Load): Promise<Table[]> {
  bench.say(`devices: ${about}`);
  const measure = (deviceSeries: number) => (): Promise<Numbers> => {
    const whole: DeviceSeriesTask = { ...task, deviceSeries };
    return runForNumbers(node(CONTESTANT, whole, SERVER_FLAGS));
  };
  const laps = await bench.laps(
    [
      { name: ON, run: measure(SERIES) },
      { name: OFF, run: measure(0) },
    ],
    bench.rounds(2, 5),
  );
  const lines = (number: (lap: Numbers) => number, remark: (lap: Numbers) => string): Line[] =>
    [ON, OFF].flatMap((name) => {
      const its = laps.get(name) ?? [];
      if (its.length === 0) return [];
      return [{ name, ours: name === ON, laps: its.map(number), remark: remark(its[its.length - 1]) }];
    });
  const said = `${task.readings.toLocaleString("en-US")} JSON readings (device, boot, sequence, a value with a decimal) of one sensor in order of time, taken in and committed in one process, with notes of earlier states. At most ${SERIES.toLocaleString("en-US")} devices get a series.`;
  const base = { better: "less", synced: "committed and checkpointed (synced) at once" } as const;
  return [
    {
      ...base,
      title: `CPU: ${about}`,
      about: said,
      unit: "ns of CPU a reading",
      lines: lines(
        ({ cpuSeconds }) => (cpuSeconds * 1e9) / task.readings,
        ({ commits, withSeries }) => `${commits} commits; ${withSeries} devices have a series`,
      ),
    },
    {
      ...base,
      title: `Disk: ${about}`,
      about: "The same laps: `history.db` at the end, all of it.",
      unit: "bytes a reading",
      lines: lines(
        ({ bytes }) => bytes / task.readings,
        ({ bytesWritten }) => `${figure(bytesWritten / task.readings)} B written a reading`,
      ),
    },
  ];
}

export const devices: Row = {
  name: "devices",
  about: "a series for each of 1, 1,000 and 100,000 devices of a sensor: CPU and disk a reading, beside none",
  async run(bench) {
    const found: Table[] = [];
    for (const load of loads(bench)) found.push(...(await tables(bench, load)));
    return { tables: found, goals: [] };
  },
};
