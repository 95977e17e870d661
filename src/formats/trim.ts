/** Trims a reading before it is decoded: white space, a byte order mark before it, NUL bytes behind it. */

/** True for ASCII white space: tab, LF, VT, FF, CR, space. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** The first position from `start` on that is neither white space nor in a byte order mark; may be `end`. */
export function trimmedStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    if (isSpace(bytes[at])) at++;
    else if (bytes[at] === 0xef && end - at >= 3 && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) at += 3;
    else break;
  }
  return at;
}

/** The position behind the last byte before `end` that is neither white space nor NUL; `start` when there is none. */
export function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (isSpace(bytes[at - 1]) || bytes[at - 1] === 0)) at--;
  return at;
}
