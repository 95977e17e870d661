/** Numbers and ages as short texts for people. */

/** No value yet. */
export const NOTHING = "–";

const EXPONENT_FROM = 1e9;
const EXPONENT_BELOW = 1e-3;
const DECIMALS = 3;

const counts = new Intl.NumberFormat("en-US");
const decimals = new Intl.NumberFormat("en-US", { minimumFractionDigits: DECIMALS, maximumFractionDigits: DECIMALS });

/** 1234567 → "1,234,567". */
export function countText(count: number): string {
  return counts.format(count);
}

/** How many of something whose plural ends in s: "1 reading", "1,234 readings". */
export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A value as short as it can be told: whole numbers whole, others with three decimals, very large and small ones with an exponent. */
export function valueText(value: number | null): string {
  if (value === null) return NOTHING;
  if (Number.isInteger(value) && Math.abs(value) < EXPONENT_FROM) return countText(value);
  return decimalText(value);
}

/** A mean: always with its decimals, so that a column of them stands still. */
export function meanText(mean: number | null): string {
  return mean === null ? NOTHING : decimalText(mean);
}

function decimalText(value: number): string {
  const size = Math.abs(value);
  if (size >= EXPONENT_FROM || (size < EXPONENT_BELOW && value !== 0)) return value.toExponential(DECIMALS);
  return decimals.format(value);
}

/** The same for a place that is narrow: at most so many decimals, and the fewer the larger it is. */
export function shortText(value: number | null, decimals: number = DECIMALS): string {
  const size = value === null ? 0 : Math.abs(value);
  if (value === null || size >= EXPONENT_FROM || (size < EXPONENT_BELOW && size > 0)) return valueText(value);
  const digits = Math.min(decimals, size < 1000 ? DECIMALS : size < 10_000 ? 2 : size < 100_000 ? 1 : 0);
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** How many decimals tell a value exactly, up to those that are shown. */
export function decimalsOf(value: number): number {
  let decimals = 0;
  while (decimals < DECIMALS && Number(value.toFixed(decimals)) !== value) decimals++;
  return decimals;
}

/** Readings a second. */
export function rateText(rate: number): string {
  if (rate === 0) return "0";
  if (rate >= 100) return countText(Math.round(rate));
  return rate < 0.1 ? rate.toFixed(2) : rate.toFixed(1);
}

const SIZES: readonly (readonly [size: number, unit: string])[] = [
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
];

/** 1234567 → "1.2 MB". */
export function bytesText(bytes: number): string {
  const found = SIZES.find(([size]) => bytes >= size);
  return found === undefined ? `${Math.round(bytes)} B` : `${(bytes / found[0]).toFixed(1)} ${found[1]}`;
}

const AGES: readonly (readonly [size: number, unit: string])[] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "m"],
  [1, "s"],
];

/** The two largest units: "4s", "2m03s", "5h", "3d04h"; ahead of our clock: "-3s". */
export function ageText(ageMs: number | null): string {
  if (ageMs === null) return NOTHING;
  const seconds = Math.floor(Math.abs(ageMs) / 1000);
  const sign = ageMs <= -1000 ? "-" : "";
  const largest = AGES.findIndex(([size]) => seconds >= size);
  if (largest === -1) return "0s";
  const [size, unit] = AGES[largest];
  const rest = seconds % size;
  const next = AGES[largest + 1];
  if (next === undefined || rest < next[0]) return `${sign}${Math.floor(seconds / size)}${unit}`;
  return `${sign}${Math.floor(seconds / size)}${unit}${String(Math.floor(rest / next[0])).padStart(2, "0")}${next[1]}`;
}
