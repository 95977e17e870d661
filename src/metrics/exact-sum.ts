/**
 * Exact sums of doubles and of their squares as floating-point expansions
 * (J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997):
 * a few doubles whose exact sum is the total, whatever the order of the readings. What does not fit the usual number
 * of parts goes to a `rest`, an exact dyadic; nothing is ever rounded before the answer.
 */
import { add, type Dyadic, fromDouble, reduced, sumOf, toNearest, ZERO } from "./dyadic.ts";

/** Doubles per stored sum: 159 bits cover every sensor that spans fewer than 30 decimal digits. */
export const SUM_PARTS = 3;
/** Doubles per stored sum of squares: squares are twice as wide. */
export const SQUARE_PARTS = 4;

/** Veltkamp's splitter for 53 bits, 2^27 + 1. */
const SPLITTER = 134217729;

/** Adds x exactly to the expansion parts[at, at + length). @returns what did not fit, nearly always 0 */
export function addPart(parts: Float64Array, at: number, length: number, x: number): number {
  let carry = x;
  const end = at + length;
  for (let i = at; i < end && carry !== 0; i++) {
    const part = parts[i];
    const total = part + carry;
    const virtual = total - part; // TwoSum (Knuth)
    carry = part - (total - virtual) + (carry - virtual);
    parts[i] = total;
  }
  return carry;
}

/**
 * Adds the first `n` numbers of a column exactly to the expansion parts[0, length), length >= 3: as `addPart` does one by one, with the
 * first parts in registers.
 * @returns what did not fit, nearly always `ZERO`
 */
export function addColumn(parts: Float64Array, length: number, column: Float64Array, n: number): Dyadic {
  let a = parts[0];
  let b = parts[1];
  let c = parts[2];
  let rest = ZERO;
  for (let i = 0; i < n; i++) {
    const x = column[i];
    const sumA = a + x;
    const virtualA = sumA - a;
    const errorA = a - (sumA - virtualA) + (x - virtualA);
    a = sumA;
    if (errorA === 0) continue;
    const sumB = b + errorA;
    const virtualB = sumB - b;
    const errorB = b - (sumB - virtualB) + (errorA - virtualB);
    b = sumB;
    if (errorB === 0) continue;
    const sumC = c + errorB;
    const virtualC = sumC - c;
    const errorC = c - (sumC - virtualC) + (errorB - virtualC);
    c = sumC;
    if (errorC === 0) continue;
    const carry = addPart(parts, 3, length - 3, errorC);
    if (carry !== 0) rest = add(rest, fromDouble(carry));
  }
  parts[0] = a;
  parts[1] = b;
  parts[2] = c;
  return rest;
}

/** x² - fl(x²), exactly (TwoProduct, Dekker 1971), for 1e-140 ≤ |x| ≤ 1e150 or x = 0. */
export function squareError(x: number, square: number): number {
  const c = SPLITTER * x;
  const high = c - (c - x);
  const low = x - high;
  return high * high - square + 2 * high * low + low * low;
}

/**
 * Rewrites parts[at, at + length) + rest in its one canonical form: each part the double nearest to what remains.
 * @returns the rest that even so does not fit, `ZERO` almost always
 */
export function canonicalize(parts: Float64Array, at: number, length: number, rest: Dyadic): Dyadic {
  if (rest.m === 0n && canonicalizeDoubles(parts, at, length)) return ZERO;
  let remaining = add(sumOf(parts, at, at + length), rest);
  for (let i = at; i < at + length; i++) {
    parts[i] = toNearest(remaining);
    if (parts[i] !== 0) remaining = add(remaining, fromDouble(-parts[i]));
  }
  return reduced(remaining);
}

/** Passes of TwoSum until nothing changes. @returns false where only exact arithmetic can tell (a tie, or no rest after many passes) */
function canonicalizeDoubles(parts: Float64Array, at: number, length: number): boolean {
  const last = at + length - 1;
  let used = 0;
  for (let i = at; i <= last; i++) if (parts[i] !== 0) used++;
  if (used === 0) return true;
  if (used === 1 && parts[at] !== 0) return true;
  for (let pass = 0; pass < 8; pass++) {
    let changed = false;
    for (let i = last - 1; i >= at; i--) {
      const a = parts[i];
      const b = parts[i + 1];
      const total = a + b;
      const virtual = total - a;
      const error = a - (total - virtual) + (b - virtual);
      if (total !== a || error !== b) {
        parts[i] = total;
        parts[i + 1] = error;
        changed = true;
      }
    }
    if (!changed) return !hasTie(parts, at, last);
  }
  return false;
}

/** True when some part is exactly half a unit in the last place of the one before and more follows: the nearest double is then decided below. */
function hasTie(parts: Float64Array, at: number, last: number): boolean {
  for (let i = at; i < last - 1; i++) {
    if (parts[i + 2] === 0) continue;
    const twice = 2 * parts[i + 1];
    if (parts[i] + twice - parts[i] === twice) return true;
  }
  return false;
}
