/**
 * What a record says, by the book: the oracle's own decoder of payloads, `JSON.parse` and `Number` under the documented grammar.
 * Part of test/oracle, which imports nothing from src/.
 */
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

/** Reads one record's value. `zone` is for times without one. */
export function decodePayload(bytes: Uint8Array | null, zone: string): Outcome {
  if (bytes === null) return { code: "empty" };
  if (bytes.length > RECORD_BYTES_MAX) return { code: "record-too-large" };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  const trimmed = text.replace(/^[ \t\n\r\v\f]+/, "").replace(/[ \t\n\r\v\f]+$/, "");
  if (trimmed === "") return { code: "empty" };
  return trimmed.startsWith("{") ? decodeObject(text, zone) : decodeBare(trimmed);
}

function decodeBare(text: string): Outcome {
  if (NOT_FINITE.has(text)) return { code: "not-finite" };
  if (NUMBER.test(text)) {
    const value = judgeValue(text);
    if (typeof value === "string") return { code: value };
    return { value, time: null, device: null, boot: null, id: null, sequence: null };
  }
  const parsed = parseJson(text);
  return { code: typeof parsed === "string" && NUMBER.test(parsed) ? "numeric-string" : "not-a-number" };
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
  return typeof value === "object" && value !== null;
}

function decodeObject(text: string, zone: string): Outcome {
  const fields = parseJson(text);
  if (!isObject(fields)) return { code: "unreadable" };
  // An own property only: a payload's fields are what it wrote.
  const field = (name: string): unknown => (Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined);

  const raw = field("value");
  if (raw === undefined) return { code: "value-missing" };
  if (typeof raw === "string" && NUMBER.test(raw)) return { code: "numeric-string" };
  if (typeof raw !== "number") return { code: "not-a-number" };
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
  const sequence = field("sequence") ?? field("seq") ?? null;
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

/** The device of a record: the payload's, else the key's bytes, else the nameless one. */
export function deviceOf(payloadDevice: string | null, key: Uint8Array | null): string {
  if (payloadDevice !== null) return payloadDevice;
  if (key === null || key.length < 1 || key.length > NAME_BYTES_MAX) return "";
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
