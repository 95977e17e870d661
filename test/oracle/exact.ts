/**
 * Exact arithmetic of the oracle: doubles as integers times powers of two, and one correct rounding back to a double.
 * Part of test/oracle, which imports nothing from src/.
 */

const EXPONENT_MIN = -1074; // of the last bit of the smallest subnormal
const EXPONENT_MAX = 971; // of the last bit of the largest double

const scratch = new DataView(new ArrayBuffer(8));

/** A finite double as `mantissa` · 2^`exponent`, exactly. @throws RangeError for NaN and infinities */
export function takeApart(value: number): { mantissa: bigint; exponent: number } {
  if (!Number.isFinite(value)) throw new RangeError(`takeApart needs a finite double, was ${value}`);
  scratch.setFloat64(0, value);
  const bits = scratch.getBigUint64(0);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const biased = Number((bits >> 52n) & 0x7ffn);
  const magnitude = biased === 0 ? fraction : fraction | (1n << 52n);
  const exponent = Math.max(biased, 1) - 1 + EXPONENT_MIN;
  return { mantissa: bits >> 63n === 1n ? -magnitude : magnitude, exponent };
}

/** The bits of a positive integer, up to three too many. */
function bitsAbout(value: bigint): number {
  return value.toString(16).length * 4;
}

/**
 * The double nearest to numerator / denominator · 2^exponent, ties to the even one; past the largest double ±Infinity.
 * IEEE 754-2019, roundTiesToEven. A result that rounds to zero is +0.
 */
export function roundRational(numerator: bigint, denominator: bigint, exponent = 0): number {
  if (denominator <= 0n) throw new RangeError(`roundRational needs a positive denominator, was ${denominator}`);
  if (numerator === 0n) return 0;
  const negative = numerator < 0n;
  let top = negative ? -numerator : numerator;
  let bottom = denominator;
  if (exponent >= 0) top <<= BigInt(exponent);
  else bottom <<= BigInt(-exponent);

  // The exponent of the last bit kept: the quotient then has 53 bits, or fewer where the doubles end.
  let last = Math.max(bitsAbout(top) - bitsAbout(bottom) - 60, EXPONENT_MIN); // low enough for 53 bits or more
  const excess = scaledQuotient(top, bottom, last).toString(2).length - 53;
  if (excess > 0) last += excess;
  let quotient = scaledQuotient(top, bottom, last);
  if (quotient >= 1n << 53n || (quotient < 1n << 52n && last !== EXPONENT_MIN)) throw new Error("BUG: not 53 bits");

  const rest = last >= 0 ? top - quotient * (bottom << BigInt(last)) : (top << BigInt(-last)) - quotient * bottom;
  const unit = last >= 0 ? bottom << BigInt(last) : bottom;
  const twice = rest * 2n;
  if (twice > unit || (twice === unit && quotient % 2n === 1n)) quotient += 1n;

  if (last > EXPONENT_MAX) return negative ? -Infinity : Infinity;
  // Adding the quotient to the exponent field carries a rounded-up 2^53 into the next exponent, and into Infinity's.
  const bits = (BigInt(last - EXPONENT_MIN) << 52n) + quotient;
  scratch.setBigUint64(0, bits);
  const magnitude = scratch.getFloat64(0);
  return negative && magnitude !== 0 ? -magnitude : magnitude;
}

function scaledQuotient(top: bigint, bottom: bigint, last: number): bigint {
  return last >= 0 ? top / (bottom << BigInt(last)) : (top << BigInt(-last)) / bottom;
}

/** The exact Σx and Σx² of doubles. */
export class ExactMoments {
  count = 0;
  #sums = new Map<number, bigint>();
  #squares = new Map<number, bigint>();

  add(value: number): void {
    const { mantissa, exponent } = takeApart(value);
    this.count++;
    this.#sums.set(exponent, (this.#sums.get(exponent) ?? 0n) + mantissa);
    this.#squares.set(exponent, (this.#squares.get(exponent) ?? 0n) + mantissa * mantissa);
  }

  /** Σx rounded once; 0 of nothing. */
  sum(): number {
    const { sum, exponent } = this.#totals();
    return roundRational(sum, 1n, exponent);
  }

  /** Σx / n rounded once; null of nothing. */
  mean(): number | null {
    if (this.count === 0) return null;
    const { sum, exponent } = this.#totals();
    return roundRational(sum, BigInt(this.count), exponent);
  }

  /** (Σx² − (Σx)²/n) / (n − ddof) rounded once; null where n ≤ ddof. */
  variance(ddof: 0 | 1): number | null {
    if (this.count <= ddof) return null;
    const { sum, squares, exponent } = this.#totals();
    const n = BigInt(this.count);
    return roundRational(n * squares - sum * sum, n * (n - BigInt(ddof)), 2 * exponent);
  }

  #totals(): { sum: bigint; squares: bigint; exponent: number } {
    const exponent = Math.min(...this.#sums.keys(), 0);
    let sum = 0n;
    let squares = 0n;
    for (const [own, part] of this.#sums) sum += part << BigInt(own - exponent);
    for (const [own, part] of this.#squares) squares += part << BigInt(2 * (own - exponent));
    return { sum, squares, exponent };
  }
}
