/** A line of the last minute: a mean a second, oldest first. Pure. */

/** Height of the drawing, in its own units; its width is the number of values. */
export const SPARK_HEIGHT = 32;

/** The path of the values: gaps stay gaps, a single value is a dot. Empty without values. */
export function sparkPath(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return "";
  const low = Math.min(...known);
  const size = Math.max(...known) - low;
  const y = (value: number) => (size === 0 ? 0.5 : 1 - (value - low) / size) * (SPARK_HEIGHT - 4) + 2;
  let path = "";
  values.forEach((value, x) => {
    if (value === null) return;
    const isStart = x === 0 || values[x - 1] === null;
    const isAlone = isStart && (values[x + 1] ?? null) === null;
    path += `${isStart ? "M" : "L"}${x} ${y(value).toFixed(1)}${isAlone ? "h.01" : ""}`;
  });
  return path;
}
