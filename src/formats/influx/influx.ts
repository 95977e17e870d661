/**
 * InfluxDB's line protocol: a record holds a header (header.ts) and lines, each of which makes a reading of every field that is a number.
 * https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/; docs/formats/line-protocol.md has what is read how.
 */
import { TIME_MS_MAX, TIME_MS_MIN } from "../../core/limits.ts";
import { Names } from "../../core/names.ts";
import { IDENTITY_SEQUENCE } from "../../core/readings.ts";
import { ACCEPTED, type RejectionCode, rejectionAt, rejectionIndex } from "../../core/rejections.ts";
import type { Batch, Format, FormatDecoder } from "../format.ts";
import { NumberScanner, valueFault } from "../numbers.ts";
import { trimmedStart } from "../trim.ts";
import { type LineHeader, readHeader } from "./header.ts";
import { behindText, InfluxLines, isBlank } from "./lines.ts";
import { type FieldPlan, SeriesPlan } from "./series-plan.ts";

const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const COMMA = 44;
const MINUS = 45;
const EQUALS = 61;
const BACKSLASH = 92;

/** Plans of series in memory, about, bytes: 10,000 series of a few fields. Past it all are forgotten and made again. */
const PLANS_BYTES_MAX = 16_777_216;

/** Measurement and tags of more than this are worked out anew each time: they are no names. */
const PREFIX_BYTES_MAX = 2048;

/** Digits of a time: those of 64 bits. */
const TIME_DIGITS_MAX = 19;

const NS_PER_MS = 1_000_000;

const BOOLEANS: readonly string[] = ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"];
const NOT_FINITE = /^[-+]?(?:nan|inf|infinity)$/i;

/** The format. */
export const influx: Format = {
  name: "line protocol",
  firstBytes: [HASH],
  create: (batch) => new InfluxDecoder(batch),
};

class InfluxDecoder implements FormatDecoder {
  readonly #batch: Batch;
  readonly #numbers = new NumberScanner();
  #headerText = "";
  #header: LineHeader | null = null;
  /** Measurements with tags, by the bytes in which they came; their slots are those of `#plans`. */
  readonly #prefixes = new Names();
  #plans: (SeriesPlan | null)[] = [];
  #plansBytes = 0;
  #record = -1;
  /** Counts records and lines, so that what was looked up for another one is told from this one's. */
  #recordCount = 0;
  #lineCount = 0;
  /** Values of the present record that are no numbers and are not meant to be readings. */
  #passedOver = 0;
  /** Whether the record's own row is taken. */
  #hasRow = false;
  /** Of the present line: how many values it has, of which fields they are, and the rejection of each. */
  #count = 0;
  readonly #fields: FieldPlan[] = [];
  #values = new Float64Array(64);
  #faults = new Uint8Array(64);
  #timeMs = 0;
  #restNs = 0;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  decode(record: number): number {
    const batch = this.#batch;
    const { bytes, records } = batch;
    const end = records.valueEnd[record];
    const start = trimmedStart(bytes, records.valueStart[record], end);
    const newline = bytes.subarray(0, end).indexOf(NEWLINE, start);
    const headerEnd = newline < 0 ? end : newline;
    if (!this.#takeHeader(batch.ascii(start, headerEnd))) {
      batch.reject(record, "not-a-number");
      return record + 1;
    }
    this.#record = record;
    this.#recordCount++;
    this.#hasRow = false;
    this.#passedOver = 0;
    for (const lines = new InfluxLines(bytes, headerEnd, end); lines.next(); ) this.#line(lines.start, lines.end);
    if (!this.#hasRow) batch.passOver(record);
    const { unreadKeys } = batch.context;
    if (unreadKeys !== undefined) unreadKeys.passedOver += this.#passedOver;
    return record + 1;
  }

  #takeHeader(text: string): boolean {
    if (text === this.#headerText) return this.#header !== null;
    this.#forget();
    this.#headerText = text;
    this.#header = readHeader(text);
    return this.#header !== null;
  }

