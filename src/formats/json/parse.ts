/** JSON objects by way of JSON.parse: defines what a payload means. Slow and complete; the fast paths fall back to it. */
import { ID_BYTES_MAX, NAME_BYTES_MAX, TIME_MS_MAX, TIME_MS_MIN } from "../../core/limits.ts";
import type { RejectionCode } from "../../core/rejections.ts";
import {
  epochMs,
  isDigits,
  lookalikeOf,
  lookalikeOfText,
  readText,
  TIME_OUT_OF_RANGE,
  TIME_READ,
  TimeReader,
} from "../../core/time.ts";
import type { Batch } from "../format.ts";
import { isNumericText, isPlainDecimal, isUnderflowText, NumberScanner, valueFault } from "../numbers.ts";
import type { UnreadKeyCount } from "../unread-keys.ts";
import { lookalikesOf } from "./lookalikes.ts";
import type { JsonRow } from "./row.ts";
import { isJsonSpace } from "./skip.ts";

/** Decodes one row at a time; reused. */
export class JsonParser {
  readonly #batch: Batch;
  readonly #row: JsonRow;
  readonly #times: TimeReader;
  readonly #numbers = new NumberScanner();
  /** Room for a device's name, and behind it a boot's. */
  readonly #nameBytes = Buffer.alloc(2 * NAME_BYTES_MAX);
  readonly #names = new DataView(this.#nameBytes.buffer, this.#nameBytes.byteOffset, this.#nameBytes.length);

  constructor(batch: Batch, row: JsonRow) {
    this.#batch = batch;
    this.#row = row;
    this.#times = new TimeReader(batch.context.zone);
  }

  /** Decodes the object bytes[start, end) into `row`: columns or a rejection. @returns false when they are no object */
  decode(row: number, start: number, end: number): boolean {
    const fields = parseObject(this.#batch.text(start, end));
    if (fields === null) return false;
    this.#unreadOf(fields, 1);
    const fault = this.#read(fields, row, start, end);
    if (fault === null) this.#row.write(this.#batch, row);
    else this.#batch.reject(row, fault);
    return true;
  }

  /** The keys that are not read but look like a field that the object bytes[start, end) has not, counted. @param objects how many have them */
  unreadKeys(start: number, end: number, objects: number): UnreadKeyCount[] {
    if (this.#batch.context.unreadKeys === undefined) return [];
    return this.#unreadOf(parseObject(this.#batch.text(start, end)) ?? {}, objects);
  }

  #unreadOf(fields: Record<string, unknown>, objects: number): UnreadKeyCount[] {
    const { unreadKeys } = this.#batch.context;
    if (unreadKeys === undefined) return [];
    const found: UnreadKeyCount[] = [];
    for (const [name, { key, meant }] of lookalikesOf(fields)) {
      const entry = unreadKeys.entry(name, key, meant);
      entry.count += objects;
      found.push(entry);
    }
    return found;
  }

  #read(fields: Record<string, unknown>, row: number, start: number, end: number): RejectionCode | null {
    this.#row.clear(this.#names);
    return (
      this.#value(fields["value"], start, end) ??
      this.#time(fields["time"] ?? fields["ts"] ?? null) ??
      (this.#row.isInTime(this.#batch, row) ? null : "time-out-of-range") ??
      this.#device(fields["device"] ?? null) ??
      this.#boot(fields["boot"] ?? null) ??
      this.#id(fields["id"] ?? null) ??
      this.#sequence(fields["sequence"] ?? fields["seq"] ?? null)
    );
  }

  #value(value: unknown, start: number, end: number): RejectionCode | null {
    if (value === undefined || value === null) return "value-missing";
    if (typeof value === "string") return this.#valueText(value);
    if (typeof value !== "number") return "not-a-number";
    this.#row.value = value + 0; // no -0
    // Only the text tells 0 from a number too small for a double.
    return valueFault(value, value === 0 && this.#isUnderflow(start, end));
  }

  #valueText(text: string): RejectionCode | null {
    if (!isPlainDecimal(text)) return isNumericText(text) ? "numeric-string" : "not-a-number";
    this.#row.value = Number(text) + 0; // no -0
    return valueFault(this.#row.value, isUnderflowText(text));
  }

  #isUnderflow(start: number, end: number): boolean {
    const { bytes } = this.#batch;
    const at = lastValueStart(this.#batch, start, end);
    return this.#numbers.scan(bytes, at, end) > 0 && this.#numbers.isUnderflow;
  }

  #time(time: unknown): RejectionCode | null {
    if (time === null) return null;
    if (typeof time === "number") return this.#epoch(time);
    if (typeof time !== "string") return "time-unreadable";
    if (isDigits(time)) return this.#epoch(Number(time));
    const problem = readText(this.#times, time);
    if (problem !== TIME_READ) {
      const lookalike = lookalikeOfText(time);
      if (lookalike !== null) return `time-looks-like-${lookalike}`;
      return problem === TIME_OUT_OF_RANGE ? "time-out-of-range" : "time-unreadable";
    }
    this.#row.hasTime = true;
    this.#row.timeMs = this.#times.startMs;
    return null;
  }

  #epoch(number: number): RejectionCode | null {
    const lookalike = lookalikeOf(number);
    if (lookalike !== null) return `time-looks-like-${lookalike}`;
    const ms = epochMs(number);
    if (!(ms >= TIME_MS_MIN && ms <= TIME_MS_MAX)) return "time-out-of-range";
    this.#row.hasTime = true;
    this.#row.timeMs = ms;
    return null;
  }

