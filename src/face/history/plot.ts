/** One panel's chart on its canvas: grid, ticks, a band and lines, a bucket as wide as it is. All of it is drawn anew each time. */

/** A number of each bucket; null: the bucket has no readings. */
export type Column = readonly (number | null)[];

/** Bounds of an axis. */
export interface Scale {
  readonly min: number;
  readonly max: number;
}

/** Where an axis has ticks, and what stands beside each; a label may have two lines. */
export interface Ticks {
  readonly at: readonly number[];
  readonly labels: readonly string[];
}

/** A line through the buckets; lengths in px. */
export interface Line {
  readonly numbers: Column;
  readonly colour: string;
  readonly width: number;
  readonly dash: readonly number[];
}

/** What is drawn; lengths in px of CSS. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** The plot, between the axes. */
  readonly area: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
  readonly x: Scale;
  readonly y: Scale;
  readonly xTicks: Ticks;
  readonly yTicks: Ticks;
  /** Colours of labels and of the grid. */
  readonly ink: string;
  readonly grid: string;
  /** Moments between the buckets, one more than there are buckets. */
  readonly edges: readonly number[];
  readonly band: { readonly low: Column; readonly high: Column; readonly colour: string };
  readonly lines: readonly Line[];
}

/** Share of an axis that is free above and below what is fitted. */
const PAD = 0.08;

/** Numbers that differ by less than this share of their size are one line for who looks at them. */
const FLAT = 1e-10;

/** Ticks of a y axis are at least so far apart, px. */
const TICK_SPACE = 34;

/** Steps between ticks, times a power of ten. */
const STEPS = [1, 2, 2.5, 5, 10];

/** Buckets further apart than so many times the usual distance have a gap between them; 1.5 × 1 is none. */
const JOINED = 1.5;

const FONT_PX = 11;
const LINE_PX = 16;
const TICK_PX = 4;
const LABEL_GAP_PX = 4;

/** A scale around numbers, some of it free at both ends, that begins and ends at a tenth of its power of ten. */
export function scaleAround(low: number, high: number): Scale {
  const most = Math.max(Math.abs(low), Math.abs(high));
  const isFlat = high - low <= most * FLAT;
  const size = (isFlat ? most : high - low) || 1;
  const free = isFlat ? size : size * PAD;
  const unit = 10 ** (Math.floor(Math.log10(size)) - 1);
  const rounded = (units: number) => Number((units * unit).toPrecision(12));
  return { min: rounded(Math.floor((low - free) / unit)), max: rounded(Math.ceil((high + free) / unit)) };
}

/** Ticks of a y axis, and how far apart: whole multiples of a step. @param height px */
export function yTicksOf({ min, max }: Scale, height: number): { readonly at: number[]; readonly step: number } {
  const least = ((max - min) * TICK_SPACE) / height;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = (STEPS.find((one) => one * power >= least) ?? 10) * power;
  const first = Math.ceil(min / step);
  // Of a scale that doubles cannot divide there is no such number, or far too large a one.
  const count = Math.min(Math.floor(max / step) - first, Math.ceil(height / TICK_SPACE)) + 1;
  return { at: Array.from({ length: count }, (_, i) => (first + i) * step), step };
}

/** Draws it, as sharp as the screen is. */
export function draw(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const { width, height, area, x, y, ink, grid, edges, band, lines } = drawing;
  const ratio = devicePixelRatio;
  const px = (length: number) => Math.round(length * ratio);
  canvas.width = px(width);
  canvas.height = px(height);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  if (context === null) return; // the browser is out of memory for it
  const [left, top, right, bottom] = [
    px(area.left),
    px(area.top),
    px(area.left + area.width),
    px(area.top + area.height),
  ];
  const atX = (ms: number) => Math.round(left + ((ms - x.min) / (x.max - x.min)) * (right - left));
  const atY = (number: number) => bottom - ((number - y.min) / (y.max - y.min)) * (bottom - top);

  const sharp = (px(1) % 2) / 2; // a line of an odd width has its middle in the middle of a pixel
  context.strokeStyle = grid;
  context.lineWidth = px(1);
  context.fillStyle = ink;
  context.font = `${px(FONT_PX)}px system-ui, sans-serif`;
  context.beginPath();
  context.textAlign = "center";
  context.textBaseline = "top";
  drawing.xTicks.at.forEach((ms, i) => {
    context.moveTo(atX(ms) + sharp, top);
    context.lineTo(atX(ms) + sharp, bottom + px(TICK_PX));
    drawing.xTicks.labels[i].split("\n").forEach((text, line) => {
      context.fillText(text, atX(ms), bottom + px(TICK_PX + LABEL_GAP_PX + line * LINE_PX));
    });
  });
  context.textAlign = "right";
  context.textBaseline = "middle";
  drawing.yTicks.at.forEach((number, i) => {
    const at = Math.round(atY(number));
    context.moveTo(left - px(TICK_PX), at + sharp);
    context.lineTo(right, at + sharp);
    context.fillText(drawing.yTicks.labels[i], left - px(TICK_PX + LABEL_GAP_PX), at);
  });
  context.stroke();

  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip();
  const sides = edges.map(atX);
  context.fillStyle = band.colour;
  band.high.forEach((high, i) => {
    const low = band.low[i];
    if (high !== null && low !== null)
      context.fillRect(sides[i], atY(high), sides[i + 1] - sides[i], atY(low) - atY(high));
  });
  context.lineJoin = "round";
  for (const { numbers, colour, width: of, dash } of lines) {
    context.strokeStyle = colour;
    context.lineWidth = of * ratio;
    context.setLineDash(dash.map((length) => length * ratio));
    context.stroke(pathOf(numbers, sides, atY));
  }
}

/** Along each bucket; on through buckets that are empty only as the sensor reports less often. */
function pathOf(numbers: Column, sides: readonly number[], atY: (number: number) => number): Path2D {
  const path = new Path2D();
  const joined = usualDistance(numbers) * JOINED;
  let last = Number.NEGATIVE_INFINITY;
  numbers.forEach((number, i) => {
    if (number === null) return;
    if (i - last <= joined) path.lineTo(sides[i], atY(number));
    else path.moveTo(sides[i], atY(number));
    path.lineTo(sides[i + 1], atY(number));
    last = i;
  });
  return path;
}

/** From one bucket with a number to the next: the median. */
function usualDistance(numbers: Column): number {
  const filled = numbers.flatMap((number, i) => (number === null ? [] : i));
  const distances = filled.slice(1).map((bucket, i) => bucket - filled[i]);
  return distances.sort((a, b) => a - b)[distances.length >> 1] ?? 1;
}
