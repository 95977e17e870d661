/** Rows of texts → aligned lines. */
import { padEnd, padStart, widthOf } from "../ui/text-width.ts";

const GAP = "  ";

/** @param right columns that are aligned at their end, by number */
export function columns(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  return rows.map((row) => {
    const cells = row.map((cell, i) => (right.has(i) ? padStart(cell, widths[i]) : padEnd(cell, widths[i])));
    return cells.join(GAP).trimEnd();
  });
}
