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

/** What a record makes: readings, or the codes of refusals; one at least. */
export function reference(value: Buffer | null, timestamp: number, zone: string): (Decoded | string)[] {
  if (value === null) return ["empty"];
  if (value.length > 1048576) return ["record-too-large"];
  const text = trimmed(value.toString("utf8"));
  if (text === "") return ["empty"];
  if (!/^[{[]/.test(text)) return bareValues(text, timestamp);
  const whole = objectOf(text, timestamp, zone);
  if (whole !== "unreadable") return [whole];
  return linesOf(text).flatMap((line) =>
    /^[{[]/.test(line) ? several(line, timestamp, zone) : bareValue(line, timestamp),
  );
}

function trimmed(text: string): string {
  return text.replace(/^[\t\n\v\f\r \ufeff]+/, "").replace(/[\t\n\v\f\r \0]+$/, "");
}

/** What is read by itself: lines, or several where one leaves a bracket open. */
function linesOf(text: string): string[] {
  const lines = text
    .split("\n")
    .map(trimmed)
    .filter((line) => line !== "");
  const units: string[] = [];
  let isBroken = false;
  while (lines.length > 0) {
    const sums = lines.map(() => 0);
    let count = 1;
    if (!isBroken && opens(lines[0]) > 0) {
      for (const [i, line] of lines.entries()) sums[i] = (sums[i - 1] ?? 0) + opens(line);
      const closing = sums.findIndex((sum) => sum <= 0);
      if (closing >= 0) count = closing + 1;
      else if (units.length === 0) count = lines.length;
      else isBroken = true;
    }
    if (isBroken && !isWhole(lines[0])) {
      const next = lines.findIndex((line, i) => i > 0 && isWhole(line));
      count = next < 0 ? lines.length : next;
    }
    units.push(lines.splice(0, count).join("\n"));
  }
  return units;
}

function isWhole(line: string): boolean {
  return /^[{[]/.test(line) && opens(line) === 0;
}

/** How many more brackets a line opens than it closes, without those in texts. */
function opens(line: string): number {
  const brackets = line.replace(/"(?:[^"\\]|\\.)*(?:"|\\?$)/g, "").replace(/[^{}[\]]/g, "");
  return [...brackets].reduce((depth, bracket) => depth + ("{[".includes(bracket) ? 1 : -1), 0);
}

/** The parts of a line: objects one after the other, and lists of them. */
function several(line: string, timestamp: number, zone: string): (Decoded | string)[] {
  const found: (Decoded | string)[] = [];
  for (let rest = line; rest !== ""; ) {
    const length = /^[{[]/.test(rest) ? bracketed(rest) : -1;
    if (length < 0) return ["unreadable"];
    const part = rest.slice(0, length);
    if (part.startsWith("{")) found.push(objectOf(part, timestamp, zone));
    else {
      const items = itemsOf(part.slice(1, -1));
      if (items === null) return ["unreadable"];
      found.push(...(typeof items === "string" ? [items] : items.map((item) => objectOf(item, timestamp, zone))));
    }
    rest = rest.slice(length).replace(/^[\t\n\r ]+/, "");
  }
  return found;
}

/** The objects of a list; the code when it is no list of objects, null when it is none at all. */
function itemsOf(inside: string): string[] | string | null {
  const items: string[] = [];
  let rest = inside.replace(/^[\t\n\r ]+/, "");
  if (rest === "") return "empty";
  for (;;) {
    const length = rest.startsWith("{") ? bracketed(rest) : -1;
    if (length < 0) return "not-a-number";
    items.push(rest.slice(0, length));
    rest = rest.slice(length).replace(/^[\t\n\r ]+/, "");
    if (rest === "") return items;
    if (!/^,[\t\n\r ]*[^\t\n\r ]/.test(rest)) return null;
    rest = rest.replace(/^,[\t\n\r ]*/, "");
  }
}

/** How long the text is up to the bracket that closes its first one; -1 when none does. */
function bracketed(text: string): number {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\[\s\S])*(?:"|\\?$)|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    if (depth === 0) return index + 1;
  }
  return -1;
}

function objectOf(text: string, timestamp: number, zone: string): Decoded | string {
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
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return "unreadable";
  const number = fields["value"];
  if (number === undefined || number === null) return "value-missing";
  if (typeof number === "string" && !isPlain(number)) return isDecimal(number) ? "numeric-string" : "not-a-number";
  if (typeof number !== "number" && typeof number !== "string") return "not-a-number";
  const value = Number(number);
  const fault = magnitudeFault(value, typeof number === "string" ? number : (sources.get(fields) ?? ""));
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
  const written = fields["sequence"] ?? fields["seq"] ?? null;
  const sequence = typeof written === "string" && /^(0|[1-9]\d*)$/.test(written) ? Number(written) : written;
  if (sequence !== null && !(typeof sequence === "number" && Number.isSafeInteger(sequence) && sequence >= 0)) {
    return "sequence-invalid";
  }
  return {
    value: value + 0,
    time,
    ownTime: ownTime !== null,
    device,
    boot,
    id: idText,
    sequence: sequence === null ? null : sequence + 0,
  };
}

function bareValues(text: string, timestamp: number): (Decoded | string)[] {
  const single = bareValue(text, timestamp);
  const lines = single === "not-a-number" ? linesOf(text).map((line) => bareValue(line, timestamp)) : [];
  return lines.length > 1 && !lines.includes("not-a-number") ? lines : [single];
}

function bareValue(text: string, timestamp: number): Decoded | string {
  if (["NaN", "nan", "Infinity", "-Infinity", "inf"].includes(text)) return "not-finite";
  let number = text;
  if (!isDecimal(text)) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return "not-a-number";
    }
    if (typeof parsed !== "string" || !isDecimal(parsed)) return "not-a-number";
    if (!isPlain(parsed)) return "numeric-string";
    number = parsed;
  }
  const value = Number(number);
  const fault = magnitudeFault(value, number);
  if (fault !== null) return fault;
  if (timestamp < TIME_MIN || timestamp > TIME_MAX) return "time-out-of-range";
  return { value: value + 0, time: timestamp, ownTime: false, device: null, boot: null, id: null, sequence: null };
}

/** A decimal that may stand in quotes. */
function isPlain(text: string): boolean {
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text);
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
