/**
 * Cuts several lines into *units*, each read by itself; for doors and records alike. A pretty-printed value must not be cut into lines, of
 * which some would be numbers:
 * - A line is a unit, unless it leaves a bracket open: then its unit goes on to the line that closes it.
 * - Where no line does and it is the first one, all of it is one unit.
 * - Where no line does and it is another one, the rest is *broken*: lines that begin with a bracket and close it are units, and so is what
 *   lies between them.
 */
import { trimmedEnd, trimmedStart } from "./trim.ts";

const NEWLINE = 10;

/** A line that ends within this is found faster by a loop than by a call of `indexOf`: a body of 4 MB of newlines holds no one up. */
const NEAR_BYTES = 16;

/** Goes over the units of bytes[start, end): `next` moves on to one that is not blank. O(bytes) for all of them. */
export class Lines {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #newlines = 0;
  #isFirst = true;
  #isBroken = false;
  /** The present unit, trimmed. */
  start = 0;
  end = 0;
  /** The number of its first line, from 1 on. */
  line = 0;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** @returns false when there are no more */
  next(): boolean {
    do if (this.#at >= this.#end) return false;
    while (!this.#takeLine());
    const opened = opens(this.#bytes, this.start, this.end);
    if (this.#isBroken ? !this.#isWhole() : opened > 0 && !this.#takeUntilClosed(opened)) this.#takeBroken();
    this.#isFirst = false;
    return true;
  }

  /** Moves on to the next line. @returns false when it is blank */
  #takeLine(): boolean {
    const stop = this.#lineEnd(this.#at);
    this.start = trimmedStart(this.#bytes, this.#at, stop);
    this.end = trimmedEnd(this.#bytes, this.start, stop);
    this.#at = stop + 1;
    this.line = ++this.#newlines;
    return this.start < this.end;
  }

  #lineEnd(from: number): number {
    const near = Math.min(from + NEAR_BYTES, this.#end);
    for (let at = from; at < near; at++) if (this.#bytes[at] === NEWLINE) return at;
    const newline = this.#bytes.indexOf(NEWLINE, near);
    return newline < 0 || newline > this.#end ? this.#end : newline;
  }

  /** Extends the unit to the line that closes `opened` brackets. @returns false when none does: nothing has changed then */
  #takeUntilClosed(opened: number): boolean {
    let open = opened;
    let newlines = this.#newlines;
    for (let at = this.#at; at < this.#end; ) {
      const stop = this.#lineEnd(at);
      newlines++;
      open += opens(this.#bytes, at, stop);
      if (open <= 0) {
        this.#take(stop, newlines);
        return true;
      }
      at = stop + 1;
    }
    return false;
  }

  /** Extends the unit to the end, or to the next line that is whole. */
  #takeBroken(): void {
    if (this.#isFirst) {
      this.#take(this.#end, this.#newlines);
      return;
    }
    this.#isBroken = true;
    const { start, line } = this;
    let end = this.end;
    for (;;) {
      const [at, newlines] = [this.#at, this.#newlines];
      if (at >= this.#end) break;
      if (!this.#takeLine()) continue;
      if (this.#isWhole()) {
        this.#at = at;
        this.#newlines = newlines;
        break;
      }
      end = this.end;
    }
    this.start = start;
    this.end = end;
    this.line = line;
  }

  #take(stop: number, newlines: number): void {
    this.end = trimmedEnd(this.#bytes, this.start, stop);
    this.#at = stop + 1;
    this.#newlines = newlines;
  }

  /** Whether the present line begins with a bracket and closes it. */
  #isWhole(): boolean {
    const first = this.#bytes[this.start];
    return (first === 123 || first === 91) && opens(this.#bytes, this.start, this.end) === 0;
  }
}

/** Brackets opened less brackets closed in the line bytes[start, end). Brackets in texts do not count; a text ends with its line at the latest. */
function opens(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 34) {
      for (at++; at < end && bytes[at] !== 34; at++) if (bytes[at] === 92) at++;
    } else if (byte === 123 || byte === 91) depth++;
    else if (byte === 125 || byte === 93) depth--;
  }
  return depth;
}
