/** What a record means, by the book: JSON.parse, Number and regular expressions, written from the semantics and sharing nothing with src/formats. */
import { parseIso } from "../oracle/local-time.ts";

export interface Decoded {
  readonly value: number;
  /** ms; the payload's own, or the record's timestamp. */
  readonly time: number;
  readonly ownTime: boolean;
  /** Bytes as Latin-1 text; null: none in the payload. */
  readonly device: string | null;
  readonly boot: string | null;
  readonly id: string | null;
  readonly sequence: number | null;
}

const TIME_MIN = Date.parse("0001-01-01T00:00:00Z");
const TIME_MAX = Date.parse("9999-12-31T23:59:59.999Z");

/** The reading in a record, or the code of its refusal. */
export function reference(value: Buffer | null, timestamp: number, zone: string): Decoded | string {
  if (value === null) return "empty";
  if (value.length > 1048576) return "record-too-large";
  const text = value.toString("utf8");
  const bare = text.replace(/^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$/g, "");
  if (bare === "") return "empty";
  if (!bare.startsWith("{")) return bareValue(bare, timestamp);
  let fields: Record<string, unknown>;
  const sources = new Map<unknown, string>();
  try {
    fields = JSON.parse(text, function (this: unknown, key: string, field: unknown, context?: { source?: string }) {
      if (key === "value" && context?.source !== undefined) sources.set(this, context.source);
      return field;
    });
  } catch {
    return "unreadable";
  }
  const number = fields["value"];
  if (number === undefined || number === null) return "value-missing";
  if (typeof number === "string") return isDecimal(number) ? "numeric-string" : "not-a-number";
  if (typeof number !== "number") return "not-a-number";
  const fault = magnitudeFault(number, sources.get(fields) ?? "");
  if (fault !== null) return fault;
  const ownTime = timeOf(fields["time"] ?? fields["ts"], zone);
  if (typeof ownTime === "string") return ownTime;
  const time = ownTime ?? timestamp;
  if (time < TIME_MIN || time > TIME_MAX) return "time-out-of-range";
  const device = nameOf(fields["device"]);
  if (device !== null && device.length > 256) return "device-invalid";
  const boot = nameOf(fields["boot"]);
  if (boot !== null && boot.length > 256) return "boot-invalid";
  const id = fields["id"] ?? null;
  if (id !== null && typeof id !== "string" && !Number.isSafeInteger(id)) return "id-invalid";
  const idText = id === null ? null : String(id);
  if (idText !== null && (idText === "" || Buffer.from(idText).length > 1024)) return "id-invalid";
  const sequence = fields["sequence"] ?? fields["seq"] ?? null;
  if (sequence !== null && !(typeof sequence === "number" && Number.isSafeInteger(sequence) && sequence >= 0)) {
    return "sequence-invalid";
  }
  return {
    value: number + 0,
    time,
    ownTime: ownTime !== null,
    device,
    boot,
    id: idText,
    sequence: sequence === null ? null : sequence + 0,
  };
}

function bareValue(text: string, timestamp: number): Decoded | string {
  if (["NaN", "nan", "Infinity", "-Infinity", "inf"].includes(text)) return "not-finite";
  if (!isDecimal(text)) {
    try {
      const parsed: unknown = JSON.parse(text);
      return typeof parsed === "string" && isDecimal(parsed) ? "numeric-string" : "not-a-number";
    } catch {
      return "not-a-number";
    }
  }
  const value = Number(text);
  const fault = magnitudeFault(value, text);
  if (fault !== null) return fault;
  if (timestamp < TIME_MIN || timestamp > TIME_MAX) return "time-out-of-range";
  return { value: value + 0, time: timestamp, ownTime: false, device: null, boot: null, id: null, sequence: null };
}

function isDecimal(text: string): boolean {
  return /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text);
}

function magnitudeFault(value: number, source: string): string | null {
  if (!Number.isFinite(value)) return "not-finite";
  if (Math.abs(value) > 1e150) return "too-large";
  if (value === 0) return /[1-9]/.test(source.replace(/e.*$/i, "")) ? "too-small" : null;
  return Math.abs(value) < 1e-140 ? "too-small" : null;
}

/** "long" stands for a name of the wrong type, which is refused like one that is too long. */
function nameOf(field: unknown): string | null {
  if (field === undefined || field === null) return null;
  if (typeof field !== "string" && !Number.isSafeInteger(field)) return "long".repeat(100);
  return Buffer.from(String(field), "utf8").toString("latin1");
}

function timeOf(field: unknown, zone: string): number | null | string {
  if (field === undefined || field === null) return null;
  let ms: number | null = null;
  if (typeof field === "number" || (typeof field === "string" && /^\d+$/.test(field))) {
    const number = Number(field);
    const look = isFractionOfSeconds(number) ? null : lookOf(number);
    if (look !== null) return `time-looks-like-${look}`;
    ms = isFractionOfSeconds(number) ? Math.floor(Math.round(number * 1e6) / 1000) : Math.floor(number) + 0;
  } else if (typeof field === "string") {
    const look = /^\d+\.\d+$/.test(field) ? lookOf(Number(field)) : null;
    if (look !== null) return `time-looks-like-${look}`;
    ms = parseIso(field, zone);
  }
  if (ms === null) return "time-unreadable";
  return ms < TIME_MIN || ms > TIME_MAX ? "time-out-of-range" : ms;
}

/** 1578928320.5 is no time in milliseconds. */
function isFractionOfSeconds(number: number): boolean {
  return /^\d{10}\.\d+$/.test(String(number));
}

/** What a number that is no epoch in milliseconds looks like. */
function lookOf(number: number): string | null {
  const digits = BigInt(Math.floor(Math.abs(number) < 1e30 ? number : 0)).toString();
  const length = digits.replace("-", "").length;
  const byLength = new Map([
    [10, "seconds"],
    [16, "microseconds"],
    [19, "nanoseconds"],
  ]);
  // The floor of a negative number may have a digit more than it.
  if (number > 0 && byLength.has(length)) return byLength.get(length) ?? null;
  if (number < 0) return byLength.get(String(BigInt(Math.ceil(Math.max(number, -1e30)))).length - 1) ?? null;
  const date = /^(?:19|20|21)\d\d(\d\d)(\d\d)([01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{3})?)?$/.exec(digits);
  if (date === null) return null;
  const [month, day] = [Number(date[1]), Number(date[2])];
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 ? "date" : null;
}
