/** Row `growth`: cost against size, from ten thousand readings to a hundred million, from a second to ten years, from one sensor to ten thousand. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DAY_SECONDS } from "../data/series.ts";
import { LENGTHS, questions } from "../data/windows.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import { slope } from "../harness/statistics.ts";
import type { BuildTask } from "../ours/build.ts";
import type { WindowTask } from "../ours/window.ts";
import { type Curve, type Panel, short } from "../report/picture.ts";

type Numbers = Record<string, number>;
type Point = readonly [x: number, y: number];
const OURS = join(import.meta.dirname, "..", "ours");
const ASKED = 400;

/** A slope within this of 0 or 1 is that. */
const TOLERANCE = 0.1;

function build(directory: string, options: Omit<BuildTask, "directory">): Promise<Numbers> {
  return runForNumbers(node(join(OURS, "build.ts"), { directory, ...options } satisfies BuildTask));
}

function ask(task: WindowTask): Promise<Numbers> {
  return runForNumbers(node(join(OURS, "window.ts"), task));
}

/** "grows as x^0.98: in proportion". */
export function inWords(points: readonly Point[]): string {
  const b = slope(points);
  if (Number.isNaN(b)) return "one size only";
  const first = points[0][1];
  const last = points[points.length - 1][1];
  const shape =
    Math.abs(b) <= TOLERANCE
      ? "flat"
      : Math.abs(b - 1) <= TOLERANCE
        ? "in proportion"
        : b > 1
          ? "faster than in proportion"
          : b < 0
            ? "falls"
            : "slower than in proportion";
  return `${shape} (exponent ${b.toFixed(2)}, ${short(first)} → ${short(last)})`;
}

interface Sizes {
  readonly ingest: Point[];
  readonly disk: Point[];
  readonly minute: Point[];
  readonly whole: Point[];
  readonly memory: Point[];
}

/** One sensor, more and more history. */
async function bySize(bench: Bench): Promise<Sizes> {
  const sizes = [1e4, 1e5, 1e6, 1e7, ...(bench.settings.quick ? [] : [1e8])];
  const found: Sizes = { ingest: [], disk: [], minute: [], whole: [], memory: [] };
  for (const readings of sizes) {
    bench.say(`history of ${short(readings)} readings`);
    const directory = mkdtempSync(join(bench.directory, "growth-"));
    const sensors = ["temperature"];
    const built = await build(directory, { sensors, seconds: readings, kind: "integers" });
    const lengths = [
      ["1 min", 60],
      ["all", readings - 1],
    ] as const;
    const asked = await ask({
      ...{ directory, sensors, quantiles: false },
      questions: questions(readings, ASKED, 1, lengths),
    });
    found.ingest.push([readings, (built["cpuSeconds"] / readings) * 1e9]);
    found.disk.push([readings, built["bytes"]]);
    found.minute.push([readings, asked["p50 1 min"]]);
    found.whole.push([readings, asked["p50 all"]]);
    found.memory.push([readings, asked["rssBytes"] / 1e6]);
    rmSync(directory, { recursive: true, force: true });
  }
  return found;
}

/** Ten years of one sensor, longer and longer windows. */
async function byLength(bench: Bench): Promise<{ plain: Point[]; quantiles: Point[] }> {
  const stepSeconds = bench.size(60, 10);
  const readings = Math.floor((3660 * DAY_SECONDS) / stepSeconds);
  bench.say(`ten years, a reading each ${stepSeconds} s (${short(readings)} readings)`);
  const directory = mkdtempSync(join(bench.directory, "growth-"));
  const sensors = ["temperature"];
  await build(directory, { sensors, seconds: readings, kind: "integers", stepMs: stepSeconds * 1000 });
  const asked = questions(3655 * DAY_SECONDS, ASKED, 1);
  const points = async (quantiles: boolean): Promise<Point[]> => {
    const found = await ask({ directory, sensors, questions: asked, quantiles });
    return LENGTHS.map(([name, seconds]): Point => [seconds, found[`p50 ${name}`]]);
  };
  const result = { plain: await points(false), quantiles: await points(true) };
  rmSync(directory, { recursive: true, force: true });
  return result;
}

