/** Decimal texts → doubles out of bytes, bit for bit what `Number(text)` gives (-0 becomes 0). Under every format that holds numbers as text. */
import { VALUE_MAGNITUDE_MAX, VALUE_MAGNITUDE_MIN } from "../core/limits.ts";
import type { RejectionCode } from "../core/rejections.ts";

/** Powers of ten that are doubles: up to 10^22 (5^22 < 2^53). */
const POWERS = new Float64Array(23);
for (let i = 0; i < POWERS.length; i++) POWERS[i] = Number(`1e${i}`);

/** Below it every integer is a double, and a mantissa built up from its digits is exact; once it is above, rounding never leads back. */
const EXACT_LIMIT = 2 ** 53;

/** Digits that always fit into 31 bits, and into the 53 of a double. */
const SMALL_DIGITS = 9;
const EXACT_DIGITS = 15;

/** Past this an exponent's size no longer matters (a mantissa has under 2^20 digits), and summing up its digits must not wrap. */
const EXPONENT_LIMIT = 100_000_000;

/**
 * Reads one number at a position. Grammar: JSON's (RFC 8259, 6) and what older producers print: a leading `+`, leading zeros, `.5`, `5.`.
 * The usual number is one multiplication or division of two exact doubles, so it is rounded once (Clinger 1990,
 * "How to Read Floating Point Numbers Accurately"); what is longer goes through `Number`.
 */
export class NumberScanner {
  /** The last number's double; ±Infinity when it overflows; never -0. */
  value = 0.5;
  /** Whether the last number is one of JSON's grammar too. */
  isJson = true;
  /** Whether the last number is 0 only because its text was too small for a double. */
  isUnderflow = false;
  #bytes: Uint8Array | null = null;
  #buffer: Buffer = Buffer.alloc(0);

  /** Scans the longest number at `start`. @returns the position after it, or -1 when there is none */
  scan(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    const negative = at < end && bytes[at] === 45;
    if (negative) at++;
    const first = at;
    // Up to nine digits are a small integer, which is faster to build than a double.
    let stop = Math.min(end, at + SMALL_DIGITS);
    let small = 0;
    let digit = -1;
    while (at < stop && (digit = bytes[at] - 48) >= 0 && digit <= 9) {
      small = (small * 10 + digit) | 0;
      at++;
    }
    let value = small;
    let scale = 0;
    if (at === stop && at < end && isDigit(bytes[at])) {
      stop = Math.min(end, at + EXACT_DIGITS - SMALL_DIGITS);
      const from = at;
      let rest = 0;
      while (at < stop && (digit = bytes[at] - 48) >= 0 && digit <= 9) {
        rest = (rest * 10 + digit) | 0;
        at++;
      }
      value = value * POWERS[at - from] + rest;
    } else if (at > first && at < end && bytes[at] === 46) {
      const point = ++at;
      stop = Math.min(end, first + 1 + SMALL_DIGITS);
      while (at < stop && (digit = bytes[at] - 48) >= 0 && digit <= 9) {
        small = (small * 10 + digit) | 0;
        at++;
      }
      scale = at - point;
      value = small / POWERS[scale];
      if (scale === 0) return this.#long(bytes, start, end);
    }
    if (
      at === first ||
      (bytes[first] === 48 && at > first + 1 && bytes[first + 1] !== 46) ||
      (at < end && goesOn(bytes[at]))
    ) {
      return this.#long(bytes, start, end);
    }
    this.isJson = true;
    this.isUnderflow = false;
    this.value = negative ? 0 - value : value;
    return at;
  }

  /** Any number; `scan` without its short cuts. */
  #long(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let byte = at < end ? bytes[at] : 0;
    const negative = byte === 45;
    this.isJson = byte !== 43;
    if (negative || byte === 43) at++;