  #forget(): void {
    this.#prefixes.clear();
    this.#plans = [];
    this.#plansBytes = 0;
  }

  #line(start: number, end: number): void {
    const { bytes } = this.#batch;
    let at = start;
    for (; at < end && bytes[at] !== SPACE; at++) if (bytes[at] === BACKSLASH) at++;
    const plan = at >= end ? null : this.#plan(start, at);
    if (plan === null) {
      this.#reject("line-unreadable", start, end);
      return;
    }
    this.#lineCount++;
    this.#count = 0;
    const passedOver = this.#passedOver;
    at = this.#takeFields(plan, skipBlanks(bytes, at, end), end);
    const fault = at < 0 ? "line-unreadable" : at < end ? this.#takeTime(skipBlanks(bytes, at, end), end) : null;
    if (fault === null) this.#addRows(plan, start, end, at < end);
    else {
      this.#passedOver = passedOver;
      this.#reject(fault, start, end);
    }
  }

  #plan(start: number, end: number): SeriesPlan | null {
    const batch = this.#batch;
    if (this.#header === null) return null;
    if (end - start > PREFIX_BYTES_MAX) return SeriesPlan.of(this.#header, batch.ascii(start, end));
    const slot = this.#prefixes.internFrom(0, batch.view, start, end);
    const known = this.#plans[slot];
    if (known !== undefined) return known;
    if (this.#plansBytes > PLANS_BYTES_MAX) {
      this.#forget();
      return this.#plan(start, end);
    }
    const plan = SeriesPlan.of(this.#header, batch.ascii(start, end));
    this.#plans[slot] = plan;
    this.#plansBytes += plan?.bytes ?? end - start;
    return plan;
  }

  /** Takes the fields of a line. @returns the position behind them; -1 when they cannot be read */
  #takeFields(plan: SeriesPlan, start: number, end: number): number {
    const { bytes } = this.#batch;
    let at = start;
    for (let index = 0; ; index++) {
      let field = index < plan.fields.length ? plan.fields[index] : null;
      if (field !== null && isAt(bytes, at, end, field.key)) at += field.key.length;
      else {
        const from = at;
        for (; at < end && bytes[at] !== EQUALS; at++) {
          if (bytes[at] === SPACE || bytes[at] === COMMA) return -1;
          if (bytes[at] === BACKSLASH) at++;
        }
        if (at >= end || at === from) return -1;
        field = this.#field(plan, from, at);
      }
      at = this.#takeValue(field, at + 1, end);
      if (at < 0 || at === end || bytes[at] === SPACE) return at;
      if (bytes[at] !== COMMA) return -1;
      at++;
    }
  }

  #field(plan: SeriesPlan, start: number, end: number): FieldPlan {
    const before = plan.fields.length;
    const key = this.#batch.ascii(start, end);
    const field = plan.field(key);
    if (plan.fields.length > before) this.#plansBytes += SeriesPlan.fieldBytes(key);
    return field;
  }

  /** @returns the position behind the value; -1 when there is none */
  #takeValue(field: FieldPlan, start: number, end: number): number {
    const batch = this.#batch;
    const { bytes } = batch;
    if (bytes[start] === QUOTE && start < end) {
      this.#passedOver++;
      return behindText(bytes, start, end);
    }
    const numbers = this.#numbers;
    let at = numbers.scan(bytes, start, end);
    if (at >= 0 && at < end) {
      const suffix = bytes[at];
      if (suffix === 105 || (suffix === 117 && bytes[start] !== MINUS)) {
        if (isInteger(bytes, start, at)) at++;
      }
    }
    if (at >= 0 && (at === end || bytes[at] === COMMA || bytes[at] === SPACE)) {
      const fault = valueFault(numbers.value, numbers.isUnderflow);
      this.#keep(field, numbers.value, fault === null ? ACCEPTED : rejectionIndex(fault));
      return at;
    }
    at = start;
    while (at < end && bytes[at] !== COMMA && bytes[at] !== SPACE) at++;
    if (at === start) return -1;
    const text = batch.ascii(start, at);
    if (BOOLEANS.includes(text)) this.#passedOver++;
    else this.#keep(field, 0, rejectionIndex(NOT_FINITE.test(text) ? "not-finite" : "not-a-number"));
    return at;
  }

  /** Of a field that a line has twice the last value counts. */
  #keep(field: FieldPlan, value: number, fault: number): void {
    if (field.lineSeen !== this.#lineCount) {
      field.lineSeen = this.#lineCount;
      field.place = this.#count++;
      this.#fields[field.place] = field;
      if (field.place >= this.#values.length) this.#widen();
    }
    this.#values[field.place] = value;
    this.#faults[field.place] = fault;
  }

  #widen(): void {
    const values = new Float64Array(2 * this.#values.length);
    const faults = new Uint8Array(values.length);
    values.set(this.#values);
    faults.set(this.#faults);
    this.#values = values;
    this.#faults = faults;
  }

  /** Takes the time that bytes[start, end) are, in the unit of the header. @returns why they are none */
  #takeTime(start: number, end: number): RejectionCode | null {
    const { bytes } = this.#batch;
    const isNegative = bytes[start] === MINUS;
    const first = isNegative ? start + 1 : start;
    const unitNs = this.#header?.unitNs ?? 1;
    // Units below a millisecond: the last digits are the rest, so that all before them is a small integer.
    const restDigits = unitNs === 1 ? 6 : unitNs === 1000 ? 3 : 0;
    const restFrom = Math.max(first, end - restDigits);
    let whole = 0;
    let rest = 0;
    for (let at = first; at < end; at++) {
      const digit = bytes[at] - 48;
      if (digit < 0 || digit > 9) return "time-unreadable";
      if (at < restFrom) whole = whole * 10 + digit;
      else rest = rest * 10 + digit;
    }
    if (first === end) return "time-unreadable";
    if (end - first > TIME_DIGITS_MAX) return "time-out-of-range";
    let ms = restDigits > 0 ? whole : whole * (unitNs / NS_PER_MS);
    let restNs = rest * (restDigits > 0 ? unitNs : 0);
    if (isNegative) {
      ms = restNs > 0 ? -ms - 1 : 0 - ms;
      restNs = restNs > 0 ? NS_PER_MS - restNs : 0;
    }
    if (ms < TIME_MS_MIN || ms > TIME_MS_MAX) return "time-out-of-range";
    this.#timeMs = ms;
    this.#restNs = restNs;
    return null;
  }

  /** Makes the rows of the line bytes[start, end). */
  #addRows(plan: SeriesPlan, start: number, end: number, hasTime: boolean): void {
    const batch = this.#batch;
    const fields = this.#fields;
    const timestamp = batch.records.timestamp[this.#record];
    const isTimely = hasTime || (timestamp >= TIME_MS_MIN && timestamp <= TIME_MS_MAX);
    for (let i = 0; i < this.#count; i++) {
      const field = fields[i];
      if (field.recordSeen !== this.#recordCount) {
        field.recordSeen = this.#recordCount;
        field.series = batch.context.seriesOf(field.sensor);
        field.device = -1;
      }
      if (field.series < 0) {
        this.#reject("sensor-unknown", start, end);
        continue;
      }
      if (this.#faults[i] !== ACCEPTED || !isTimely) {
        const row = this.#reject(isTimely ? rejectionAt(this.#faults[i]).code : "time-out-of-range", start, end);
        batch.setSeries(row, field.series);
        continue;
      }
      if (field.device < 0) {
        field.device = batch.context.devices.internFrom(field.series, plan.deviceName, 0, plan.deviceName.byteLength);
      }
      const row = this.#row();
      batch.setSeries(row, field.series);
      const { readings } = batch;
      readings.value[row] = this.#values[i];
      readings.device[row] = field.device;
      if (!hasTime) continue;
      readings.time[row] = this.#timeMs;
      readings.ownTime[row] = 1;
      readings.identity[row] = IDENTITY_SEQUENCE;
      readings.sequence[row] = field.sequence + this.#restNs;
    }
  }

  /** The record's own row, then further ones. */
  #row(): number {
    if (this.#hasRow) return this.#batch.addRow(this.#record);
    this.#hasRow = true;
    return this.#record;
  }

  /** Rejects the line bytes[start, end), or one field of it. @returns the row */
  #reject(code: RejectionCode, start: number, end: number): number {
    const row = this.#row();
    this.#batch.reject(row, code);
    this.#batch.setBytes(row, start, end);
    return row;
  }
}

/** Whether bytes from `at` on are a field's name and `=`. */
function isAt(bytes: Uint8Array, at: number, end: number, key: Uint8Array): boolean {
  const { length } = key;
  if (at + length >= end || bytes[at + length] !== EQUALS) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== key[i]) return false;
  return true;
}

function isInteger(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = bytes[start] === MINUS ? start + 1 : start; at < end; at++) {
    if (bytes[at] < 48 || bytes[at] > 57) return false;
  }
  return true;
}

function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(bytes[at])) at++;
  return at;
}
