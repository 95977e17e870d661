/** Bare numbers: the whole record is one decimal text, as the simplest producers send it (docs/formats/payload.md). */
import { RECORD_BYTES_MAX, TIME_MS_MAX, TIME_MS_MIN } from "../core/limits.ts";
import type { RejectionCode } from "../core/rejections.ts";
import type { Batch, Format, FormatDecoder } from "./format.ts";
import { NumberScanner, valueFault } from "./numbers.ts";

/** Texts that mean no finite number, as JavaScript, Python and C print them. */
const NOT_FINITE = ["NaN", "nan", "Infinity", "-Infinity", "inf"];

/** Whole numbers of up to so many digits take the short way. */
const SHORT_DIGITS = 4;

/** So far below zero that no four digits after it lead back. */
const NO_NUMBER = -1_000_000;

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

  begin(): void {}

  decode(first: number): number {
    this.#one(first);
    const { bytes, records, readings } = this.#batch;
    const { valueStart, valueEnd, keyStart, timestamp, count } = records;
    const { value, device } = readings;
    let row = first + 1;
    for (; row < count; row++) {
      const start = valueStart[row];
      const end = valueEnd[row];
      // Runs of short whole numbers are what the simplest sensors send: no call, no check of a magnitude they cannot have.
      let number = start < 0 || start >= end ? NO_NUMBER : bytes[start] - 48;
      if (number >= 0 && number <= 9 && end - start <= SHORT_DIGITS) {
        for (let at = start + 1; at < end; at++) {
          const digit = bytes[at] - 48;
          number = digit >= 0 && digit <= 9 ? number * 10 + digit : NO_NUMBER;
        }
        const time = timestamp[row];
        if (number >= 0 && time >= TIME_MS_MIN && time <= TIME_MS_MAX) {
          value[row] = number;
          device[row] = keyStart[row] < 0 ? this.#batch.namelessDevice() : this.#batch.keyDevice(row);
          continue;
        }
      }
      if (start < 0 || start >= end || end - start > RECORD_BYTES_MAX || !isFirstByte(bytes[start])) break;
      this.#one(row);
    }
    return row;
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
