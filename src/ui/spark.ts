/** Rows of values as short texts for a terminal. */

const BARS = "▁▂▃▄▅▆▇█";

/** The newest `width` values as bars between their smallest and largest; a blank where there is none. */
export function sparkText(values: readonly (number | null)[], width: number): string {
  const shown = values.slice(-width);
  const known = shown.filter((value) => value !== null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const bars = shown.map((value) => {
    if (value === null) return " ";
    if (high === low) return BARS[3];
    return BARS[Math.min(BARS.length - 1, Math.floor(((value - low) / (high - low)) * BARS.length))];
  });
  return bars.join("").padStart(width);
}
