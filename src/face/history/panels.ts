/**
 * The charts: a panel a sensor, one above the other on one time axis, so that each has the y axis that fits it. A bucket is drawn as
 * wide as it is; where it has no readings nothing is drawn. Pointers and keys are gestures.ts's.
 */
import type { Zone } from "../../core/zone.ts";
import { element, setText } from "../dom.ts";
import type { Theme } from "../theme.ts";
import { hasNumbers, nameOf, type Picture } from "./picture.ts";
import { type Column, draw, type Line, type Scale, scaleAround, yTicksOf } from "./plot.ts";
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

/** Height of the time axis under the last panel, and of its ticks under the others, px. */
const TIME_AXIS_PX = 40;
const TIME_TICKS_PX = 8;

/** Free above a plot, and on its right, px. */
const TOP_PX = 6;
const RIGHT_PX = 26;

interface Panel {
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  /** Lies on the plot. */
  readonly over: HTMLElement;
  readonly readout: HTMLElement;
  readonly none: HTMLElement;
  readonly hair: HTMLElement;
  readonly box: HTMLElement;
  /** The sensor's colour. */
  readonly colour: string;
  y: Scale;
}

/** All panels of the page. */
export class Panels {
  readonly root = element("div", { class: "panels" });
  readonly #zone: Zone;
  readonly #theme: Theme;
  #panels: Panel[] = [];
  /** What the panels were made for. */
  #shape = "";
  #picture: Picture | null = null;
  #span: Span = { start: 0, end: 1 };
  #y: YAxis = { mode: "auto" };
  /** Colours of labels and of the grid. */
  #looks = { ink: "", grid: "" };
  /** Width of all y axes: plots have to stand exactly above each other. */
  #gutter = 0;

  constructor(zone: Zone, theme: Theme) {
    this.#zone = zone;
    this.#theme = theme;
  }

