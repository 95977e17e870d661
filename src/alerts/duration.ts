/** Durations as rules have them: whole seconds, written `90s`, `5m`, `12h`, `7d`. */
const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
];

/** → seconds; null when it is none. */
export function readDuration(text: string): number | null {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const unit = UNITS.find(([name]) => name === match?.[2]);
  return match === null || unit === undefined ? null : Number(match[1]) * unit[1];
}

/** In the largest unit that fits, `5400` → `90m`. */
export function durationText(seconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => seconds % size === 0 && seconds >= size) ?? ["s", 1];
  return `${seconds / size}${unit}`;
}
