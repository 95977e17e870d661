/** Rows in columns that fit a width: where there is no room for all columns, those that tell least are left out. */
import { cut, padEnd, padStart, widthOf } from "./text-width.ts";

/** A column over rows of one kind. */
export interface Column<T> {
  readonly title: string;
  /** Least width: the table stands still while numbers grow. */
  readonly width: number;
  /** Where there is no room for all, columns of the largest rank are dropped first; of rank 0 none is. */
  readonly rank: number;
  /** Aligned at its beginning; the first one of them gives way on the narrowest terminals. */
  readonly left?: true;
  /** Under a title of their own. */
  readonly grouped?: true;
  cell(row: T): string;
  /** Whether to highlight the cell. */
  warns?(row: T): boolean;
}

/** Between two columns. */
export const GAP = "  ";

/** Columns and their widths, for rows. */
export interface Fitted<T> {
  readonly columns: readonly Column<T>[];
  readonly widths: readonly number[];
}

/** The columns that fit: of equal rank all or none. */
export function fit<T>(all: readonly Column<T>[], rows: readonly T[], width: number): Fitted<T> {
  const widest = new Map(all.map((column) => [column, widthIn(column, rows)]));
  const widths = (columns: readonly Column<T>[]) => columns.map((column) => widest.get(column) ?? 0);
  let columns = all;
  while (total(widths(columns)) > width) {
    const last = Math.max(...columns.map((column) => column.rank));
    if (last === 0) return shortened(columns, widths(columns), width);
    columns = columns.filter((column) => column.rank < last);
  }
  return { columns, widths: widths(columns) };
}

/** The first column that is aligned at its beginning is cut. */
function shortened<T>(columns: readonly Column<T>[], widths: readonly number[], width: number): Fitted<T> {
  const first = columns.findIndex((column) => column.left);
  const left = Math.max(1, width - total(widths.with(first, 0)));
  const shown = (column: Column<T>) => ({
    ...column,
    title: cut(column.title, left),
    cell: (row: T) => cut(column.cell(row), left),
  });
  return {
    columns: columns.map((column, i) => (i === first ? shown(column) : column)),
    widths: widths.with(first, left),
  };
}

function widthIn<T>(column: Column<T>, rows: readonly T[]): number {
  return rows.reduce(
    (width, row) => Math.max(width, widthOf(column.cell(row))),
    Math.max(column.width, column.title.length),
  );
}

/** Of columns side by side. */
export function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
}

/** A text as a cell of its column. */
export function padded<T>(column: Column<T>, text: string, width: number): string {
  return column.left ? padEnd(text, width) : padStart(text, width);
}

/** A line of titles, and one for each row; without blanks at their ends. */
export function tableLines<T>(
  all: readonly Column<T>[],
  rows: readonly T[],
  width: number,
  paint: (style: "bold" | "yellow", text: string) => string,
): string[] {
  const { columns, widths } = fit(all, rows, width);
  const last = columns.length - 1;
  const line = (text: (column: Column<T>, i: number) => string) =>
    columns.map((column, i) => {
      const cell = padded(column, text(column, i), widths[i]);
      return i === last ? cell.trimEnd() : cell;
    });
  return [
    paint("bold", line((column) => column.title).join(GAP)),
    ...rows.map((row) =>
      line((column) => column.cell(row))
        .map((cell, i) => (columns[i].warns?.(row) ? paint("yellow", cell) : cell))
        .join(GAP),
    ),
  ];
}
