/** A picture of a long run, as SVG: panels under each other that share the time axis, with what was done to it as marks. */
import { writeFileSync } from "node:fs";

export interface Point {
  readonly minutes: number;
  readonly value: number;
}

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
  /** Single points instead of a line. */
  readonly isScattered?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
  /** Powers of ten instead of equal steps. */
  readonly isLogarithmic?: boolean;
}

export interface Mark {
  readonly minutes: number;
  readonly name: string;
}

export interface Picture {
  readonly title: string;
  /** Under the title, and under the panels. */
  readonly facts: readonly string[];
  readonly minutes: number;
  readonly panels: readonly Panel[];
  readonly marks: readonly Mark[];
  readonly table: readonly (readonly string[])[];
}

const WIDTH = 960;
const LEFT = 70;
const RIGHT = 150;
const PANEL_HEIGHT = 130;
const PANEL_GAP = 46;
const LINE_HEIGHT = 18;
const COLUMN = 105;
/** Told apart by people who see no red or green, too (Okabe and Ito 2008). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999"];

/** The p-th percentile, by nearest rank; null of nothing. */
export function percentile(values: readonly number[], p: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? null;
}

export function writePicture(path: string, picture: Picture): void {
  writeFileSync(path, svg(picture));
}

function svg({ title, facts, minutes, panels, marks, table }: Picture): string {
  const names = [...new Set(marks.map(({ name }) => name))];
  const parts: string[] = [text(16, 28, title, "font-size:17px;font-weight:600")];
  let y = 28;
  for (const fact of facts) parts.push(text(16, (y += LINE_HEIGHT), fact));
  y += PANEL_GAP;
  const x = (at: number): number => LEFT + (at / Math.max(minutes, 1e-9)) * (WIDTH - LEFT - RIGHT);
  const top = y;
  for (const panel of panels) {
    parts.push(drawn(panel, y, x));
    y += PANEL_HEIGHT + PANEL_GAP;
  }
  const bottom = y - PANEL_GAP;
  const strokes = marks.map(({ minutes: at, name }) => {
    const colour = COLOURS[names.indexOf(name) % COLOURS.length];
    return `<line x1="${round(x(at))}" x2="${round(x(at))}" y1="${bottom + 4}" y2="${bottom + 16}" stroke="${colour}"/>`;
  });
  parts.push(...strokes);
  const ticks = 6;
  for (let i = 0; i <= ticks; i++) {
    const at = (minutes * i) / ticks;
    parts.push(text(x(at), bottom + 32, `${round(at)} min`, "text-anchor:middle"));
  }
  names.forEach((name, i) => {
    const each = marks.filter((mark) => mark.name === name).length;
    const colour = COLOURS[i % COLOURS.length];
    parts.push(text(WIDTH - RIGHT + 14, top + 12 + i * LINE_HEIGHT, `| ${name} ×${each}`, `fill:${colour}`));
  });
  y = bottom + 62;
  table.forEach((row, i) => {
    const style = i === 0 ? "font-weight:600" : "";
    for (const [j, cell] of row.entries()) parts.push(text(16 + (j === 0 ? 0 : 60 + j * COLUMN), y, cell, style));
    y += LINE_HEIGHT;
  });
  const box = `0 0 ${WIDTH} ${y}`;
  const style = "text{font:13px system-ui,sans-serif;fill:#222}";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" role="img" aria-label="${escaped(title)}"><style>${style}</style><rect width="100%" height="100%" fill="#fff"/>\n${parts.join("\n")}\n</svg>\n`;
}

function drawn({ title, unit, lines, isLogarithmic = false }: Panel, top: number, x: (at: number) => number): string {
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value)).filter((value) => value > 0);
  const high = Math.max(...values, isLogarithmic ? 10 : 1);
  const low = isLogarithmic ? 10 ** Math.floor(Math.log10(Math.min(...values, high))) : 0;
  const ceiling = isLogarithmic ? 10 ** Math.ceil(Math.log10(high)) : high;
  const share = (value: number): number =>
    isLogarithmic ? Math.log(Math.max(value, low) / low) / Math.log(ceiling / low || 10) : value / ceiling;
  const y = (value: number): number => top + PANEL_HEIGHT - share(value) * PANEL_HEIGHT;
  const steps = isLogarithmic
    ? Array.from({ length: Math.round(Math.log10(ceiling / low)) + 1 }, (_, i) => low * 10 ** i)
    : [0, ceiling / 2, ceiling];
  const parts = [text(LEFT, top - 10, `${title}, ${unit}`, "font-weight:600")];
  for (const step of steps) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(step))}" y2="${round(y(step))}" stroke="#ddd"/>`,
    );
    parts.push(text(LEFT - 8, y(step) + 4, figure(step), "text-anchor:end"));
  }
  lines.forEach(({ name, points, isScattered = false }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const places = points.map(({ minutes, value }) => `${round(x(minutes))},${round(y(value))}`);
    if (isScattered) {
      for (const place of places) {
        const [cx, cy] = place.split(",");
        parts.push(`<circle cx="${cx}" cy="${cy}" r="2.5" fill="${colour}" fill-opacity="0.6"/>`);
      }
    } else parts.push(`<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.3"/>`);
    const label =
      lines.length > 1 ? text(WIDTH - RIGHT - 90 * (lines.length - i), top - 10, name, `fill:${colour}`) : "";
    parts.push(label);
  });
  return parts.join("\n");
}

function text(x: number, y: number, content: string, style = ""): string {
  return `<text x="${round(x)}" y="${round(y)}"${style === "" ? "" : ` style="${style}"`}>${escaped(content)}</text>`;
}

function figure(value: number): string {
  return value >= 1e6 ? `${round(value / 1e6)}M` : value >= 1000 ? `${round(value / 1000)}k` : String(round(value));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
