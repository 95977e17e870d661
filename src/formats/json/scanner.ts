/** Flat scanner over the bytes of a JSON object: any key order, white space and unknown keys, no string and no object made. Between learned shapes and JSON.parse. */
import { ID_BYTES_MAX, NAME_BYTES_MAX, TIME_MS_MAX, TIME_MS_MIN } from "../../core/limits.ts";
import { epochMs, lookalikeOf, TIME_READ, TimeReader } from "../../core/time.ts";
import type { Batch } from "../format.ts";
import { isValue, NumberScanner } from "../numbers.ts";
import { isWellFormedUtf8 } from "../utf8.ts";
import { BOOT, DEVICE, fieldOf, ID, SEQUENCE, type Shape, TEXT, TIME, UNKNOWN, VALUE, WIDE } from "./fields.ts";
import type { JsonRow } from "./row.ts";
import { PLAIN, skipSpace, skipValue } from "./skip.ts";

/** Integers of up to this many digits print in JavaScript as they were written. */
const PLAIN_DIGITS_MAX = 15;

/**
 * Scans one object into a `JsonRow`, or gives up: `scan` returns false for all that is unusual (an escape in a key or a name, malformed
 * UTF-8, a field twice) and for all that is wrong; JSON.parse then decides. It accepts nothing that JSON.parse would not.
 */
export class JsonScanner {
  readonly #batch: Batch;
  readonly #row: JsonRow;
  readonly #numbers = new NumberScanner();
  readonly #times: TimeReader;
  #shape: Shape | null = null;
  /** A bit for each known field of the object. */
  #seen = 0;
  /** Whether the last string is not all ASCII. */
  #isWide = false;

  constructor(batch: Batch, row: JsonRow) {
    this.#batch = batch;
    this.#row = row;
    this.#times = new TimeReader(batch.context.zone);
  }

