/** Which share of the readings a percentile lies above, as an exact fraction: 29% is 29/100, which no double is. */
import { add, divide, fromDouble } from "./dyadic.ts";

/** numerator / denominator, in [0, 1]: integers up to 10^14. */
export interface Share {
  readonly numerator: number;
  readonly denominator: number;
}

/** Half of the readings. */
export const MEDIAN: Share = { numerator: 1, denominator: 2 };

/** @param percent decimal text from 0 to 100, with at most 12 places: `shareOf("99.9")` is 999/1000 */
export function shareOf(percent: string): Share {
  const [whole, places = ""] = percent.split(".");
  return { numerator: Number(whole + places), denominator: 100 * 10 ** places.length };
}

/**
 * Where a share lies among `count` sorted readings, type 7 (R. J. Hyndman & Y. Fan, "Sample Quantiles in Statistical Packages", 1996):
 * after the reading of index `index`, by `part` / denominator of the way to the next one.
 */
export function positionOf(share: Share, count: number): { readonly index: number; readonly part: number } {
  const { numerator, denominator } = share;
  const product = (count - 1) * numerator;
  if (product <= Number.MAX_SAFE_INTEGER) {
    const part = product % denominator;
    return { index: (product - part) / denominator, part };
  }
  const exact = BigInt(count - 1) * BigInt(numerator);
  const whole = BigInt(denominator);
  return { index: Number(exact / whole), part: Number(exact % whole) };
}

/** a + (b - a) · part / whole, exact and rounded once. */
export function interpolate(a: number, b: number, part: number, whole: number): number {
  if (part === 0 || a === b) return a;
  const top = a * (whole - part) + b * part;
  const isExact = (Math.abs(a) + Math.abs(b)) * whole <= Number.MAX_SAFE_INTEGER;
  if (isExact && Number.isInteger(a) && Number.isInteger(b)) return top / whole;
  const lower = fromDouble(a);
  const upper = fromDouble(b);
  const sum = add({ m: lower.m * BigInt(whole - part), e: lower.e }, { m: upper.m * BigInt(part), e: upper.e });
  return divide(sum, BigInt(whole));
}
