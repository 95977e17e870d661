/** Steps over JSON values of unknown keys, checking them as strictly as JSON.parse does. */
import type { NumberScanner } from "../numbers.ts";

/** Objects and arrays inside each other that are stepped over here; what is deeper is left to JSON.parse. */
const DEPTH_MAX = 64;

const isObjectAt = new Uint8Array(DEPTH_MAX);

/** 1 for the bytes of a text that stand for themselves: no quote, no backslash, no control character, nothing past ASCII. */
export const PLAIN = new Uint8Array(256).fill(1, 32, 128);
PLAIN[34] = 0;
PLAIN[92] = 0;

/** True for JSON's white space: space, tab, LF, CR (RFC 8259, 2). */
export function isJsonSpace(byte: number): boolean {
  return byte <= 32 && (byte === 32 || byte === 10 || byte === 13 || byte === 9);
}

/** The first position from `at` on that is no white space; may be `end`. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && isJsonSpace(bytes[next])) next++;
  return next;
}

/** Steps over one value of any kind. @returns the position after it, or -1: not JSON, or too deep */
export function skipValue(numbers: NumberScanner, bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let depth = 0;
  for (;;) {
    // A value begins here.
    at = skipSpace(bytes, at, end);
    const byte = at < end ? bytes[at] : 0;
    if (byte === 123 || byte === 91) {
      if (depth === DEPTH_MAX) return -1;
      isObjectAt[depth++] = byte === 123 ? 1 : 0;
      at = skipSpace(bytes, at + 1, end);
      if (at < end && bytes[at] === (byte === 123 ? 125 : 93)) {
        depth--;
        at++;
      } else {
        if (byte === 123) at = skipKey(bytes, at, end);
        if (at < 0) return -1;
        continue;
      }
    } else {
      at = skipScalar(numbers, bytes, at, end);
      if (at < 0) return -1;
    }
    // A value ended: so may those that hold it.
    for (; depth > 0; depth--) {
      const isObject = isObjectAt[depth - 1] === 1;
      at = skipSpace(bytes, at, end);
      const next = at < end ? bytes[at++] : 0;
      if (next === 44) {
        if (isObject) at = skipKey(bytes, skipSpace(bytes, at, end), end);
        if (at < 0) return -1;
        break;
      }
      if (next !== (isObject ? 125 : 93)) return -1;
    }
    if (depth === 0) return at;
  }
}

/** A text with its quotes, a number, true, false or null. */
function skipScalar(numbers: NumberScanner, bytes: Uint8Array, at: number, end: number): number {
  switch (at < end ? bytes[at] : 0) {
    case 34:
      return skipString(bytes, at + 1, end);
    case 116:
      return skipWord(bytes, at, end, "true");
    case 102:
      return skipWord(bytes, at, end, "false");
    case 110:
      return skipWord(bytes, at, end, "null");
    default: {
      const after = numbers.scan(bytes, at, end);
      return after >= 0 && numbers.isJson ? after : -1;
    }
  }
}

function skipWord(bytes: Uint8Array, at: number, end: number, word: string): number {
  if (end - at < word.length) return -1;
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return -1;
  return at + word.length;
}

/** A key and its colon. */
function skipKey(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end || bytes[at] !== 34) return -1;
  const after = skipString(bytes, at + 1, end);
  if (after < 0) return -1;
  const colon = skipSpace(bytes, after, end);
  return colon < end && bytes[colon] === 58 ? colon + 1 : -1;
}

/** From behind a text's opening quote to behind the closing one. */
function skipString(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const byte = bytes[at++];
    if (byte === 34) return at;
    if (byte < 32) return -1;
    if (byte === 92) {
      at = skipEscape(bytes, at, end);
      if (at < 0) return -1;
    }
  }
  return -1;
}

/** From behind a backslash. */
function skipEscape(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  switch (bytes[at]) {
    case 34: // "
    case 92: // \
    case 47: // /
    case 98: // b
    case 102: // f
    case 110: // n
    case 114: // r
    case 116: // t
      return at + 1;
    case 117: // u
      if (end - at < 5) return -1;
      for (let i = 1; i <= 4; i++) if (!isHexDigit(bytes[at + i])) return -1;
      return at + 5;
    default:
      return -1;
  }
}

function isHexDigit(byte: number): boolean {
  const letter = byte | 32;
  return (byte >= 48 && byte <= 57) || (letter >= 97 && letter <= 102);
}
