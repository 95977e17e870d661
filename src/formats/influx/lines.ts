/** Cuts line protocol into its lines, for door and decoder alike. A newline within the text of a field belongs to the line. */

const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const EQUALS = 61;
const BACKSLASH = 92;

/** Goes over the lines of bytes[start, end). O(bytes) for all of them. */
export class InfluxLines {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #next: number;
  /** The first quote from `#next` on; `end` when there is none. */
  #quote: number;
  /** The present line, without white space around it. */
  start = 0;
  end = 0;
  /** False for a comment. */
  isContent = false;

  constructor(bytes: Uint8Array, start: number, end: number) {
    // Nothing is looked for past the end: a batch of the log has many records.
    this.#bytes = bytes.subarray(0, end);
    this.#next = start;
    this.#end = end;
    this.#quote = this.#find(QUOTE, start);
  }

  /** Where the line after the present one begins. */
  get after(): number {
    return this.#next;
  }

  /** Moves on to the next line that is neither blank nor a comment. @returns false when there is none */
  next(): boolean {
    while (this.step()) if (this.isContent) return true;
    return false;
  }

  /** Moves on by one line, or some blank ones. @returns false when there is none */
  step(): boolean {
    const bytes = this.#bytes;
    let start = this.#next;
    while (start < this.#end && (bytes[start] === NEWLINE || isBlank(bytes[start]))) start++;
    if (start === this.#end) {
      this.#next = start;
      return false;
    }
    let end = this.#lineEnd(start);
    this.#next = Math.min(end + 1, this.#end);
    while (end > start && isBlank(bytes[end - 1])) end--;
    this.isContent = bytes[start] !== HASH;
    this.start = start;
    this.end = end;
    return true;
  }

  #lineEnd(start: number): number {
    const newline = this.#find(NEWLINE, start);
    if (this.#quote < start) this.#quote = this.#find(QUOTE, start);
    return this.#quote > newline ? newline : this.#quotedEnd(start);
  }

  /** A quote begins a text where a field's value does: after the first space and behind `=`. A text that nothing ends has not begun. */
  #quotedEnd(start: number): number {
    const bytes = this.#bytes;
    let isFields = false;
    for (let at = start; at < this.#end; at++) {
      const byte = bytes[at];
      if (byte === NEWLINE) return at;
      if (byte === BACKSLASH) {
        if (bytes[at + 1] !== NEWLINE) at++;
      } else if (byte === SPACE) isFields = true;
      else if (byte === QUOTE && isFields && bytes[at - 1] === EQUALS) {
        const behind = behindText(bytes, at, this.#end);
        if (behind < 0) return this.#find(NEWLINE, at);
        at = behind - 1;
      }
    }
    return this.#end;
  }

  #find(byte: number, from: number): number {
    const at = this.#bytes.indexOf(byte, from);
    return at < 0 ? this.#end : at;
  }
}

/** @returns the position behind the quote that ends the text whose quote is at `start`; -1 when there is none */
export function behindText(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[at] === BACKSLASH) at++;
  }
  return -1;
}

/** Space, tab, carriage return, NUL: what InfluxDB passes over as well. */
export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === 9 || byte === 13 || byte === 0;
}
