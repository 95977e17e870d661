/** Exact dyadic rationals (m · 2^e) over BigInt, and their one rounding to a double: the slow, always right path under the sums. */

import type { ByteReader, ByteWriter } from "../core/bytes.ts";

const floats = new Float64Array(1);
const words = new Uint32Array(floats.buffer);

/** m · 2^e, exactly. */
export interface Dyadic {
  readonly m: bigint;
  readonly e: number;
}

/** Bound for dyadics from outside: bits that a sum of squares of doubles can span, and some. */
const SUM_BITS_MAX = 8192;

/** Nothing. */
export const ZERO: Dyadic = { m: 0n, e: 0 };

/** The finite double x as m · 2^e (IEEE 754-2019, section 3.4). */
export function fromDouble(x: number): Dyadic {
  if (Number.isSafeInteger(x)) return { m: BigInt(x), e: 0 };
  floats[0] = x;
  const biased = (words[1] >>> 20) & 2047;
  const high = (words[1] & 0xfffff) + (biased === 0 ? 0 : 0x100000);
  const m = BigInt(high * 4294967296 + words[0]);
  return { m: x < 0 ? -m : m, e: (biased === 0 ? 1 : biased) - 1075 };
}

/** The exact sum of two. */
export function add(a: Dyadic, b: Dyadic): Dyadic {
  if (a.m === 0n) return b;
  if (b.m === 0n) return a;
  if (a.e === b.e) return { m: a.m + b.m, e: a.e };
  return a.e > b.e ? { m: (a.m << BigInt(a.e - b.e)) + b.m, e: b.e } : { m: a.m + (b.m << BigInt(b.e - a.e)), e: a.e };
}

/** The same number in the one form of it whose mantissa is odd. */
export function reduced(a: Dyadic): Dyadic {
  if (a.m === 0n) return ZERO;
  const zeros = bitLength(a.m & -a.m) - 1;
  return zeros === 0 ? a : { m: a.m >> BigInt(zeros), e: a.e + zeros };
}

/** Writes the mantissa in hexadecimal, and unless it is 0 the exponent: one form only for what is `reduced`. */
export function encodeDyadic(out: ByteWriter, { m, e }: Dyadic): void {
  out.text(m === 0n ? "" : m.toString(16));
  if (m !== 0n) out.signed(e);
}

/** Reads what `encodeDyadic` wrote. @throws RangeError or SyntaxError for what it cannot have written */
export function decodeDyadic(from: ByteReader): Dyadic {
  const hex = from.text();
  if (hex === "") return ZERO;
  if (hex.length > SUM_BITS_MAX / 4) throw new RangeError(`a sum of ${hex.length} hexadecimal digits`);
  const m = hex.startsWith("-") ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
  const e = from.signed();
  if (Math.abs(e) > SUM_BITS_MAX) throw new RangeError(`a sum with the exponent ${e}`);
  return { m, e };
}

/** The exact sum of parts[start, end). */
export function sumOf(parts: Float64Array, start: number, end: number): Dyadic {
  let total = ZERO;
  for (let i = start; i < end; i++) if (parts[i] !== 0) total = add(total, fromDouble(parts[i]));
  return total;
}

/** The double nearest to a, ties to even; ±Infinity past the largest. */
export function toNearest(a: Dyadic): number {
  return divide(a, 1n);
}

/** The double nearest to a / n (> 0), ties to even. */
export function divide(a: Dyadic, n: bigint): number {
  return a.e >= 0 ? ratioToNearest(a.m << BigInt(a.e), n) : ratioToNearest(a.m, n << BigInt(-a.e));
}

/** The double nearest to numerator / denominator (> 0), ties to even, subnormals included. */
export function ratioToNearest(numerator: bigint, denominator: bigint): number {
  if (numerator === 0n) return 0;
  const negative = numerator < 0n;
  const n = negative ? -numerator : numerator;
  // 2^(lead-1) < n/d < 2^(lead+1): a quotient of 53 or 54 bits is kept, never finer than the subnormal step 2^-1074.
  const lead = bitLength(n) - bitLength(denominator);
  let step = Math.max(lead - 53, -1074);
  let quotient = divideToEven(n, denominator, step);
  if (quotient >= 1n << 53n && step < lead - 52) {
    step = Math.max(lead - 52, -1074);
    quotient = divideToEven(n, denominator, step);
  }
  const magnitude = scale(Number(quotient), step);
  return negative ? -magnitude : magnitude;
}

/** n / (d · 2^step) as the nearest integer, ties to even. */
function divideToEven(n: bigint, d: bigint, step: number): bigint {
  const scaledN = step < 0 ? n << BigInt(-step) : n;
  const scaledD = step < 0 ? d : d << BigInt(step);
  const quotient = scaledN / scaledD;
  const twice = (scaledN - quotient * scaledD) * 2n;
  if (twice > scaledD || (twice === scaledD && (quotient & 1n) === 1n)) return quotient + 1n;
  return quotient;
}

/** x · 2^step, where the result is exact. */
function scale(x: number, step: number): number {
  if (step > 971) return x * 2 ** 971 * 2 ** Math.min(step - 971, 1023);
  return step < -1022 ? x * 2 ** -1022 * 2 ** (step + 1022) : x * 2 ** step;
}

function bitLength(n: bigint): number {
  const hex = n.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0], 16)) + 28;
}