  #device(device: unknown): RejectionCode | null {
    if (device === null) return null;
    const length = this.#putName(device, 0);
    if (length < 0) return "device-invalid";
    this.#row.deviceStart = 0;
    this.#row.deviceEnd = length;
    return null;
  }

  #boot(boot: unknown): RejectionCode | null {
    if (boot === null) return null;
    const length = this.#putName(boot, NAME_BYTES_MAX);
    if (length < 0) return "boot-invalid";
    this.#row.bootStart = NAME_BYTES_MAX;
    this.#row.bootEnd = NAME_BYTES_MAX + length;
    return null;
  }

  /** Writes a name's UTF-8 to `#nameBytes` at `start`. @returns its length, or -1 when it is no name */
  #putName(name: unknown, start: number): number {
    const text = textOf(name);
    if (text === null || text.length > NAME_BYTES_MAX) return -1;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return this.#putWideName(text, start);
      this.#nameBytes[start + i] = code;
    }
    return text.length;
  }

  #putWideName(text: string, start: number): number {
    const length = Buffer.byteLength(text);
    if (length <= NAME_BYTES_MAX) this.#nameBytes.write(text, start);
    return length <= NAME_BYTES_MAX ? length : -1;
  }

  #id(id: unknown): RejectionCode | null {
    if (id === null) return null;
    const text = textOf(id);
    if (text === null || text === "" || Buffer.byteLength(text) > ID_BYTES_MAX) return "id-invalid";
    this.#row.idText = text;
    return null;
  }

  #sequence(field: unknown): RejectionCode | null {
    if (field === null) return null;
    const sequence = typeof field === "string" && /^(?:0|[1-9]\d*)$/.test(field) ? Number(field) : field;
    if (typeof sequence !== "number" || !Number.isSafeInteger(sequence) || sequence < 0) return "sequence-invalid";
    this.#row.sequence = sequence + 0; // no -0
    return null;
  }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) && !Array.isArray(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A text, or an integer as JavaScript prints it; null for anything else: past 2^53 different numbers would become one name. */
function textOf(name: unknown): string | null {
  if (typeof name === "string") return name;
  return Number.isSafeInteger(name) ? String(name) : null;
}

/** Where the value of the last top-level "value" begins, in bytes that JSON.parse took for an object that has one. */
function lastValueStart(batch: Batch, start: number, end: number): number {
  const { bytes } = batch;
  let depth = 0;
  let found = start;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 123 || byte === 91) depth++;
    else if (byte === 125 || byte === 93) depth--;
    else if (byte === 34) {
      const from = at++;
      while (bytes[at] !== 34) at += bytes[at] === 92 ? 2 : 1;
      if (depth !== 1) continue;
      let next = at + 1;
      while (isJsonSpace(bytes[next])) next++;
      if (bytes[next] !== 58 || JSON.parse(batch.text(from, at + 1)) !== "value") continue;
      at = next;
      while (isJsonSpace(bytes[at + 1])) at++;
      found = at + 1;
    }
  }
  return found;
}