  /** Draws a picture. */
  show(picture: Picture, y: YAxis): void {
    const { sensors } = picture.wanted;
    const names = sensors.map((sensor) => nameOf(picture.wanted, sensor));
    const shape = JSON.stringify(names);
    this.#picture = picture;
    this.#y = y;
    if (shape !== this.#shape) {
      this.destroy();
      this.#shape = shape;
      this.#looks = { ink: this.#theme.colour("--soft"), grid: this.#theme.colour("--line") };
      this.#panels = names.map((name, i) => this.#create(name, i));
    }
    this.#panels.forEach(({ none }, i) => {
      none.hidden = hasNumbers(picture, sensors[i]);
    });
    this.setSpan(picture.span);
  }

  /** Moves the time axis, while the numbers for it are still on their way. */
  setSpan(span: Span): void {
    this.#span = span;
    this.resize();
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
    return this.#panels.map(({ y }) => [y.min, y.max]);
  }

  /** The plots, without axes, on the screen; none before the first picture. */
  get plots(): readonly HTMLElement[] {
    return this.#panels.map(({ over }) => over);
  }

  /** Draws what is shown, as wide as there is room. */
  resize(): void {
    if (this.#picture === null) return;
    const [picture, width, count] = [this.#picture, this.root.clientWidth, this.#panels.length];
    const axes = this.#panels.map((panel, i) => {
      const plotted = Math.max(count > 4 ? 96 : 120, (width < 600 ? 260 : 380) / count ** 0.6);
      const height = Math.round(plotted) - TOP_PX;
      panel.y = scaleOf(this.#y, i, columnsOf(picture, picture.wanted.sensors[i]), picture.now.edges, this.#span);
      const { at, step } = yTicksOf(panel.y, height);
      return { height, ticks: { at, labels: shortNumbers(at, step) } };
    });
    const longest = Math.max(4, ...axes.flatMap(({ ticks }) => ticks.labels.map(({ length }) => length)));
    this.#gutter = Math.max(this.#gutter, Math.ceil(18 + 6.5 * longest));
    const area = { left: this.#gutter, top: TOP_PX, width: Math.max(1, width - this.#gutter - RIGHT_PX) };
    const time = ticksOf(this.#span, Math.floor(area.width / LABEL_PX), this.#zone);
    this.#panels.forEach((panel, i) => {
      const { height, ticks } = axes[i];
      const isLast = i === count - 1;
      const place = { top: TOP_PX, left: area.left, width: area.width, height };
      for (const [side, length] of Object.entries(place)) panel.over.style.setProperty(side, `${length}px`);
      draw(panel.canvas, {
        width,
        height: TOP_PX + height + (isLast ? TIME_AXIS_PX : TIME_TICKS_PX),
        area: { ...area, height },
        x: { min: this.#span.start, max: this.#span.end },
        y: panel.y,
        xTicks: isLast ? time : { at: time.at, labels: time.at.map(() => "") },
        yTicks: ticks,
        ...this.#looks,
        edges: picture.now.edges,
        ...this.#drawn(picture, picture.wanted.sensors[i], panel.colour),
      });
    });
  }

  /** Takes the panels away; the next picture makes new ones. */
  destroy(): void {
    for (const { root } of this.#panels) root.remove();
    this.#panels = [];
    this.#shape = "";
    this.#gutter = 0;
  }

  #shareOf(ms: number): number {
    return (ms - this.#span.start) / (this.#span.end - this.#span.start);
  }

  #create(name: string, index: number): Panel {
    const readout = element("span", { class: "readout" });
    const none = element("p", { class: "none" }, "No readings in this window");
    const hair = element("i", { class: "hair", hidden: true });
    const box = element("i", { class: "box", hidden: true });
    const head = element("div", { class: `head series-${index + 1}` }, element("h3", {}, name), readout);
    const canvas = element("canvas");
    const over = element("div", { class: "over" }, none, box, hair);
    const root = element("section", { class: "panel" }, head, element("div", { class: "plot" }, canvas, over));
    this.root.append(root);
    const colour = this.#theme.colour(`--series-${index + 1}`);
    return { root, canvas, over, readout, none, hair, box, colour, y: { min: 0, max: 1 } };
  }

  #drawn({ wanted, now, earlier }: Picture, sensor: string, colour: string) {
    const numbers = now.series[sensor];
    const [mean, min, max, ...percentiles] = wanted.metrics;
    const lines: Line[] = [{ numbers: numbers[mean], colour, width: 1.75, dash: [] }];
    percentiles.forEach((metric, i) => {
      lines.push({ numbers: numbers[metric], colour, width: 1.25, dash: DASHES[i] });
    });
    if (earlier !== null) {
      const { ink } = this.#looks;
      lines.push({ numbers: earlier.series[sensor]["mean"], colour: ink, width: 1.25, dash: EARLIER_DASH });
    }
    const band = {
      low: numbers[min],
      high: numbers[max],
      colour: colour.replace(")", ", 0.2)").replace("rgb(", "rgba("),
    };
    return { band, lines };
  }
}

/** All numbers of a panel. */
function columnsOf({ wanted, now, earlier }: Picture, sensor: string): Column[] {
  const columns = wanted.metrics.map((metric) => now.series[sensor][metric]);
  return earlier === null ? columns : [...columns, earlier.series[sensor]["mean"]];
}

/** A y axis: what was chosen, or what fits the buckets that are seen. */
function scaleOf(y: YAxis, index: number, columns: readonly Column[], edges: readonly number[], seen: Span): Scale {
  if (y.mode === "fixed") {
    const [min, max] = y.bounds[Math.min(index, y.bounds.length - 1)];
    return { min, max };
  }
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const column of columns) {
    column.forEach((number, i) => {
      if (number === null || edges[i + 1] <= seen.start || edges[i] >= seen.end) return;
      low = Math.min(low, number);
      high = Math.max(high, number);
    });
  }
  if (low > high) return { min: 0, max: 1 };
  if (y.mode === "auto") return scaleAround(low, high);
  const { min, max } = scaleAround(Math.min(0, low), Math.max(0, high));
  return { min: low >= 0 ? 0 : min, max: high <= 0 && low < 0 ? 0 : max };
}
