/**
 * Bytes of several lines → what is read by itself: a line, unless it opens a bracket that it does not close. Then it and all that follows
 * is one: a pretty-printed value must not be cut into lines, of which some would be numbers. For doors and for records alike.
 */
import { trimmedEnd, trimmedStart } from "./trim.ts";

const NEWLINE = 10;

/** Goes over the lines of bytes[start, end): `next` moves on to one that is not blank. */
export class Lines {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #newlines = 0;
  /** Of the present one, without what is taken off around a reading. */
  start = 0;
  end = 0;
  /** Its number, from 1 on. */
  line = 0;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** @returns false when there are no more */
  next(): boolean {
    const bytes = this.#bytes;
    while (this.#at < this.#end) {
      const from = this.#at;
      let newline = bytes.indexOf(NEWLINE, from);
      if (newline < 0 || newline > this.#end) newline = this.#end;
      this.line = ++this.#newlines;
      this.start = trimmedStart(bytes, from, newline);
      this.end = trimmedEnd(bytes, this.start, newline);
      this.#at = newline + 1;
      if (this.start === this.end) continue;
      if (leavesOpen(bytes, this.start, this.end)) {
        this.end = trimmedEnd(bytes, this.start, this.#end);
        this.#at = this.#end;
      }
      return true;
    }
    return false;
  }
}

/** Whether bytes[start, end) open more brackets, outside of texts, than they close. */
function leavesOpen(bytes: Uint8Array, start: number, end: number): boolean {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 123 || byte === 91) depth++;
    else if (byte === 125 || byte === 93) depth--;
    else if (byte === 34 && depth > 0) {
      // A text ends with its line at the latest.
      for (at++; at < end && bytes[at] !== 34; at++) if (bytes[at] === 92) at++;
    }
  }
  return depth > 0;
}
