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
const ASKED = 1000;

/** A slope within this of 0 or 1 is that. */
const TOLERANCE = 0.1;

/** What rises past so many times what it must is named. */
const SLACK = 3;

function build(directory: string, options: Omit<BuildTask, "directory">): Promise<Numbers> {
  return runForNumbers(node(join(OURS, "build.ts"), { directory, ...options } satisfies BuildTask));
}

function ask(task: WindowTask): Promise<Numbers> {
  return runForNumbers(node(join(OURS, "window.ts"), task));
}

/** A slope as one says it. */
function shape(b: number): string {
  if (Math.abs(b) <= TOLERANCE) return "flat";
  if (Math.abs(b - 1) <= TOLERANCE) return "rises in proportion";
  if (b < 0) return "falls";
  return b > 1 ? "rises faster than the size" : "rises slower than the size";
}

/** "flat: 1.86 → 2.07 µs (as x^0.03)". */
function inShort(points: readonly Point[], unit: string): string {
  const b = slope(points);
  if (Number.isNaN(b)) return "one size only";
  return `${shape(b)}: ${short(points[0][1])} → ${short(points[points.length - 1][1])} ${unit} (as x^${b.toFixed(2)})`;
}

/** The same, with the slope between the last two sizes where that is another. */
function inWords(points: readonly Point[], unit: string): string {
  const end = slope(points.slice(-2));
  const differs = Math.abs(end - slope(points)) > TOLERANCE;
  return differs ? `${inShort(points, unit)}, at the end as x^${end.toFixed(2)}` : inShort(points, unit);
}

/** A cost over a size. It must not grow faster than x to the power of `must` (0: not at all). */
interface Cost extends Curve {
  readonly what: string;
  readonly unit: string;
  readonly must: number;
}

/** Where it is more than it must be, in words; null where it is not. */
function excess({ what, unit, points, must }: Cost): string | null {
  const [x0, y0] = points[0];
  let worst = points[0];
  let most = SLACK;
  for (const point of points) {
    const times = point[1] / y0 / (point[0] / x0) ** must;
    if (times <= most) continue;
    most = times;
    worst = point;
  }
  if (worst === points[0]) return null;
  return `${what}: ${short(y0)} ${unit} at ${short(x0)}, ${short(worst[1])} ${unit} at ${short(worst[0])}`;
}

interface Sizes {
  readonly ingest: Point[];
  readonly building: Point[];
  readonly disk: Point[];
  readonly minute: Point[];
  readonly whole: Point[];
  readonly answering: Point[];
}

const sizes = (): Sizes => ({ ingest: [], building: [], disk: [], minute: [], whole: [], answering: [] });

/** Builds a history, asks it about minutes and about all of it, and notes what that cost under size `x`. */
async function note(bench: Bench, into: Sizes, x: number, sensors: readonly string[], seconds: number): Promise<void> {
  const directory = mkdtempSync(join(bench.directory, "growth-"));
  const readings = sensors.length * seconds;
  const built = await build(directory, { sensors, seconds, kind: "integers" });
  const lengths = [
    ["1 min", 60],
    ["all", seconds - 1],
  ] as const;
  const asked = questions(seconds, ASKED, sensors.length, lengths);
  const answers = await ask({ directory, sensors, quantiles: false, questions: asked });
  into.ingest.push([x, (built["cpuSeconds"] / readings) * 1e9]);
  into.building.push([x, built["rssBytes"] / 1e6]);
  into.disk.push([x, built["bytes"] / readings]);
  into.minute.push([x, answers["p50 1 min"]]);
  into.whole.push([x, answers["p50 all"]]);
  into.answering.push([x, answers["rssBytes"] / 1e6]);
  rmSync(directory, { recursive: true, force: true });
}

/** One sensor, more and more history. */
async function bySize(bench: Bench): Promise<Sizes> {
  const found = sizes();
  for (const readings of [1e4, 1e5, 1e6, 1e7, ...(bench.settings.quick ? [] : [1e8])]) {
    bench.say(`history of ${short(readings)} readings`);
    await note(bench, found, readings, ["temperature"], readings);
  }
  return found;
}

