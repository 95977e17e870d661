/** The last minute as a line: a mean a second, oldest first. Pure. */

/** Height of the drawing, in its own units; its width is the number of values. */
export const SPARK_HEIGHT = 40;

/** Paths of a drawing; empty without values. */
export interface SparkPaths {
  /** Gaps stay gaps, a single value is a dot. */
  readonly line: string;
  /** What is under the line. */
  readonly area: string;
  /** A dot at the newest value. */
  readonly end: string;
}

/** Draws the values. */
export function sparkPaths(values: readonly (number | null)[]): SparkPaths {
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known);
  const size = Math.max(...known) - low;
  const y = (value: number) => ((size === 0 ? 0.5 : 1 - (value - low) / size) * (SPARK_HEIGHT - 4) + 2).toFixed(1);
  let line = "";
  let area = "";
  let end = "";
  let start = -1;
  values.forEach((value, x) => {
    if (value === null) return;
    if (start === -1) start = x;
    line += `${start === x ? "M" : "L"}${x} ${y(value)}`;
    area += `${start === x ? `M${x} ${SPARK_HEIGHT}` : ""}L${x} ${y(value)}`;
    if ((values[x + 1] ?? null) !== null) return;
    if (start === x) line += "h.01"; // a line without length is not drawn
    area += `V${SPARK_HEIGHT}Z`;
    end = `M${x} ${y(value)}h.01`;
    start = -1;
  });
  return { line, area, end };
}
