/** Bare numbers: the whole record is one decimal text, as the simplest producers send it (docs/formats/payload.md). */
import { RECORD_BYTES_MAX, TIME_MS_MAX, TIME_MS_MIN } from "../core/limits.ts";
import type { RejectionCode } from "../core/rejections.ts";
import type { Batch, Format, FormatDecoder } from "./format.ts";
import { NumberScanner, SHORT_BYTES_MAX, shortDecimal, valueFault } from "./numbers.ts";

/** Texts that mean no finite number, as JavaScript, Python and C print them. */
const NOT_FINITE = ["NaN", "nan", "Infinity", "-Infinity", "inf"];

/** Rows of one call of the short way: V8 compiles what is called often sooner than what runs for long. */
const RUN_ROWS_MAX = 512;

/** The same bounds as constants of this file: an import is looked up anew at every use. */
const timeMsMin = TIME_MS_MIN;
const timeMsMax = TIME_MS_MAX;

export const bareNumber: Format = {
  name: "bare number",
  firstBytes: null,
  create: (batch) => new BareNumberDecoder(batch),
};

/** True for ASCII white space: tab, LF, VT, FF, CR, space. */
export function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

class BareNumberDecoder implements FormatDecoder {
  readonly #batch: Batch;
  readonly #numbers = new NumberScanner();

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  decode(first: number): number {
    this.#one(first);
    const { records, bytes } = this.#batch;
    const { valueStart, valueEnd, count } = records;
    let row = first + 1;
    while (row < count) {
      const next = this.#short(row);
      if (next === row) {
        const start = valueStart[row];
        const end = valueEnd[row];
        if (start < 0 || start >= end || end - start > RECORD_BYTES_MAX || !isFirstByte(bytes[start])) break;
        this.#one(row++);
      } else {
        row = next;
      }
    }
    if (first === 0 && row === count && records.keyless && this.#batch.refused === 0)
      this.#batch.readings.uniform = true;
    return row;
  }

  /** Rows of a few digits, with or without a point, which is what the simplest sensors send. @returns the first row that is something else */
  #short(first: number): number {
    const batch = this.#batch;
    // One tight loop after the other: calls in a loop cost more than going over the rows again.
    const limit = Math.min(batch.records.count, first + RUN_ROWS_MAX);
    const stop = this.#decimals(this.#integers(first, limit), limit);
    const { timestamp } = batch.records;
    let row = first;
    while (row < stop && timestamp[row] >= timeMsMin && timestamp[row] <= timeMsMax) row++;
    if (row > first) this.#devices(first, row);
    return row;
  }

  #devices(first: number, stop: number): void {
    const batch = this.#batch;
    const { device } = batch.readings;
    if (batch.records.keyless) device.fill(batch.namelessDevice(), first, stop);
    else for (let row = first; row < stop; row++) device[row] = batch.keyDevice(row);
  }

  /** Values of one to four digits: checked and summed up in one word, without a loop or a branch that depends on them. */
  #integers(first: number, limit: number): number {
    const { view, records, readings } = this.#batch;
    const { valueStart, valueEnd } = records;
    const { value } = readings;
    const last = view.byteLength - 4;
    for (let row = first; row < limit; row++) {
      const start = valueStart[row];
      const length = valueEnd[row] - start;
      if (start < 0 || start > last || length < 1 || length > 4) return row;
      // Digits as 0 to 9, moved to the end of the word: zeros come before them, whatever follows the value is gone.
      const digits = (view.getInt32(start, true) ^ 0x30303030) << (32 - 8 * length);
      if ((((digits + 0x76767676) | digits) & 0x80808080) !== 0) return row;
      const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff;
      value[row] = (pairs & 0xff) * 100 + (pairs >>> 16);
    }
    return limit;
  }

  /** Values that `shortDecimal` takes. */
  #decimals(first: number, limit: number): number {
    const { bytes, records, readings } = this.#batch;
    const { valueStart, valueEnd } = records;
    const { value } = readings;
    for (let row = first; row < limit; row++) {
      const start = valueStart[row];
      const end = valueEnd[row];
      if (start < 0 || start >= end || end - start > SHORT_BYTES_MAX) return row;
      const decimal = shortDecimal(bytes, start, end);
      if (Number.isNaN(decimal)) return row;
      value[row] = decimal;
    }
    return limit;
  }

  /** Any row. */
  #one(row: number): void {
    const { bytes, records, readings } = this.#batch;
    let start = records.valueStart[row];
    let end = records.valueEnd[row];
    while (start < end && isSpace(bytes[start])) start++;
    while (end > start && isSpace(bytes[end - 1])) end--;
    const fault = this.#fault(start, end) ?? timeFault(records.timestamp[row]);
    if (fault === null) {
      readings.value[row] = this.#numbers.value;
      readings.device[row] = this.#batch.keyDevice(row);
    } else {
      this.#batch.refuse(row, fault);
    }
  }

  /** Scans bytes[start, end) and says why they are no value. */
  #fault(start: number, end: number): RejectionCode | null {
    if (this.#numbers.scan(this.#batch.bytes, start, end) === end) {
      return valueFault(this.#numbers.value, this.#numbers.isUnderflow);
    }
    const text = this.#batch.text(start, end);
    if (NOT_FINITE.includes(text)) return "not-finite";
    return text.startsWith('"') && isNumericText(parseText(text)) ? "numeric-string" : "not-a-number";
  }
}

/** Event times outside the years 1 to 9999 have no place in the history, whoever claims them. */
function timeFault(timestamp: number): RejectionCode | null {
  return timestamp >= TIME_MS_MIN && timestamp <= TIME_MS_MAX ? null : "time-out-of-range";
}

/** The text that a JSON string holds, or "" when it is none. */
function parseText(json: string): string {
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === "string" ? parsed : "";
  } catch {
    return "";
  }
}

/** Whether a text is a number by the grammar of bare values, without white space. */
export function isNumericText(text: string): boolean {
  if (!/^[-+.0-9eE]+$/.test(text)) return false;
  const bytes = Buffer.from(text, "latin1");
  return new NumberScanner().scan(bytes, 0, bytes.length) === bytes.length;
}

/** Digits, sign or point: a row that begins so is nobody else's. */
function isFirstByte(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || byte === 45 || byte === 43 || byte === 46;
}