/** The same number of readings, spread over more and more sensors. */
async function bySensors(bench: Bench): Promise<Sizes> {
  const readings = bench.size(1e6, 4e6);
  const found = sizes();
  for (const count of [1, 10, 100, 1000, 10_000]) {
    bench.say(`${short(count)} sensors`);
    const names = Array.from({ length: count }, (_, i) => `sensor-${i}`);
    await note(bench, found, count, names, readings / count);
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

const READINGS = "readings of one sensor at 1 Hz";
const SENSORS = "sensors (the same number of readings in all)";

function panel(title: string, x: string, y: string, costs: readonly Cost[]): { panel: Panel; costs: readonly Cost[] } {
  const words = costs.map(({ points, unit }) => inShort(points, unit));
  const curves = costs.map(({ name, points }) => ({ name, points }));
  return { panel: { title, x, y, curves, words }, costs };
}

export const growth: Row = {
  name: "growth",
  about: "cost against size, drawn: readings, window length, sensors",
  async run(bench) {
    const size = await bySize(bench);
    const length = await byLength(bench);
    const sensors = await bySensors(bench);
    const cost = (what: string, name: string, unit: string, points: Point[], must = 0): Cost => {
      return { what, name, unit, points, must };
    };
    const taking = "taking in a reading";
    const drawn = [
      panel("Taking in a reading, by readings", READINGS, "CPU ns a reading", [
        cost(`${taking}, by readings`, "decode to commit, no log, start-up in it", "ns", size.ingest),
      ]),
      panel("Taking in a reading, by sensors", SENSORS, "CPU ns a reading", [
        cost(`${taking}, by sensors`, "decode to commit, no log, start-up in it", "ns", sensors.ingest),
      ]),
      panel("A window, by the size of the history", READINGS, "µs, p50", [
        cost("a window of a minute, by readings", "1 minute of it", "µs", size.minute),
        cost("a window of everything, by readings", "all of it", "µs", size.whole),
      ]),
      panel("A window, by sensors", SENSORS, "µs, p50", [
        cost("a window of a minute, by sensors", "1 minute of one sensor", "µs", sensors.minute),
        cost("a window of everything, by sensors", "all of one sensor", "µs", sensors.whole),
      ]),
      panel("A window, by its length", "seconds of the window, from one to ten years", "µs, p50", [
        cost("a window, by its length", "without quantiles", "µs", length.plain),
        cost("a window with quantiles, by its length", "with quantiles", "µs", length.quantiles),
      ]),
      panel("Disk", "readings, or sensors", "bytes of history a reading", [
        cost("disk, by readings", "by readings of one sensor", "B", size.disk),
        cost("disk, by sensors", "by sensors", "B", sensors.disk),
      ]),
      panel("Memory of a process that takes in", "readings, or sensors", "MB resident, largest", [
        cost("memory while taking in, by readings", "by readings of one sensor", "MB", size.building),
        cost("memory while taking in, by sensors", "by sensors", "MB", sensors.building),
      ]),
      panel("Memory of a process that answers", "readings, or sensors", "MB resident, largest", [
        cost("memory while answering, by readings", "by readings of one sensor", "MB", size.answering),
        cost("memory while answering, by sensors", "by sensors", "MB", sensors.answering),
      ]),
    ];
    const costs = drawn.flatMap((one) => one.costs);
    const faster = costs.map(excess).filter((text) => text !== null);
    const slopes = [
      ...costs.map(({ what, points, unit }) => `${what}: ${inWords(points, unit)}`),
      faster.length === 0
        ? "**Faster than it must**: nothing (all of these should be flat)."
        : `**Faster than it must** (all of these should be flat; more than ${SLACK} × the smallest size's): ${faster.join("; ")}.`,
    ];
    for (const text of slopes) bench.say(text);
    const [, minute] = length.plain;
    const ten = length.plain[length.plain.length - 1];
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
      picture: { panels: drawn.map((one) => one.panel), slopes },
    };
  },
};
