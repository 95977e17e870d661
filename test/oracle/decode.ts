/**
 * What a record says, by the book: the oracle's own decoder of payloads, `JSON.parse` and `Number` under the documented grammar.
 * Part of test/oracle, which imports nothing from src/.
 */
import { createHash } from "node:crypto";
import { parseIso, TIME_MAX, TIME_MIN } from "./local-time.ts";

const RECORD_BYTES_MAX = 1_048_576;
const NAME_BYTES_MAX = 256;
const ID_BYTES_MAX = 1024;

/** A number as producers print it: JSON's, and a leading `+`, leading zeros, `.5`, `5.`. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_FINITE = new Set(["NaN", "nan", "Infinity", "-Infinity", "inf"]);

/** A payload that was read. Names are bytes as Latin-1 text, one character a byte, so that equal means equal bytes. */
export interface Decoded {
  readonly value: number;
  /** The payload's own time, whole ms; null when it has none. */
  readonly time: number | null;
  readonly device: string | null;
  readonly boot: string | null;
  readonly id: string | null;
  readonly sequence: number | null;
}

/** A refusal's code, or what was read. */
export type Outcome = { readonly code: string } | Decoded;

export function refused(outcome: Outcome): outcome is { readonly code: string } {
  return "code" in outcome;
}

/** Reads one record's value: what each of its readings says, or is refused as; one at least. `zone` is for times without one. */
export function decodeRecord(bytes: Uint8Array | null, zone: string): Outcome[] {
  if (bytes === null) return [{ code: "empty" }];
  if (bytes.length > RECORD_BYTES_MAX) return [{ code: "record-too-large" }];
  const text = strip(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
  if (text === "") return [{ code: "empty" }];
  if (!"{[".includes(text[0])) {
    const one = decodeBare(text);
    if (!isNoNumber(one)) return [one];
    const lines = cutLines(text);
    const each = lines.map(decodeBare);
    return lines.length > 1 && !each.some(isNoNumber) ? each : [one];
  }
  if (isObject(parseJson(text))) return [decodeObject(text, zone)];
  return cutLines(text).flatMap((line) => ("{[".includes(line[0]) ? decodeLine(line, zone) : [decodeBare(line)]));
}

function isNoNumber(outcome: Outcome): boolean {
  return refused(outcome) && outcome.code === "not-a-number";
}

/** Without white space and byte order marks before it, and white space and NUL behind it. */
function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && " \t\n\r\v\f\ufeff".includes(text[start])) start++;
  while (end > start && " \t\n\r\v\f\0".includes(text[end - 1])) end--;
  return text.slice(start, end);
}

/**
 * What of a text of several lines is read by itself. A line that opens a bracket has all with it up to the line that closes it. Where none
 * does: the first line has all with it, and after another one only lines that are brackets from end to end stand by themselves.
 */
function cutLines(text: string): string[] {
  const units: string[] = [];
  let rest = text.split("\n").filter((line) => strip(line) !== "");
  let isBroken = false;
  while (rest.length > 0) {
    let count = 1;
    if (!isBroken && openIn(rest[0]) > 0) {
      let open = openIn(rest[0]);
      while (open > 0 && count < rest.length) open += openIn(rest[count++]);
      if (open > 0 && units.length > 0) [isBroken, count] = [true, 1];
    }
    if (isBroken && !isWhole(rest[0])) while (count < rest.length && !isWhole(rest[count])) count++;
    units.push(strip(rest.slice(0, count).join("\n")));
    rest = rest.slice(count);
  }
  return units;
}

function isWhole(line: string): boolean {
  return "{[".includes(strip(line)[0]) && openIn(line) === 0;
}

/** How many brackets a line opens and does not close. */
export function openIn(line: string): number {
  return depths(line).at(-1) ?? 0;
}

/** How many brackets are open behind each character; in texts brackets are none. */
function depths(text: string): number[] {
  const found: number[] = [];
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  for (const char of text.split("")) {
    if (isText) {
      if (!isEscaped && char === '"') isText = false;
      isEscaped = !isEscaped && char === "\\";
    } else if (char === '"') isText = true;
    else if ("{[".includes(char)) depth++;
    else if ("}]".includes(char)) depth--;
    found.push(depth);
  }
  return found;
}

