/** The live table: what is known of the sensors → lines for a terminal of a given size. Pure. */
import { ageText, countText, meanText, rateText, valueText } from "../core/figures.ts";
import { type Column, fit, GAP, padded, total } from "./columns.ts";
import type { LiveRow } from "./live-event.ts";
import { type Paint, paintIn } from "./paint.ts";
import { sparkText } from "./spark.ts";
import { cut, padEnd, widthOf } from "./text-width.ts";

/** Of a terminal, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How it stands with the server. */
export type ConnectionStatus =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "lost"; readonly forMs: number; readonly tries: number; readonly reason: string };

/** What is drawn. */
export interface TableState {
  readonly server: string;
  readonly connection: ConnectionStatus;
  readonly trouble: string | null;
  readonly sensorsTotal: number;
  /** Those that are meant, in order, with `ageMs` as of now. */
  readonly rows: readonly LiveRow[];
  /** Of all sensors that are known, meant or not. */
  readonly known: number;
  /** How they were chosen; empty: all, as they came. */
  readonly status: string;
  /** The last line. */
  readonly footer: string;
}

/** A sensor of 1 Hz that was silent for this long is highlighted, ms. */
const AGE_MS_WARNED = 5000;

const COLUMNS: readonly Column<LiveRow>[] = [
  { title: "SENSOR", width: 11, rank: 0, left: true, cell: (row) => row.sensor },
  { title: "COUNT", width: 7, rank: 0, cell: (row) => countText(row.count) },
  { title: "MEAN", width: 7, rank: 1, cell: (row) => meanText(row.mean) },
  { title: "MIN", width: 4, rank: 5, cell: (row) => valueText(row.min) },
  { title: "MAX", width: 4, rank: 5, cell: (row) => valueText(row.max) },
  { title: "LAST", width: 4, rank: 2, cell: (row) => valueText(row.last) },
  { title: "RATE", width: 4, rank: 4, cell: (row) => rateText(row.rate) },
  { title: "COUNT", width: 5, rank: 8, grouped: true, cell: (row) => countText(row.minute.count) },
  { title: "MEAN", width: 7, rank: 6, grouped: true, cell: (row) => meanText(row.minute.mean) },
  { title: "MIN", width: 3, rank: 7, grouped: true, cell: (row) => valueText(row.minute.min) },
  { title: "MAX", width: 3, rank: 7, grouped: true, cell: (row) => valueText(row.minute.max) },
  { title: "LATE", width: 4, rank: 9, cell: (row) => countText(row.late) },
  { title: "DUPL", width: 4, rank: 9, cell: (row) => countText(row.duplicates) },
  {
    title: "AGE",
    width: 5,
    rank: 3,
    cell: (row) => ageText(row.ageMs),
    warns: (row) => row.ageMs !== null && row.ageMs >= AGE_MS_WARNED,
  },
];

const MINUTE_TITLES = ["last minute", "1 min"] as const;

/** Fewer bars say nothing. */
const SPARK_MIN = 10;
const SPARK_MAX = 60;

/** Head, titles and footer with what is free between, and where in the list the rows are. */
const OTHER_LINES = 7;

/** How many rows fit. */
export function rowsThatFit(state: TableState, size: Size): number {
  return Math.max(1, size.rows - OTHER_LINES - notesOf(state).length);
}

/** Lines no wider than `size.columns` and no more than `size.rows`. @param first row that is shown */
export function renderTable(state: TableState, first: number, size: Size, color: boolean): string[] {
  const paint = paintIn(color);
  const notes = notesOf(state);
  const shown = state.rows.slice(first, first + rowsThatFit(state, size));
  const { columns, widths } = fit(COLUMNS, shown, size.columns);
  const sparkWidth = Math.min(SPARK_MAX, size.columns - total(widths) - GAP.length);
  const lines = [headLine(state, size.columns, paint), ""];
  if (columns.some((column) => column.grouped)) lines.push(paint("dim", minuteLine(columns, widths)));
  lines.push(paint("bold", columns.map((column, i) => padded(column, column.title, widths[i])).join(GAP)));
  for (const row of shown) {
    const cells = columns.map((column, i) => {
      const cell = padded(column, column.cell(row), widths[i]);
      return column.warns?.(row) ? paint("yellow", cell) : cell;
    });
    const spark = sparkWidth < SPARK_MIN ? [] : [paint("cyan", sparkText(row.spark, sparkWidth))];
    lines.push([...cells, ...spark].join(GAP));
  }
  const place = placeOf(state, first, shown.length);
  if (place !== "") lines.push(paint("dim", cut(place, size.columns)));
  for (const note of notes) lines.push(paint("yellow", cut(note, size.columns)));
  lines.push("", paint("dim", cut(state.footer, size.columns)));
  return lines.slice(0, Math.max(1, size.rows));
}

