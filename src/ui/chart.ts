/** Numbers in buckets of time → a picture of braille dots with axes, as wide as a terminal. Pure. */
import { countText, meanText, NOTHING, valueText } from "../core/figures.ts";
import type { Zone } from "../core/zone.ts";
import { Canvas } from "./braille.ts";
import { marksOf, ticksOf } from "./chart-axes.ts";
import { type Paint, paintIn, type Style } from "./paint.ts";
import { cut, padEnd, padStart, widthOf } from "./text-width.ts";

/** Of one sensor: a number for each bucket; null where it has none. */
export interface Curve {
  readonly name: string;
  readonly line: readonly (number | null)[];
  /** Smallest and largest: what lies between is shaded. */
  readonly low: readonly (number | null)[] | null;
  readonly high: readonly (number | null)[] | null;
}

/** What is drawn. */
export interface Chart {
  readonly title: string;
  /** Epoch ms, ascending, one more than buckets. */
  readonly edges: readonly number[];
  readonly zone: Zone;
  readonly curves: readonly Curve[];
}

const STYLES: readonly Style[] = ["cyan", "yellow", "magenta", "green", "blue", "red", "bold", "dim"];

/** Rows of a panel's canvas: fewer show no shape, more are not needed for one. */
const ROWS_MIN = 4;
const ROWS_MAX = 16;

/** Rows of a panel beside its canvas (its names), and of all panels together (title, axis, moments). */
const PANEL_ROWS = 1;
const OTHER_ROWS = 3;

/** Cells of a moment's text and what is free beside it. */
const MARK_CELLS = 10;

/** Curves share a scale while all of them together span no more than this many times the widest one. */
const SCALE_SHARED = 3;

/** Lines no wider than `columns`; with colours curves of one scale share a panel, else each has one. */
export function renderChart(chart: Chart, size: { columns: number; rows: number }, color: boolean): string[] {
  const paint = paintIn(color);
  const title = paint("bold", cut(chart.title, size.columns));
  if (!chart.curves.some(({ line }) => line.some((value) => value !== null))) {
    return [title, cut("no reading in this window", size.columns)];
  }
  const panels = panelsOf(chart.curves, color);
  const rows = Math.floor((size.rows - OTHER_ROWS) / panels.length) - PANEL_ROWS;
  const height = Math.max(ROWS_MIN, Math.min(ROWS_MAX, rows));
  const scales = panels.map((curves) => scaleOf(curves, height));
  const left = Math.max(...scales.map(({ labels }) => Math.max(...labels.map(widthOf))));
  const width = Math.max(1, size.columns - left - 2);
  const lines = [title];
  for (const [p, curves] of panels.entries()) {
    const canvas = new Canvas(width, height);
    for (const curve of curves) shade(canvas, chart, curve, scales[p]);
    for (const curve of curves) draw(canvas, chart, curve, scales[p], styleOf(chart, curve));
    lines.push(namesLine(chart, curves, size.columns, paint));
    const drawn = canvas.rows(paint);
    for (const [row, label] of scales[p].labels.entries()) {
      const axis = label === "" ? "│" : "┤";
      lines.push(`${paint("dim", `${padStart(label, left)} ${axis}`)}${drawn[row]}`.trimEnd());
    }
  }
  lines.push(...momentLines(chart, left, width).map((line) => paint("dim", line.trimEnd())));
  return lines;
}

function styleOf(chart: Chart, curve: Curve): Style {
  return STYLES[chart.curves.indexOf(curve) % STYLES.length];
}

/** Curves that are drawn together. */
function panelsOf(curves: readonly Curve[], color: boolean): readonly (readonly Curve[])[] {
  const spans = curves.map((curve) => rangeOf([curve])).map(({ low, high }) => high - low);
  const { low, high } = rangeOf(curves);
  const isShared = color && high - low <= SCALE_SHARED * Math.max(...spans);
  return isShared || curves.length === 1 ? [curves] : curves.map((curve) => [curve]);
}

function rangeOf(curves: readonly Curve[]): { readonly low: number; readonly high: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { line, low: lows, high: highs } of curves) {
    for (const value of [...line, ...(lows ?? []), ...(highs ?? [])]) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low <= high ? { low, high } : { low: 0, high: 0 };
}

/** A scale of values, and the labels of its rows from the top. */
interface Scale {
  readonly labels: readonly string[];
  /** The dot of a value, from the top. */
  at(value: number): number;
}

function scaleOf(curves: readonly Curve[], height: number): Scale {
  let { low, high } = rangeOf(curves);
  if (low === high) {
    const around = Math.abs(low) / 10 || 1;
    [low, high] = [low - around, high + around];
  }
  const dots = height * 4 - 1;
  const at = (value: number) => Math.round(((high - value) / (high - low)) * dots);
  const ticks = ticksOf(low, high, Math.max(1, Math.floor(height / 2)));
  const labels = Array.from({ length: height }, () => "");
  for (const value of ticks.values) labels[at(value) >> 2] = ticks.text(value);
  return { labels, at };
}

