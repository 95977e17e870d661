/** What a row of the bench found: tables of contestants with their laps, goals met or missed, and who could not run. */
import { median, spread } from "../harness/statistics.ts";
import type { Panel } from "./picture.ts";

/** One contestant's laps in a table's unit. */
export interface Line {
  readonly name: string;
  /** Tidemark itself: the others are compared with the nearest of these above them. */
  readonly ours?: boolean;
  /** Tidemark in another mode: shown, compared with nothing. */
  readonly variant?: boolean;
  readonly laps: readonly number[];
  /** CPU time, memory, what it leaves out: shown beside the figure. */
  readonly remark?: string;
}

export interface Table {
  readonly title: string;
  /** The data and how it was measured, in a sentence or two. */
  readonly about: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** Whether writes were synced, contestant by contestant where they differ. */
  readonly synced: string;
  readonly lines: readonly Line[];
}

/** A number of design section 4. */
export interface Goal {
  readonly what: string;
  readonly atLeast: string;
  readonly aim: string;
  readonly measured: string;
  readonly met: boolean | null;
  /** How many times better it has to become to reach the aim, worst case first; at most 1: reached. Left out where it is no number. */
  readonly toAim?: number;
}

/** Figures in two dimensions (stages by streams): one cell each, with its spread where there is one. */
export interface Grid {
  readonly title: string;
  readonly about: string;
  /** Whether writes were synced. */
  readonly synced: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Skipped {
  readonly name: string;
  readonly why: string;
  readonly how: string;
}

/** Cost against size, drawn, and how each grows in words. */
export interface Picture {
  readonly panels: readonly Panel[];
  readonly slopes: readonly string[];
}

export interface Found {
  readonly tables: readonly Table[];
  readonly grids?: readonly Grid[];
  readonly goals: readonly Goal[];
  readonly picture?: Picture;
  /** What other programs printed. */
  readonly notes?: readonly { readonly title: string; readonly text: string }[];
}

/** Three significant digits, thousands with a comma. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.max(0, Math.min(6, 2 - magnitude));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** "12.3 (11.9–14.0)": the median and the spread of laps. */
export function cell(laps: readonly number[]): string {
  if (laps.length === 0) return "–";
  const { min, max } = spread(laps);
  return laps.length === 1 ? figure(laps[0]) : `${figure(median(laps))} (${figure(min)}–${figure(max)})`;
}

/** The distance to a goal's aim in words. */
export function distance({ toAim }: Goal): string {
  if (toAim === undefined || Number.isNaN(toAim)) return "–";
  return toAim <= 1 ? "reached" : `${figure(toAim)} × to go`;
}

/** How many times better `ours` is than `theirs`; below 1: worse. */
function ratio(table: Table, ours: Line, theirs: Line): number {
  const a = median(ours.laps);
  const b = median(theirs.laps);
  return table.better === "more" ? a / b : b / a;
}

/** A table's rows as texts: name, median, range, laps, ratio, remark. */
export function rowsOf(table: Table): string[][] {
  let ours: Line | undefined = table.lines.find((line) => line.ours);
  return table.lines.map((line) => {
    if (line.ours) ours = line;
    const { min, max } = spread(line.laps);
    const compared = line.ours || line.variant || ours === undefined ? "" : `${figure(ratio(table, ours, line))} ×`;
    const range = line.laps.length > 1 ? `${figure(min)} – ${figure(max)}` : "";
    return [line.name, figure(median(line.laps)), range, String(line.laps.length), compared, line.remark ?? ""];
  });
}

/** The ratio of our first line to the named peer's; null where it did not run. */
export function ratioTo(table: Table, peer: string, ours?: string): number | null {
  const own = table.lines.find((line) => (ours === undefined ? line.ours : line.name === ours));
  const other = table.lines.find((line) => line.name === peer);
  return own === undefined || other === undefined || other.laps.length === 0 ? null : ratio(table, own, other);
}
