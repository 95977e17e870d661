/** Texts of cells → numbers and times of readings. */
import { NO_TIME, readText, reasonOf, TIME_READ, TimeReader } from "../../core/time.ts";
import type { Zone } from "../../core/zone.ts";

/** A value, or why there is none. */
export type Cell<T> = { readonly value: T } | { readonly fault: string };

/** What times are written like: as readings have them, a number of units since the epoch, or a pattern. */
export type TimeFormat = { readonly unitMs: number } | { readonly pattern: RegExp } | null;

/** A JSON number (RFC 8259, section 6), and what simple programs print besides. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** By what `--time-format` says; a double holds microseconds of this century. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ["s", 1000],
  ["ms", 1],
  ["us", 1e-3],
  ["ns", 1e-6],
]);

const TOKENS: ReadonlyMap<string, string> = new Map([
  ["YYYY", "(?<year>\\d{4})"],
  ["MM", "(?<month>\\d{1,2})"],
  ["DD", "(?<day>\\d{1,2})"],
  ["HH", "(?<hour>\\d{1,2})"],
  ["mm", "(?<minute>\\d{2})"],
  ["ss", "(?<second>\\d{2}(?:[.,]\\d+)?)"],
]);

/** `s`, `ms`, `us`, `ns`, or a pattern such as `DD.MM.YYYY HH:mm:ss`; undefined when it is none. */
export function parseTimeFormat(text: string): Exclude<TimeFormat, null> | undefined {
  const unitMs = UNITS.get(text);
  if (unitMs !== undefined) return { unitMs };
  if (!["YYYY", "MM", "DD"].every((token) => text.split(token).length === 2)) return undefined;
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const source = escaped.replace(/YYYY|MM|DD|HH|mm|ss/g, (token) => TOKENS.get(token) ?? token);
  try {
    return { pattern: new RegExp(`^${source}$`) };
  } catch {
    return undefined; // a token twice
  }
}

/** @param isDecimalComma where commas separate no columns */
export function numberOf(text: string, isDecimalComma: boolean): Cell<number> {
  const plain = isDecimalComma && /^[+-]?\d*,\d+$/.test(text) ? text.replace(",", ".") : text;
  if (!NUMBER.test(plain))
    return { fault: text === "" ? "the value is empty" : `the value ${shown(text)} is no number` };
  const value = Number(plain);
  return Number.isFinite(value) ? { value } : { fault: `the value ${shown(text)} is too large` };
}

/** Reads times of one format, those without a zone in one zone. */
export class Times {
  readonly #reader: TimeReader;
  readonly #format: TimeFormat;

  constructor(zone: Zone, format: TimeFormat) {
    this.#reader = new TimeReader(zone);
    this.#format = format;
  }

  /** ms since the epoch */
  read(text: string): Cell<number> {
    const format = this.#format;
    if (text === "") return { fault: "the time is empty" };
    if (format !== null && "unitMs" in format) {
      if (!/^-?\d+(?:\.\d+)?$/.test(text)) return { fault: `the time ${shown(text)} is no number` };
      return { value: Math.floor(Number(text) * format.unitMs) };
    }
    if (format === null && /^-?\d+(?:\.\d+)?$/.test(text) && !/^\d{8}$/.test(text)) return epochOf(text);
    const plain = format === null ? text : isoOf(text, format.pattern);
    const found = plain === null ? NO_TIME : readText(this.#reader, plain);
    if (found === TIME_READ) return { value: this.#reader.startMs };
    const reason = reasonOf(found);
    return {
      fault: `the time ${shown(text)} cannot be read${reason === "" ? "; --time-format says how" : `: ${reason}`}`,
    };
  }
}

/** Epoch milliseconds have 11 to 13 digits; others are not guessed at. */
function epochOf(text: string): Cell<number> {
  if (/^\d{11,13}(?:\.\d+)?$/.test(text)) return { value: Math.floor(Number(text)) };
  return { fault: `the time ${shown(text)} is no epoch milliseconds; --time-format s, us or ns says what it is` };
}

function isoOf(text: string, pattern: RegExp): string | null {
  const found = pattern.exec(text)?.groups;
  if (found === undefined) return null;
  const { year, month, day, hour = "0", minute = "00", second = "00" } = found;
  const two = (part: string) => part.padStart(2, "0");
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${minute}:${second}`;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
