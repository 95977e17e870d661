/**
 * The charts: a panel a sensor, one above the other on one time axis, so that each has the y axis that fits it. A bucket is drawn as
 * wide as it is; where it has no readings nothing is drawn. Pointers and keys are gestures.ts's.
 */
import uPlot from "uplot";
import type { Zone } from "../../core/zone.ts";
import { element, setText } from "../dom.ts";
import type { Theme } from "../theme.ts";
import { hasNumbers, type Picture } from "./picture.ts";
import { shortNumbers } from "./short.ts";
import type { Span } from "./span.ts";
import { ticksOf } from "./ticks.ts";
import type { YAxis } from "./view.ts";

/** Dashes of percentiles, in their order. */
export const DASHES: readonly (readonly number[])[] = [
  [6, 3],
  [2, 3],
  [10, 3, 2, 3],
  [1, 5],
];

/** Dashes of what it is compared with. */
export const EARLIER_DASH = [3, 3];

/** Width that a label of the time axis needs, px. */
const LABEL_PX = 72;

/** Height of the time axis under the last panel, px. */
const TIME_AXIS_PX = 40;

/** Share of the plot that is free above and below what is fitted. */
const PAD = 0.08;

/** Buckets further apart than so many times the usual distance have a gap between them; 1.5 × 1 is none. */
const JOINED = 1.5;

interface Panel {
  readonly root: HTMLElement;
  readonly plot: uPlot;
  readonly readout: HTMLElement;
  readonly none: HTMLElement;
  readonly hair: HTMLElement;
  readonly box: HTMLElement;
}

/** All panels of the page. */
export class Panels {
  readonly root = element("div", { class: "panels" });
  readonly #zone: Zone;
  readonly #theme: Theme;
  #panels: Panel[] = [];
  /** What the panels were made for. */
  #shape = "";
  #span: Span = { start: 0, end: 1 };
  #y: YAxis = { mode: "auto" };
  /** Width of all y axes: plots have to stand exactly above each other. */
  #gutter = 0;

  constructor(zone: Zone, theme: Theme) {
    this.#zone = zone;
    this.#theme = theme;
  }