/** Objects and lists of objects with nothing but white space between. */
function decodeLine(line: string, zone: string): Outcome[] {
  const outcomes: Outcome[] = [];
  for (let rest = line; rest !== ""; rest = rest.replace(/^[ \t\n\r]+/, "")) {
    const close = "{[".includes(rest[0]) ? depths(rest).indexOf(0) : -1;
    if (close < 0) return [{ code: "unreadable" }];
    const part = rest.slice(0, close + 1);
    const decoded = part.startsWith("{") ? [decodeObject(part, zone)] : decodeList(part, zone);
    if (decoded === null) return [{ code: "unreadable" }];
    outcomes.push(...decoded);
    rest = rest.slice(close + 1);
  }
  return outcomes;
}

/** The objects of a list, or one refusal when it is a list of something else; null when its commas are wrong. */
function decodeList(list: string, zone: string): Outcome[] | null {
  const outcomes: Outcome[] = [];
  let rest = list.slice(1, -1).replace(/^[ \t\n\r]+/, "");
  if (rest === "") return [{ code: "empty" }];
  for (;;) {
    const close = rest.startsWith("{") ? depths(rest).indexOf(0) : -1;
    if (close < 0) return [{ code: "not-a-number" }];
    outcomes.push(decodeObject(rest.slice(0, close + 1), zone));
    const [, comma, next] = /^[ \t\n\r]*(,?)[ \t\n\r]*([\s\S]*)$/.exec(rest.slice(close + 1)) ?? [];
    if (comma === "" && next === "") return outcomes;
    if (comma === "" || next === "") return null;
    rest = next;
  }
}

/** A number in quotes is one when it is written plainly: digits, perhaps a minus before them and a point among them. */
const PLAIN = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

function decodeBare(text: string): Outcome {
  if (NOT_FINITE.has(text)) return { code: "not-finite" };
  const quoted = NUMBER.test(text) ? undefined : parseJson(text);
  if (typeof quoted === "string" && NUMBER.test(quoted) && !PLAIN.test(quoted)) return { code: "numeric-string" };
  const number = typeof quoted === "string" ? quoted : text;
  if (!NUMBER.test(number)) return { code: "not-a-number" };
  const value = judgeValue(number);
  if (typeof value === "string") return { code: value };
  return { value, time: null, device: null, boot: null, id: null, sequence: null };
}