/** The dots of a bucket, from the first up to the next bucket's. */
function spanOf({ edges }: Chart, bucket: number, width: number): readonly [start: number, end: number] {
  const [first, last] = [edges[0], edges[edges.length - 1]];
  const dotAt = (ms: number) => Math.round(((ms - first) / (last - first)) * width);
  const start = dotAt(edges[bucket]);
  return [start, Math.max(start + 1, dotAt(edges[bucket + 1]))];
}

/** Every second dot between the smallest and the largest, so that the line stands out without colours, too. */
function shade(canvas: Canvas, chart: Chart, { low, high }: Curve, scale: Scale): void {
  if (low === null || high === null) return;
  for (let bucket = 0; bucket < chart.edges.length - 1; bucket++) {
    const [from, to] = [high[bucket], low[bucket]];
    if (from === null || to === null || from === undefined || to === undefined) continue;
    const [start, end] = spanOf(chart, bucket, canvas.width);
    for (let x = start; x < end; x++) {
      for (let y = scale.at(from); y <= scale.at(to); y++) if ((x + y) % 2 === 0) canvas.dot(x, y, "dim");
    }
  }
}

/** The line, with what is shaded kept off it. */
function draw(canvas: Canvas, chart: Chart, curve: Curve, scale: Scale, style: Style): void {
  eachDot(canvas, chart, curve, scale, (x, y) => {
    for (const beside of HALO) canvas.clear(x, y + beside);
  });
  eachDot(canvas, chart, curve, scale, (x, y) => canvas.dot(x, y, style));
}

/** Rows of dots beside a line that stay free. */
const HALO: readonly number[] = [-2, -1, 1, 2];

/** From the middle of each bucket to that of the next; a gap stays a gap, and a bucket alone is as wide as it is. */
function eachDot(
  canvas: Canvas,
  chart: Chart,
  { line }: Curve,
  scale: Scale,
  at: (x: number, y: number) => void,
): void {
  const middle = (bucket: number) => {
    const [start, end] = spanOf(chart, bucket, canvas.width);
    return (start + end - 1) >> 1;
  };
  for (const [bucket, value] of line.entries()) {
    if (value === null) continue;
    const next = line[bucket + 1] ?? null;
    if (next !== null) canvas.line(middle(bucket), scale.at(value), middle(bucket + 1), scale.at(next), at);
    else if ((line[bucket - 1] ?? null) === null) {
      const [start, end] = spanOf(chart, bucket, canvas.width);
      canvas.line(start, scale.at(value), end - 1, scale.at(value), at);
    }
  }
}

/** Names, as far as they fit; where there is room for all of it, each with the newest number and the range. */
function namesLine(chart: Chart, curves: readonly Curve[], width: number, paint: Paint): string {
  const whole = curves.map((curve) => `━ ${curve.name} ${figuresOf(curve)}`);
  const isRoom = whole.reduce((sum, text) => sum + widthOf(text) + 2, -2) <= width;
  let left = width;
  const parts: string[] = [];
  for (const [c, curve] of curves.entries()) {
    const text = cut(isRoom ? whole[c] : `━ ${curve.name}`, left);
    if (widthOf(text) < 3) break;
    parts.push(paint(styleOf(chart, curve), text));
    left -= widthOf(text) + 2;
  }
  return parts.join("  ");
}

function figuresOf(curve: Curve): string {
  const last = curve.line.findLast((value) => value !== null) ?? null;
  if (last === null) return NOTHING;
  const { low, high } = rangeOf([curve]);
  const shown = Number.isInteger(last) ? countText(last) : meanText(last);
  return `${shown} (${valueText(low)} … ${valueText(high)})`;
}

/** The axis of time, and the moments under it. */
function momentLines({ edges, zone }: Chart, left: number, width: number): string[] {
  const [first, last] = [edges[0], edges[edges.length - 1]];
  const axis = Array.from({ length: width }, () => "─");
  let texts = "";
  for (const { ms, text } of marksOf(first, last, zone, Math.floor(width / MARK_CELLS))) {
    const cell = Math.min(width - 1, Math.floor(((ms - first) / (last - first)) * width));
    axis[cell] = "┬";
    const start = Math.max(0, cell - Math.floor(text.length / 2));
    if (start < texts.length + (texts === "" ? 0 : 1) || start + text.length > width) continue;
    texts = padEnd(texts, start) + text;
  }
  const indent = " ".repeat(left + 1);
  return [`${indent}└${axis.join("")}`, `${indent} ${texts}`];
}