  /** Draws a picture. */
  show(picture: Picture, y: YAxis): void {
    const { sensors, metrics } = picture.wanted;
    const shape = JSON.stringify([sensors, metrics, picture.earlier === null]);
    this.#span = picture.span;
    this.#y = y;
    const width = this.root.clientWidth;
    if (shape !== this.#shape) {
      this.destroy();
      this.#shape = shape;
      this.#panels = sensors.map((sensor, i) => this.#create(picture, sensor, i, width));
    }
    this.#panels.forEach(({ none, plot }, i) => {
      none.hidden = hasNumbers(picture, sensors[i]);
      plot.setData(columnsOf(picture, sensors[i]), false);
    });
    this.setSpan(picture.span);
  }

  /** Moves the time axis, while the numbers for it are still on their way. */
  setSpan(span: Span): void {
    this.#span = span;
    for (const { plot } of this.#panels) plot.setScale("x", { min: span.start, max: span.end });
  }

  /** Says at each panel what it shows at a moment; null takes the hair away. */
  setHair(ms: number | null, texts: readonly string[]): void {
    this.#panels.forEach(({ hair, readout }, i) => {
      hair.hidden = ms === null;
      if (ms !== null) hair.style.left = `${this.#shareOf(ms) * 100}%`;
      setText(readout, texts[i] ?? "");
    });
  }

  /** Marks a span; null takes the mark away. */
  setBox(span: Span | null, kind: "zoom" | "select"): void {
    for (const { box } of this.#panels) {
      box.hidden = span === null;
      if (span === null) continue;
      const left = Math.max(0, this.#shareOf(span.start));
      box.className = `box ${kind}`;
      box.style.left = `${left * 100}%`;
      box.style.width = `${Math.max(0, Math.min(1, this.#shareOf(span.end)) - left) * 100}%`;
    }
  }

  /** Bounds of each y axis as they are drawn. */
  get bounds(): [number, number][] {
    return this.#panels.map(({ plot: { scales } }) => [scales["y"].min ?? 0, scales["y"].max ?? 1]);
  }

  /** The plots, without axes, on the screen; null before the first picture. */
  get plots(): readonly HTMLElement[] {
    return this.#panels.map(({ plot }) => plot.over);
  }

  resize(): void {
    const width = this.root.clientWidth;
    for (const [i, { plot }] of this.#panels.entries()) {
      plot.setSize({ width, height: this.#heightOf(i, this.#panels.length, width) });
    }
  }

  /** Takes the panels away; the next picture makes new ones. */
  destroy(): void {
    for (const { plot, root } of this.#panels) {
      plot.destroy();
      root.remove();
    }
    this.#panels = [];
    this.#shape = "";
    this.#gutter = 0;
  }

  #shareOf(ms: number): number {
    return (ms - this.#span.start) / (this.#span.end - this.#span.start);
  }

  #heightOf(index: number, count: number, width: number): number {
    const height = Math.max(count > 4 ? 96 : 120, (width < 600 ? 260 : 380) / count ** 0.6);
    return Math.round(height) + (index === count - 1 ? TIME_AXIS_PX : 0);
  }

  #create(picture: Picture, sensor: string, index: number, width: number): Panel {
    const { sensors, metrics } = picture.wanted;
    const readout = element("span", { class: "readout" });
    const none = element("p", { class: "none" }, "No readings in this window");
    const hair = element("i", { class: "hair", hidden: true });
    const box = element("i", { class: "box", hidden: true });
    const head = element("div", { class: `head series-${index + 1}` }, element("h3", {}, sensor), readout);
    const root = element("section", { class: "panel" }, head);
    this.root.append(root);
    const line = this.#theme.colour(`--series-${index + 1}`);
    const band = line.replace(")", ", 0.2)").replace("rgb(", "rgba(");
    const drawn = (stroke: string, width: number, dash: readonly number[] = []): uPlot.Series => {
      return { stroke, width, dash: [...dash], paths: steps, points: { show: false } };
    };
    const isLast = index === sensors.length - 1;
    const options: uPlot.Options = {
      width,
      height: this.#heightOf(index, sensors.length, width),
      padding: [6, 26, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: () => [this.#span.start, this.#span.end] },
        y: { range: (_plot, low, high) => rangeOf(this.#y, index, low, high) },
      },
      axes: [this.#timeAxis(isLast), this.#yAxis()],
      series: [
        {},
        { fill: band, paths: bars, points: { show: false } },
        { paths: () => null, points: { show: false } },
        drawn(line, 1.75),
        ...metrics.slice(3).map((_, i) => drawn(line, 1.25, DASHES[i])),
        ...(picture.earlier === null ? [] : [drawn(this.#theme.colour("--soft"), 1.25, EARLIER_DASH)]),
      ],
    };
    const plot = new uPlot(options, columnsOf(picture, sensor), root);
    plot.over.append(none, box, hair);
    return { root, plot, readout, none, hair, box };
  }

  #timeAxis(isLast: boolean): uPlot.Axis {
    let labels: readonly string[] = [];
    return {
      ...this.#axisLooks(),
      size: isLast ? TIME_AXIS_PX : 8,
      incrs: (_plot, _axis, min, max) => [max - min],
      splits: (plot, _axis, min, max) => {
        const ticks = ticksOf(
          { start: min, end: max },
          Math.floor(plot.bbox.width / uPlot.pxRatio / LABEL_PX),
          this.#zone,
        );
        labels = ticks.labels;
        return [...ticks.at];
      },
      values: () => (isLast ? [...labels] : labels.map(() => "")),
    };
  }

  #yAxis(): uPlot.Axis {
    return {
      ...this.#axisLooks(),
      space: 34,
      values: (_plot, splits, _axis, _space, step) => shortNumbers(splits, step),
      size: (_plot, values: readonly string[] | null) => {
        const needed = 18 + 6.5 * Math.max(4, ...(values ?? []).map(({ length }) => length));
        if (needed > this.#gutter) {
          this.#gutter = needed;
          queueMicrotask(() => {
            for (const { plot } of this.#panels) plot.redraw(true, true);
          });
        }
        return this.#gutter;
      },
    };
  }

  #axisLooks(): uPlot.Axis {
    const grid = this.#theme.colour("--line");
    return {
      stroke: this.#theme.colour("--soft"),
      font: "11px system-ui, sans-serif",
      gap: 4,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
    };
  }
}

function rangeOf(y: YAxis, index: number, low: number | null, high: number | null): [number, number] {
  if (y.mode === "fixed") {
    const [min, max] = y.bounds[Math.min(index, y.bounds.length - 1)];
    return [min, max];
  }
  if (low === null || high === null) return [0, 1];
  const isZero = y.mode === "zero";
  const pad = { pad: PAD, mode: 0 as const };
  const [min, max] = uPlot.rangeNum(isZero ? Math.min(0, low) : low, isZero ? Math.max(0, high) : high, {
    min: pad,
    max: pad,
  });
  return [isZero && low >= 0 ? 0 : (min ?? 0), isZero && high <= 0 ? 0 : (max ?? 1)];
}

/** The columns of a panel: edges, max, min, mean, percentiles, the mean earlier. */
function columnsOf({ wanted, now, earlier }: Picture, sensor: string): uPlot.AlignedData {
  const numbers = now.series[sensor];
  const [mean, min, max, ...percentiles] = wanted.metrics.map((metric) => numbers[metric]);
  const columns = [max, min, mean, ...percentiles, ...(earlier === null ? [] : [earlier.series[sensor]["mean"]])];
  return [[...now.edges], ...columns.map((column) => [...column, null])];
}

/** One number of each bucket, as wide as the bucket is; on through buckets that are empty only as the sensor reports less often. */
function steps(plot: uPlot, index: number): uPlot.Series.Paths {
  const stroke = new Path2D();
  const joined = usualDistance(plot.data[index]) * JOINED;
  let last = Number.NEGATIVE_INFINITY;
  eachBucket(plot, index, (left, right, y, bucket) => {
    if (y === null) return;
    if (bucket - last <= joined) stroke.lineTo(left, y);
    else stroke.moveTo(left, y);
    stroke.lineTo(right, y);
    last = bucket;
  });
  return { stroke };
}

/** From one bucket with a number to the next: the median. */
function usualDistance(numbers: ArrayLike<number | null | undefined>): number {
  const distances: number[] = [];
  for (let i = 0, last = -1; i < numbers.length; i++) {
    if (numbers[i] == null) continue;
    if (last >= 0) distances.push(i - last);
    last = i;
  }
  return distances.sort((a, b) => a - b)[distances.length >> 1] ?? 1;
}

/** From the number of each bucket to the next series'. */
function bars(plot: uPlot, index: number): uPlot.Series.Paths {
  const fill = new Path2D();
  const lows: (number | null)[] = [];
  eachBucket(plot, index + 1, (_left, _right, y) => lows.push(y));
  eachBucket(plot, index, (left, right, y, bucket) => {
    const low = lows[bucket];
    if (y !== null && low !== null) fill.rect(left, y, right - left, low - y);
  });
  return { fill };
}

function eachBucket(
  plot: uPlot,
  index: number,
  take: (left: number, right: number, y: number | null, bucket: number) => void,
): void {
  const [edges, numbers] = [plot.data[0], plot.data[index]];
  const x = (i: number) => Math.round(plot.valToPos(edges[i], "x", true));
  for (let i = 0, left = x(0); i < edges.length - 1; i++) {
    const right = x(i + 1);
    const number = numbers[i] ?? null;
    take(left, right, number === null ? null : plot.valToPos(number, "y", true), i);
    left = right;
  }
}