/** The same number of readings, spread over more and more sensors. */
async function bySensors(bench: Bench): Promise<{ ingest: Point[]; minute: Point[]; memory: Point[] }> {
  const readings = bench.size(1e6, 4e6);
  const found = { ingest: [] as Point[], minute: [] as Point[], memory: [] as Point[] };
  for (const count of [1, 10, 100, 1000, 10_000]) {
    bench.say(`${short(count)} sensors`);
    const directory = mkdtempSync(join(bench.directory, "growth-"));
    const sensors = Array.from({ length: count }, (_, i) => `sensor-${i}`);
    const seconds = readings / count;
    const built = await build(directory, { sensors, seconds, kind: "integers" });
    const asked = questions(seconds, ASKED, count, [["1 min", 60]]);
    const answers = await ask({ directory, sensors, questions: asked, quantiles: false });
    found.ingest.push([count, (built["cpuSeconds"] / readings) * 1e9]);
    found.minute.push([count, answers["p50 1 min"]]);
    found.memory.push([count, answers["rssBytes"] / 1e6]);
    rmSync(directory, { recursive: true, force: true });
  }
  return found;
}

const curve = (name: string, points: readonly Point[]): Curve => ({ name, points });

export const growth: Row = {
  name: "growth",
  about: "cost against size, drawn: readings, window length, sensors",
  async run(bench) {
    const size = await bySize(bench);
    const length = await byLength(bench);
    const sensors = await bySensors(bench);
    const panels: Panel[] = [
      {
        ...{ title: "Taking in a reading", x: "readings of one sensor at 1 Hz", y: "CPU ns a reading" },
        ...{ curves: [curve("decode to commit, no log", size.ingest)], words: inWords(size.ingest) },
      },
      {
        ...{ title: "Disk", x: "readings of one sensor at 1 Hz", y: "bytes of history" },
        ...{ curves: [curve("history.db", size.disk)], words: inWords(size.disk) },
      },
      {
        ...{ title: "A window, by the size of the history", x: "readings in the history", y: "µs, p50" },
        curves: [curve("1 minute of it", size.minute), curve("all of it", size.whole)],
        words: `a minute: ${inWords(size.minute)}`,
      },
      {
        ...{ title: "A window, by its length", x: "seconds of the window (ten years of history)", y: "µs, p50" },
        curves: [curve("without quantiles", length.plain), curve("with quantiles", length.quantiles)],
        words: inWords(length.plain),
      },
      {
        ...{ title: "Sensors", x: "sensors (the same number of readings in all)", y: "CPU ns a reading; µs a window" },
        curves: [curve("taking in, ns", sensors.ingest), curve("window of a minute, µs", sensors.minute)],
        words: inWords(sensors.ingest),
      },
      {
        ...{ title: "Memory of a process that answers", x: "readings, or sensors", y: "MB resident" },
        curves: [curve("by readings", size.memory), curve("by sensors", sensors.memory)],
        words: `by readings: ${inWords(size.memory)}`,
      },
    ];
    const [, minute] = length.plain;
    const ten = length.plain[length.plain.length - 1];
    const slopes = [
      `Taking in a reading, by the size of the history (ns): ${inWords(size.ingest)}.`,
      `Disk, by readings (bytes): ${inWords(size.disk)}.`,
      `A window of a minute, by the size of the history (µs): ${inWords(size.minute)}; of all of it: ${inWords(size.whole)}.`,
      `A window, by its length from a second to ten years (µs): ${inWords(length.plain)}; with quantiles: ${inWords(length.quantiles)}.`,
      `Taking in a reading, by sensors (ns): ${inWords(sensors.ingest)}; a window of a minute (µs): ${inWords(sensors.minute)}.`,
      `Memory, by readings (MB): ${inWords(size.memory)}; by sensors: ${inWords(sensors.memory)}.`,
    ];
    for (const text of slopes) bench.say(text);
    return {
      tables: [],
      goals: [
        {
          what: "a window of ten years beside one of a minute, in process",
          atLeast: "≤ 3 × a minute, p50 ≤ 50 µs",
          aim: "10 µs",
          measured: `${short(ten[1])} µs, ${short(ten[1] / minute[1])} × a minute's ${short(minute[1])} µs`,
          toAim: ten[1] / 10,
          met: ten[1] <= 50 && ten[1] <= 3 * minute[1],
        },
      ],
      picture: { panels, slopes },
    };
  },
};