  /**
   * Scans the value bytes[start, end) of a record.
   * @param shape filled with the object's variable parts, when they are to be learned
   * @returns whether the row holds what it says now
   */
  scan(start: number, end: number, shape: Shape | null): boolean {
    const { bytes } = this.#batch;
    this.#row.clear(this.#batch.view);
    this.#shape = shape;
    this.#seen = 0;
    let at = skipSpace(bytes, start, end);
    if (at >= end || bytes[at] !== 123) return false;
    do {
      at = skipSpace(bytes, at + 1, end);
      if (at >= end || bytes[at] !== 34) return false; // an empty object has no value: JSON.parse's too
      const key = at + 1;
      at = this.#stringEnd(bytes, key, end);
      if (at < 0) return false;
      const field = fieldOf(bytes, key, at);
      at = skipSpace(bytes, at + 1, end);
      if (at >= end || bytes[at] !== 58) return false;
      at = skipSpace(bytes, at + 1, end);
      if (at >= end) return false;
      at = field === UNKNOWN ? this.#unknown(bytes, at, end) : this.#known(field, bytes, at, end);
      if (at < 0) return false;
      at = skipSpace(bytes, at, end);
    } while (at < end && bytes[at] === 44);
    if (at >= end || bytes[at] !== 125 || (this.#seen & (1 << VALUE)) === 0) return false;
    return skipSpace(bytes, at + 1, end) === end;
  }

  /** From behind a quote to the closing one; -1 when there is none, or a control character or an escape before it. */
  #stringEnd(bytes: Uint8Array, start: number, end: number): number {
    const plain = PLAIN; // V8 looks an import up at every use
    let at = start;
    while (at < end && plain[bytes[at]] === 1) at++;
    this.#isWide = at < end && bytes[at] > 127;
    if (this.#isWide) while (at < end && (plain[bytes[at]] === 1 || bytes[at] > 127)) at++;
    return at < end && bytes[at] === 34 ? at : -1;
  }

  /** The value of an unknown key. @returns the position after it, or -1 */
  #unknown(bytes: Uint8Array, at: number, end: number): number {
    const after = skipValue(this.#numbers, bytes, at, end);
    const byte = bytes[at];
    // A text with escapes or beyond ASCII ("°C") becomes literal, as true, null and nested values do.
    if (byte === 34 && this.#stringEnd(bytes, at + 1, end) === after - 1 && !this.#isWide) {
      this.#shape?.add(UNKNOWN + TEXT, at + 1, after - 1);
    } else if (byte === 45 || (byte >= 48 && byte <= 57)) {
      this.#shape?.add(UNKNOWN, at, after);
    }
    return after;
  }

  /** The value of a field. @returns the position after it, or -1 */
  #known(field: number, bytes: Uint8Array, at: number, end: number): number {
    if ((this.#seen & (1 << field)) !== 0) return -1;
    this.#seen |= 1 << field;
    const byte = bytes[at];
    if (byte === 34) return this.#text(field, bytes, at + 1, end);
    if (byte === 110 && field !== VALUE) return skipValue(this.#numbers, bytes, at, end); // null: absent
    const after = this.#numbers.scan(bytes, at, end);
    if (after < 0 || !this.#numbers.isJson) return -1;
    if (field >= DEVICE && field <= ID) {
      if (!isPlainInteger(bytes, at, after) || !this.#name(field, at, after)) return -1;
      this.#shape?.add(field, at, after);
      return after;
    }
    this.#shape?.add(field, at, after);
    return this.#number(field, this.#numbers.value) ? after : -1;
  }

  #number(field: number, number: number): boolean {
    if (field === VALUE) {
      this.#row.value = number;
      return isValue(number, this.#numbers.isUnderflow);
    }
    if (field === SEQUENCE) {
      this.#row.sequence = number;
      return Number.isSafeInteger(number) && number >= 0;
    }
    const ms = epochMs(number);
    this.#row.hasTime = true;
    this.#row.timeMs = ms;
    return isEpochMs(number, ms);
  }

  #text(field: number, bytes: Uint8Array, start: number, end: number): number {
    const quote = this.#stringEnd(bytes, start, end);
    if (quote < 0) return -1;
    if (field === VALUE || field === SEQUENCE) {
      if (this.#isWide || !isPlain(bytes, start, quote, field === VALUE)) return -1;
      if (this.#numbers.scan(bytes, start, quote) !== quote || !this.#numbers.isJson) return -1;
      if (!this.#number(field, this.#numbers.value)) return -1;
    } else if (field === TIME) {
      // A text of digits is read as a number: by JSON.parse's path.
      if (this.#times.read(bytes, start, quote) !== TIME_READ) return -1;
      this.#row.hasTime = true;
      this.#row.timeMs = this.#times.startMs;
    } else {
      if (this.#isWide && !isWellFormedUtf8(bytes, start, quote)) return -1;
      if (!this.#name(field, start, quote)) return -1;
    }
    this.#shape?.add(field + TEXT + (this.#isWide ? WIDE : 0), start, quote);
    return quote + 1;
  }

  /** Takes bytes[start, end) as device, boot or id; false for other fields and lengths out of bounds. */
  #name(field: number, start: number, end: number): boolean {
    const row = this.#row;
    const length = end - start;
    if (field === ID) {
      if (length < 1 || length > ID_BYTES_MAX) return false;
      row.idText = this.#isWide ? this.#batch.text(start, end) : this.#batch.ascii(start, end);
      return true;
    }
    if (length > NAME_BYTES_MAX) return false;
    if (field === DEVICE) {
      row.deviceStart = start;
      row.deviceEnd = end;
      return true;
    }
    if (field !== BOOT) return false;
    row.bootStart = start;
    row.bootEnd = end;
    return true;
  }
}

/** Whether a payload's number may be its time: in the years 1 to 9999, and not looking like something else. */
function isEpochMs(number: number, ms: number): boolean {
  return ms >= TIME_MS_MIN && ms <= TIME_MS_MAX && lookalikeOf(number) === null;
}

/** Whether bytes[start, end) are digits, or what else a plain decimal consists of: then a number of JSON's grammar has no exponent. */
function isPlain(bytes: Uint8Array, start: number, end: number, isDecimal: boolean): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if ((byte < 48 || byte > 57) && !(isDecimal && (byte === 46 || byte === 45))) return false;
  }
  return true;
}

/** Whether a JSON number is an integer that `String()` prints as it stands. */
function isPlainInteger(bytes: Uint8Array, start: number, end: number): boolean {
  const digits = bytes[start] === 45 ? start + 1 : start;
  if (end - digits > PLAIN_DIGITS_MAX || (digits > start && bytes[digits] === 48)) return false;
  for (let at = digits; at < end; at++) if (bytes[at] < 48 || bytes[at] > 57) return false;
  return true;
}
