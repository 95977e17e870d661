/** Numbers for the ticks of a y axis, as short as they differ. What is exact is `String(number)`: the shortest text that reads back as the same double. */

const UNITS: readonly (readonly [size: number, unit: string])[] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e5, "k"],
];

/** Beyond these a tick has an exponent. */
const PLAIN_MAX = 1e15;
const PLAIN_MIN = 1e-3;

/** More digits than a double has tell nothing. */
const DIGITS_MAX = 15;

/** Ticks that are `step` apart, with as many digits as that needs. */
export function shortNumbers(values: readonly number[], step: number): string[] {
  const most = Math.max(...values.map(Math.abs));
  if (most >= PLAIN_MAX || (most < PLAIN_MIN && most > 0)) {
    const digits = Math.min(DIGITS_MAX, Math.max(0, Math.floor(Math.log10(most)) - Math.floor(Math.log10(step)) + 1));
    return values.map((value) => (value === 0 ? "0" : value.toExponential(digits).replace(/\.?0*e\+?/, "e")));
  }
  const [bound, unit] = UNITS.find(([size]) => most >= size) ?? [1, ""];
  const size = unit === "k" ? 1000 : bound;
  const digits = digitsOf(step / size);
  return values.map((value) => (value === 0 ? "0" : (value / size).toFixed(digits) + unit));
}

/** Decimals that a step needs: 2.5 one, 0.01 two. */
function digitsOf(step: number): number {
  for (let digits = 0; digits < DIGITS_MAX; digits++) {
    const scaled = step * 10 ** digits;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return digits;
  }
  return DIGITS_MAX;
}