/** The double nearest to a number's text, or the code of its refusal. */
function judgeValue(text: string): number | string {
  const value = Number(text);
  if (!Number.isFinite(value)) return "not-finite";
  if (Math.abs(value) > 1e150) return "too-large";
  const mantissa = text.split(/[eE]/)[0];
  const isZero = !/[1-9]/.test(mantissa);
  if (!isZero && Math.abs(value) < 1e-140) return "too-small";
  return value === 0 ? 0 : value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decodeObject(text: string, zone: string): Outcome {
  const fields = parseJson(text);
  if (!isObject(fields)) return { code: "unreadable" };
  // An own property only: a payload's fields are what it wrote.
  const field = (name: string): unknown => (Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined);

  const raw = field("value");
  if (raw === undefined) return { code: "value-missing" };
  const isPlain = typeof raw === "string" && PLAIN.test(raw);
  if (typeof raw === "string" && NUMBER.test(raw) && !isPlain) return { code: "numeric-string" };
  if (typeof raw !== "number" && !isPlain) return { code: "not-a-number" };
  const value = judgeValue(raw === 0 ? sourceOfValue(text) : String(raw));
  if (typeof value === "string") return { code: value };

  const time = judgeTime(field("time") ?? field("ts"), zone);
  if (typeof time === "string") return { code: time };
  const device = judgeName(field("device"), 0, NAME_BYTES_MAX);
  if (device === undefined) return { code: "device-invalid" };
  const boot = judgeName(field("boot"), 0, NAME_BYTES_MAX);
  if (boot === undefined) return { code: "boot-invalid" };
  const id = judgeName(field("id"), 1, ID_BYTES_MAX);
  if (id === undefined) return { code: "id-invalid" };
  const written = field("sequence") ?? field("seq") ?? null;
  const sequence = typeof written === "string" && /^(?:0|[1-9]\d*)$/.test(written) ? Number(written) : written;
  if (sequence !== null && !(typeof sequence === "number" && Number.isSafeInteger(sequence) && sequence >= 0)) {
    return { code: "sequence-invalid" };
  }
  return { value, time, device, boot, id, sequence: sequence === null ? null : sequence + 0 };
}

/** The text of the last top-level "value": JSON.parse has made 1e-400 a 0, and only the text knows better. */
function sourceOfValue(text: string): string {
  const sources = new Map<unknown, string>();
  const root: unknown = JSON.parse(
    text,
    function remember(this: unknown, key: string, value: unknown, context?: { source?: string }): unknown {
      if (key === "value" && context?.source !== undefined) sources.set(this, context.source);
      return value;
    },
  );
  return sources.get(root) ?? "0";
}

/** Whole ms, null when absent, or the code of the refusal. */
function judgeTime(time: unknown, zone: string): number | null | string {
  if (time === undefined) return null;
  let ms: number | null;
  if (typeof time === "number" && time >= 1e9 && time < 1e10 && !Number.isInteger(time)) {
    return Math.floor(Math.round(time * 1e6) / 1000); // seconds
  } else if (typeof time === "number") ms = time;
  else if (typeof time !== "string") return "time-unreadable";
  else if (/^\d+$/.test(time)) ms = Number(time);
  else {
    const look = /^\d+\.\d+$/.test(time) ? lookOf(Number(time)) : null;
    if (look !== null) return look;
    ms = parseIso(time, zone);
    if (ms === null) return "time-unreadable";
    return ms < TIME_MIN || ms > TIME_MAX ? "time-out-of-range" : ms;
  }
  const look = lookOf(ms);
  if (look !== null) return look;
  const floored = Math.floor(ms);
  return floored < TIME_MIN || floored > TIME_MAX ? "time-out-of-range" : floored + 0;
}

/** The code of a number that is no epoch in milliseconds but something else that is known; null for all others. */
function lookOf(ms: number): string | null {
  const size = Math.abs(ms);
  if (size >= 1e9 && size < 1e10) return "time-looks-like-seconds";
  if (size >= 1e15 && size < 1e16) return "time-looks-like-microseconds";
  if (size >= 1e18 && size < 1e19) return "time-looks-like-nanoseconds";
  const digits = size < 1e17 ? String(Math.floor(ms)) : "";
  const date = /^(19|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])([0-5]\d)([0-5]\d(\d\d\d)?)?$/;
  return date.test(digits) ? "time-looks-like-date" : null;
}

/** Bytes of a text or integer (up to 2^53, so that different ones stay different) as Latin-1; null when absent, undefined when invalid. */
function judgeName(name: unknown, bytesMin: number, bytesMax: number): string | null | undefined {
  if (name === undefined) return null;
  if (typeof name !== "string" && !Number.isSafeInteger(name)) return undefined;
  const bytes = Buffer.from(String(name), "utf8");
  return bytes.length < bytesMin || bytes.length > bytesMax ? undefined : bytes.toString("latin1");
}

/** The device of a record: the payload's, else the key's bytes (a long key's first 64 and its hash), else the nameless one. */
export function deviceOf(payloadDevice: string | null, key: Uint8Array | null): string {
  if (payloadDevice !== null) return payloadDevice;
  if (key === null) return "";
  const text = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
  if (key.length <= NAME_BYTES_MAX) return text;
  // Not in the middle of a character, whose later bytes are 0x80 to 0xbf, three at most.
  const shown = [64, 63, 62].find((length) => !/[\x80-\xbf]/.test(text[length])) ?? 61;
  const digits = createHash("sha256").update(key).digest("hex").slice(0, 32);
  return `${text.slice(0, shown)}~sha256:${digits}`;
}