    const first = at;
    let mantissa = 0;
    let digit = 0;
    while (at < end && (digit = bytes[at] - 48) >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      at++;
    }
    let digits = at - first;
    if (digits === 0 || (digits > 1 && bytes[first] === 48)) this.isJson = false;
    let scale = 0;
    if (at < end && bytes[at] === 46) {
      const point = ++at;
      while (at < end && (digit = bytes[at] - 48) >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        at++;
      }
      scale = at - point;
      if (scale === 0) this.isJson = false;
      digits += scale;
    }
    if (digits === 0) return -1;
    if (at < end && ((byte = bytes[at]) === 101 || byte === 69)) {
      const exponentStart = at++;
      const sign = at < end ? bytes[at] : 0;
      if (sign === 45 || sign === 43) at++;
      const firstDigit = at;
      let exponent = 0;
      while (at < end && (digit = bytes[at] - 48) >= 0 && digit <= 9) {
        if (exponent < EXPONENT_LIMIT) exponent = exponent * 10 + digit;
        at++;
      }
      if (at === firstDigit) at = exponentStart;
      else scale += sign === 45 ? exponent : 0 - exponent;
    }

    let value = 0;
    if (mantissa < EXACT_LIMIT && scale <= 22 && scale >= -22) {
      value = scale >= 0 ? mantissa / POWERS[scale] : mantissa * POWERS[0 - scale];
    } else if (mantissa !== 0) {
      value = Math.abs(this.#slow(bytes, start, at));
    }
    this.isUnderflow = value === 0 && mantissa !== 0;
    this.value = negative ? 0 - value : value;
    return at;
  }

  #slow(bytes: Uint8Array, start: number, end: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return Number(this.#buffer.toString("latin1", start, end));
  }
}

/** The longest text that `shortDecimal` takes: a sign, nine digits and a point. */
export const SHORT_BYTES_MAX = 11;

/**
 * The number that all of bytes[start, end) is, at least one byte and at most SHORT_BYTES_MAX: up to nine digits, a minus before them, a
 * point anywhere. NaN for anything else, which may still be a number. A value without more ado: its magnitude needs no judging.
 */
export function shortDecimal(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === 45;
  let at = negative ? start + 1 : start;
  let digits = end - at;
  let small = 0;
  let point = end - 1;
  for (; at < end; at++) {
    const digit = bytes[at] - 48;
    if (digit >= 0 && digit <= 9) small = (small * 10 + digit) | 0;
    else if (digit === -2 && digits === end - start - (negative ? 1 : 0)) {
      point = at;
      digits--;
    } else return Number.NaN;
  }
  if (digits < 1 || digits > SMALL_DIGITS) return Number.NaN;
  const value = small / POWERS[end - 1 - point];
  return negative ? 0 - value : value;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** Whether a byte behind some digits may belong to the number too: a digit, a point or an exponent. */
function goesOn(byte: number): boolean {
  return isDigit(byte) || byte === 46 || (byte | 32) === 101;
}

/** Why a number is no value of a reading, or null when it is one. `isUnderflow` as in NumberScanner. */
export function valueFault(value: number, isUnderflow: boolean): RejectionCode | null {
  const magnitude = Math.abs(value);
  if (magnitude <= VALUE_MAGNITUDE_MAX && magnitude >= VALUE_MAGNITUDE_MIN) return null;
  if (magnitude === 0) return isUnderflow ? "too-small" : null;
  if (magnitude < VALUE_MAGNITUDE_MIN) return "too-small";
  return magnitude < Number.POSITIVE_INFINITY ? "too-large" : "not-finite";
}

/** Whether the value may stand in a reading, without asking why not. */
export function isValue(value: number, isUnderflow: boolean): boolean {
  const magnitude = Math.abs(value);
  return (magnitude <= VALUE_MAGNITUDE_MAX && magnitude >= VALUE_MAGNITUDE_MIN) || (value === 0 && !isUnderflow);
}

/** Whether a text is a number by the grammar of bare values, without white space. */
export function isNumericText(text: string): boolean {
  if (!/^[-+.0-9eE]+$/.test(text)) return false;
  const bytes = Buffer.from(text, "latin1");
  return new NumberScanner().scan(bytes, 0, bytes.length) === bytes.length;
}

/** Whether a text is a decimal as every program writes it: a number of JSON's grammar without an exponent. Such a text may stand for the number. */
export function isPlainDecimal(text: string): boolean {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text);
}

/** Whether a plain decimal that is 0 as a double is not 0 as it is written. */
export function isUnderflowText(decimal: string): boolean {
  return Number(decimal) === 0 && /[1-9]/.test(decimal);
}