/** Where in the list the rows are, and what is not in it. */
function placeOf({ connection, rows, known, sensorsTotal }: TableState, first: number, shown: number): string {
  if (connection.kind === "connecting") return "";
  const parts: string[] = [];
  if (shown < rows.length) {
    parts.push(`${countText(first + 1)}–${countText(first + shown)} of ${countText(rows.length)} sensors`);
  }
  if (rows.length < known) parts.push(`${countText(known - rows.length)} others are filtered out`);
  if (rows.length === 0 && known === 0) parts.push("no sensor yet");
  if (sensorsTotal > known) parts.push(`${countText(sensorsTotal - known)} more (tidemark sensors)`);
  return parts.join(", ");
}

/** What the keys do, on a screen of its own. */
export function renderKeys(
  keys: readonly (readonly [key: string, does: string])[],
  size: Size,
  color: boolean,
): string[] {
  const paint = paintIn(color);
  const width = Math.max(...keys.map(([key]) => widthOf(key)));
  const lines = keys.map(([key, does]) => cut(`  ${padEnd(key, width)}  ${does}`, size.columns));
  return [
    paint("bold", cut("Keys", size.columns)),
    "",
    ...lines,
    "",
    paint("dim", cut("any key goes back", size.columns)),
  ].slice(0, size.rows);
}

function minuteLine(columns: readonly Column<LiveRow>[], widths: readonly number[]): string {
  const first = columns.findIndex((column) => column.grouped);
  const last = columns.findLastIndex((column) => column.grouped);
  const start = total(widths.slice(0, first)) + GAP.length;
  const width = total(widths.slice(first, last + 1));
  const ruled = ` ${MINUTE_TITLES.find((title) => title.length + 4 <= width) ?? MINUTE_TITLES[1]} `;
  const left = Math.floor((width - ruled.length) / 2);
  return " ".repeat(start) + "─".repeat(left) + ruled + "─".repeat(width - ruled.length - left);
}

function headLine(state: TableState, width: number, paint: Paint): string {
  const { connection } = state;
  const name = `tidemark ${state.server}${state.status === "" ? "" : `  ${state.status}`}`;
  if (connection.kind === "live") {
    if (state.trouble !== null) return paint("red", cut(`${name}  takes in nothing: ${state.trouble}`, width));
    return paint("bold", cut(name, width));
  }
  if (connection.kind === "connecting") return cut(`${name}  connecting …`, width);
  const tries = `${connection.tries} ${connection.tries === 1 ? "try" : "tries"}`;
  return paint(
    "red",
    cut(`${name}  connection lost ${ageText(connection.forMs)} ago, ${tries}: ${connection.reason}`, width),
  );
}

/** What the figures alone would hide. */
function notesOf(state: TableState): string[] {
  const notes: string[] = [];
  for (const row of state.rows) {
    const parts: string[] = [];
    if (row.quarantined > 0) parts.push(`${countText(row.quarantined)} held back (tidemark quarantine)`);
    if (row.rejected > 0) parts.push(`${countText(row.rejected)} rejected (tidemark rejections)`);
    if (row.gapRecords > 0) parts.push(`${countText(row.gapRecords)} lost by the log before they were read`);
    if (row.cutRecords > 0) parts.push(`${countText(row.cutRecords)} lost by the log after they were read`);
    if (row.stuckDevices > 0)
      parts.push(
        `${countText(row.stuckDevices)} ${row.stuckDevices === 1 ? "device sends" : "devices send"} only duplicates`,
      );
    if (row.lag >= LAG_NOTED) parts.push(`${countText(row.lag)} behind the log`);
    if (parts.length > 0) notes.push(`${row.sensor}: ${parts.join(", ")}`);
    if (notes.length === NOTES_MAX) break;
  }
  return notes;
}

/** A lag worth a note, readings: fewer are just on their way. */
const LAG_NOTED = 1000;
const NOTES_MAX = 5;
