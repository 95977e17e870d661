/** Bare numbers: the whole record is one decimal text, as the simplest producers send it (docs/formats/payload.md). */
import { RECORD_BYTES_MAX, TIME_MS_MAX, TIME_MS_MIN } from "../core/limits.ts";
import type { RejectionCode } from "../core/rejections.ts";
import type { Batch, Format, FormatDecoder } from "./format.ts";
import { Lines } from "./lines.ts";
import {
  isNumericText,
  isPlainDecimal,
  isUnderflowText,
  NumberScanner,
  SHORT_BYTES_MAX,
  shortDecimal,
  valueFault,
} from "./numbers.ts";
import { trimmedEnd, trimmedStart } from "./trim.ts";

/** Infinities and NaN as JavaScript, Python and C print them. */
const NOT_FINITE = ["NaN", "nan", "Infinity", "-Infinity", "inf"];

/** Rows of one call of the fast path: V8 compiles what is called often sooner than what runs for long. */
const RUN_ROWS_MAX = 512;

/** Local copies of the bounds: V8 looks an import up at every use. */
const timeMsMin = TIME_MS_MIN;
const timeMsMax = TIME_MS_MAX;

/** The format of bare numbers; it claims what no other format does. */
export const bareNumber: Format = {
  name: "bare number",
  firstBytes: null,
  create: (batch) => new BareNumberDecoder(batch),
};

class BareNumberDecoder implements FormatDecoder {
  readonly #batch: Batch;
  readonly #value: BareValue;

  constructor(batch: Batch) {
    this.#batch = batch;
    this.#value = new BareValue(batch);
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
    const { readings, rejected } = this.#batch;
    if (first === 0 && row === count && records.keyless && rejected === 0 && readings.origins === null) {
      readings.uniform = true;
    }
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

  /** Any record. */
  #one(record: number): void {
    const { bytes, records } = this.#batch;
    const start = trimmedStart(bytes, records.valueStart[record], records.valueEnd[record]);
    const end = trimmedEnd(bytes, start, records.valueEnd[record]);
    if (this.#value.faultOf(start, end) !== "not-a-number" || !this.#lines(record, start, end)) {
      this.#value.decode(record, start, end);
    }
  }

  /** Several lines are as many readings if all of them are numbers. @returns false when they are not */
  #lines(record: number, start: number, end: number): boolean {
    const batch = this.#batch;
    let count = 0;
    for (const lines = new Lines(batch.bytes, start, end); lines.next(); count++) {
      if (this.#value.faultOf(lines.start, lines.end) === "not-a-number") return false;
    }
    if (count < 2) return false;
    let row = record;
    for (const lines = new Lines(batch.bytes, start, end); lines.next(); row = -1) {
      if (row < 0) row = batch.addRow(record);
      batch.setBytes(row, lines.start, lines.end);
      this.#value.decode(row, lines.start, lines.end);
    }
    return true;
  }
}

/** One bare value, however it is written: for this format, and for lines between JSON objects. */
export class BareValue {
  readonly #batch: Batch;
  readonly #numbers = new NumberScanner();
  /** The value of the last text in which `faultOf` found no fault. */
  #value = 0.5;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** Fills a row with the value bytes[start, end), which have nothing around them, or refuses it. */
  decode(row: number, start: number, end: number): void {
    const batch = this.#batch;
    const record = batch.recordOf(row);
    const fault = this.faultOf(start, end) ?? timeFault(batch.records.timestamp[record]);
    if (fault === null) {
      batch.readings.value[row] = this.#value;
      batch.readings.device[row] = batch.keyDevice(record);
    } else {
      batch.reject(row, fault);
    }
  }

  /** Why bytes[start, end) are no value; null when they are. */
  faultOf(start: number, end: number): RejectionCode | null {
    if (this.#numbers.scan(this.#batch.bytes, start, end) === end) {
      this.#value = this.#numbers.value;
      return valueFault(this.#value, this.#numbers.isUnderflow);
    }
    const text = this.#batch.text(start, end);
    if (NOT_FINITE.includes(text)) return "not-finite";
    const quoted = text.startsWith('"') ? parseText(text) : "";
    if (!isNumericText(quoted)) return "not-a-number";
    if (!isPlainDecimal(quoted)) return "numeric-string";
    this.#value = Number(quoted) + 0; // no -0
    return valueFault(this.#value, isUnderflowText(quoted));
  }
}

/** Event times outside the years 1 to 9999 do not fit the history, whether they are the payload's or the record's. */
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

/** Digits, sign or point: a row that begins with one is of no other format. */
function isFirstByte(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || byte === 45 || byte === 43 || byte === 46;
}
