/** Times in payloads → moments of UTC, and back. No Date and no regular expression where a time is written plainly. Those of requests: asked-time.ts. */
import { DAY_MS, daysFromCivil, daysIn } from "./dates.ts";
import { readEveryday, type WallFault } from "./everyday-time.ts";
import { TIME_MS_MAX, TIME_MS_MIN } from "./limits.ts";
import { findZone, type Zone } from "./zone.ts";

/** Epoch milliseconds from 2001 to 2286 have 13 digits: what is in between looks like nothing else. */
const PLAIN_MS_MIN = 1e12;
const PLAIN_MS_MAX = 1e13;

/** Mistaken units of a number that should be epoch milliseconds. */
export type Lookalike = "seconds" | "microseconds" | "nanoseconds" | "date";

/** Seconds since the epoch with a fraction are taken for what they are: epoch milliseconds have none, and three digits more before it. */
function isSeconds(number: number): boolean {
  return number >= 1e9 && number < 1e10 && !Number.isInteger(number);
}

/** Whole milliseconds since the epoch, cut, of a number of them, or of seconds with a fraction (these rounded to the microsecond first). */
export function epochMs(number: number): number {
  return isSeconds(number) ? Math.floor(Math.round(number * 1e6) / 1000) : Math.floor(number) + 0; // + 0: no -0
}

/**
 * What `number` was probably meant to be; null for epoch milliseconds and for seconds with a fraction. Ten digits are seconds from 2001 to 2286, 16 microseconds and 19
 * nanoseconds. 12, 14 or 17 digits may spell a date of 1900 to 2199: YYYYMMDDhhmm, with seconds, with milliseconds.
 */
export function lookalikeOf(number: number): Lookalike | null {
  const magnitude = Math.abs(number);
  if (magnitude >= PLAIN_MS_MIN && magnitude < PLAIN_MS_MAX) return null;
  if (magnitude >= 1e9 && magnitude < 1e10) return isSeconds(number) ? null : "seconds";
  if (magnitude >= 1e15 && magnitude < 1e16) return "microseconds";
  if (magnitude >= 1e18 && magnitude < 1e19) return "nanoseconds";
  return spellsDate(number) ? "date" : null;
}

function spellsDate(number: number): boolean {
  let digits = Math.floor(number);
  if (digits >= 1e16) digits = Math.floor(digits / 1000); // milliseconds
  let second = 0;
  if (digits >= 1e13) {
    second = digits % 100;
    digits = Math.floor(digits / 100);
  }
  if (digits < 190_000_000_000 || digits >= 220_000_000_000) return false;
  const month = Math.floor(digits / 1e6) % 100;
  const day = Math.floor(digits / 1e4) % 100;
  const hour = Math.floor(digits / 100) % 100;
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && digits % 100 < 60 && second < 60;
}

/** Longest text that is read, bytes. Nanoseconds, an offset and a zone in brackets together would take 67; no device writes all three. */
export const TEXT_BYTES_MAX = 64;

/** What `TimeReader.read` found; every problem but the last is `time-unreadable` in a payload. */
export const TIME_READ = 0;
/** … a text that is no time in any part. */
export const NO_TIME = 1;
const BAD_MONTH = 2;
const BAD_DAY = 3;
const BAD_HOUR = 4;
const BAD_MINUTE = 5;
const BAD_SECOND = 6;
const BAD_OFFSET = 7;
const BAD_WEEK = 8;
const BAD_ZONE = 9;
const OTHER_OFFSET = 10;
export const TIME_OUT_OF_RANGE = 11;

/** By problem, for people; an empty one says no more than that the text is no time. */
const REASONS: readonly string[] = [
  "",
  "",
  "the month must be 01 to 12",
  "there is no such day",
  "the hour must be 00 to 23, or 24:00 for 00:00 of the next day",
  "the minute must be 00 to 59",
  "the second must be 00 to 59, or 60 for a leap second, which is the next second",
  "the offset must be Z, UTC, +HH:MM, +HHMM or +HH, at most 23:59",
  "the year has no such week",
  'the zone in brackets must be an IANA name such as "Europe/Berlin"',
  "the offset is not that of the zone in brackets at that time",
  "the year must be 0001 to 9999",
];

/** What a problem is called, for people; "" where there is no more to say than that the text is no time. */
export function reasonOf(problem: number): string {
  return REASONS[problem];
}

const PROBLEMS: Readonly<Record<WallFault, number>> = {
  month: BAD_MONTH,
  day: BAD_DAY,
  week: BAD_WEEK,
  hour: BAD_HOUR,
  minute: BAD_MINUTE,
  second: BAD_SECOND,
  offset: BAD_OFFSET,
};

const HOUR_MS = 3_600_000;

/**
 * What a text or number denotes, half-open, ms since the epoch: [startMs, endMs) at the precision it is written in.
 * `from` takes the start, `to` the end.
 */
export interface ParsedTime {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Reads times out of bytes (ASCII): `2020-01-13`, with `T`, `t` or a space ` 15:12`, `:00`, `.123` or `,123` (any digits, cut to ms), and
 * `Z`, ` UTC`, `+02:00`, `+0200` or `+02`, with a space before it or not. `24:00` is the next day's 00:00, `:60` the next second. Without an
 * offset the time is in the reader's zone. What is none of these may be a time that everyday-time.ts knows, or have its zone in brackets.
 * Makes no object for a plain time: reuse one reader.
 */
export class TimeReader {
  readonly #zone: Zone;
  /** First moment of the last text read, ms since the epoch; where a clock goes back of the earlier reading, in a gap shifted by it. */
  startMs = 0;
  #localMs = 0;
  #spanMs = 0;
  #offsetMs = 0;
  #zoned = false;
  /** What read the last text, when that had a zone in brackets. */
  #bracketed: TimeReader | null = null;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  /** What the last text denotes as a bound of a window, at its written precision. */
  get interval(): ParsedTime {
    if (this.#bracketed !== null) return this.#bracketed.interval;
    if (!this.#zoned) return intervalOf(this.#localMs, this.#spanMs, this.#zone);
    return { startMs: this.startMs, endMs: this.startMs + this.#spanMs };
  }

  /** @returns TIME_READ and sets `startMs`, or what is wrong with bytes[start, end) */
  read(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length < 10 || length > TEXT_BYTES_MAX) return this.#everyday(bytes, start, end, NO_TIME);
    const year = pair(bytes, start) * 100 + pair(bytes, start + 2);
    const month = pair(bytes, start + 5);
    const day = pair(bytes, start + 8);
    if (year < 0 || month < 0 || day < 0 || bytes[start + 4] !== 45 || bytes[start + 7] !== 45) {
      return this.#everyday(bytes, start, end, NO_TIME);
    }
    this.#bracketed = null;
    this.#zoned = false;
    this.#spanMs = DAY_MS;
    const clockMs = length === 10 ? 0 : this.#clock(bytes, start + 10, end);
    if (clockMs < 0) return this.#everyday(bytes, start, end, -clockMs);
    if (month < 1 || month > 12) return BAD_MONTH;
    if (day < 1 || day > daysIn(year, month)) return BAD_DAY;
    this.#localMs = daysFromCivil(year, month, day) * DAY_MS + clockMs;
    this.startMs = this.#zoned ? this.#localMs - this.#offsetMs : this.#zone.earlier(this.#localMs);
    return this.startMs < TIME_MS_MIN || this.startMs > TIME_MS_MAX ? TIME_OUT_OF_RANGE : TIME_READ;
  }

  /** Milliseconds since local midnight of "T15:12…", or a problem, negated. */
  #clock(bytes: Uint8Array, start: number, end: number): number {
    const separator = bytes[start];
    if (separator !== 84 && separator !== 32 && separator !== 116) return -NO_TIME; // T, space, t
    if (end - start < 6 || bytes[start + 3] !== 58) return -NO_TIME;
    const hour = pair(bytes, start + 1);
    const minute = pair(bytes, start + 4);
    let second = 0;
    let ms = 0;
    let at = start + 6;
    this.#spanMs = 60_000;
    if (at < end && bytes[at] === 58) {
      if (end - at < 3) return -NO_TIME;
      second = pair(bytes, at + 1);
      at += 3;
      this.#spanMs = 1000;
      if (at < end && (bytes[at] === 46 || bytes[at] === 44)) {
        const first = ++at;
        for (let digit = 0; at < end && (digit = bytes[at] - 48) >= 0 && digit <= 9; at++) {
          if (this.#spanMs === 1) continue;
          this.#spanMs /= 10;
          ms += digit * this.#spanMs;
        }
        if (at === first) return -NO_TIME;
      }
    }
    if (hour < 0 || minute < 0 || second < 0) return -NO_TIME;
    if (at < end) {
      const problem = this.#offset(bytes, at, end);
      if (problem !== TIME_READ) return -problem;
    }
    const clockMs = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    if (hour > 23 && clockMs !== DAY_MS) return -BAD_HOUR;
    if (minute > 59) return -BAD_MINUTE;
    return second > 60 ? -BAD_SECOND : clockMs;
  }

  #offset(bytes: Uint8Array, from: number, end: number): number {
    const start = bytes[from] === 32 ? from + 1 : from;
    const sign = bytes[start];
    const length = end - start;
    this.#zoned = true;
    this.#offsetMs = 0;
    if (sign === 90 || sign === 122) return length === 1 ? TIME_READ : NO_TIME; // Z, z
    if (sign === 85) return length === 3 && bytes[start + 1] === 84 && bytes[start + 2] === 67 ? TIME_READ : NO_TIME; // UTC
    if (sign !== 43 && sign !== 45) return NO_TIME;
    const colon = length === 6 && bytes[start + 3] === 58 ? 1 : 0;
    if (length !== 3 && length !== 5 + colon) return BAD_OFFSET;
    const hours = pair(bytes, start + 1);
    const minutes = length === 3 ? 0 : pair(bytes, start + 3 + colon);
    if (hours < 0 || minutes < 0 || hours > 23 || minutes > 59) return BAD_OFFSET;
    this.#offsetMs = (hours * 60 + minutes) * (sign === 45 ? -60_000 : 60_000);
    return TIME_READ;
  }

  /** Second try for a text that is no plain time. A text of digits alone is none: it is a number. */
  #everyday(bytes: Uint8Array, start: number, end: number, problem: number): number {
    if (end - start > TEXT_BYTES_MAX || (problem !== NO_TIME && problem !== BAD_OFFSET)) return problem;
    const text = asciiOf(bytes, start, end);
    if (bytes[end - 1] === 93) return this.#bracketedTime(bytes, start, text);
    const read = isDigits(text) ? null : readEveryday(text);
    if (read === null) return problem;
    if (typeof read === "string") return PROBLEMS[read];
    this.#bracketed = null;
    this.#localMs = read.localMs;
    this.#spanMs = read.spanMs;
    this.#zoned = read.offsetMs !== null;
    this.#offsetMs = read.offsetMs ?? 0;
    this.startMs = this.#zoned ? this.#localMs - this.#offsetMs : this.#zone.earlier(this.#localMs);
    return this.startMs < TIME_MS_MIN || this.startMs > TIME_MS_MAX ? TIME_OUT_OF_RANGE : TIME_READ;
  }

  /** `2020-01-13T15:12:00+01:00[Europe/Berlin]` (RFC 9557); an offset must be that of the zone, but for Z, which claims none. */
  #bracketedTime(bytes: Uint8Array, start: number, text: string): number {
    const open = text.indexOf("[");
    if (open < 1 || text[open - 1] === "]") return NO_TIME;
    const zone = findZone(text.slice(open + 1, -1));
    if (zone === null) return BAD_ZONE;
    const reader = new TimeReader(zone);
    const problem = reader.read(bytes, start, start + open);
    if (problem !== TIME_READ) return problem;
    this.#bracketed = reader;
    this.startMs = reader.startMs;
    const claims = reader.#zoned && !/(?:[Zz]|UTC)$/.test(text.slice(0, open));
    return claims && zone.offsetAt(this.startMs) !== reader.#offsetMs ? OTHER_OFFSET : TIME_READ;
  }
}

/**
 * [localMs, localMs + spanMs) of the wall clock as a bound of a window. One in a gap is the instant of the change. Where a clock goes back the
 * start is the earlier reading's and the end the later one's; but an hour and what is longer ends where the next one starts, so that they
 * add up.
 */
function intervalOf(localMs: number, spanMs: number, zone: Zone): ParsedTime {
  const end = localMs + spanMs;
  return { startMs: zone.start(localMs), endMs: spanMs >= HOUR_MS ? zone.start(end) : zone.end(end) };
}

/** The interval of what `readEveryday` reads out of a text of digits: `2020`, `20200113`; null when it is none of these. */
export function readDigits(text: string, zone: Zone): ParsedTime | number | null {
  const read = text.length === 4 || text.length === 8 ? readEveryday(text) : null;
  if (read === null) return null;
  if (typeof read === "string") return PROBLEMS[read];
  const interval = intervalOf(read.localMs, read.spanMs, zone);
  return interval.startMs < TIME_MS_MIN ? TIME_OUT_OF_RANGE : interval;
}

/** Two digits as a number; far below zero when they are none, so that sums of pairs stay below zero. */
function pair(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] - 48;
  const ones = bytes[at + 1] - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1_000_000;
}

function asciiOf(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]);
  return text;
}

const textBytes = new Uint8Array(TEXT_BYTES_MAX);

/** `reader.read` of a text. */
export function readText(reader: TimeReader, text: string): number {
  if (text.length > TEXT_BYTES_MAX) return NO_TIME;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return NO_TIME;
    textBytes[i] = code;
  }
  return reader.read(textBytes, 0, text.length);
}

/** True for one digit or more and nothing else. */
export function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return text.length > 0;
}

/** `lookalikeOf` a text of digits, with a fraction or without, which counts for nothing: a text may be a date. Null for other texts. */
export function lookalikeOfText(text: string): Lookalike | null {
  const point = text.indexOf(".");
  if (point < 0) return isDigits(text) ? lookalikeOf(Number(text)) : null;
  return isDigits(text.slice(0, point)) && isDigits(text.slice(point + 1))
    ? lookalikeOf(Math.floor(Number(text)))
    : null;
}

/**
 * `2020-01-13T15:12:00Z` of whole seconds since the epoch.
 * @example
 * ```ts
 * assert.equal(formatSecond(1578928320), "2020-01-13T15:12:00Z");
 * ```
 */
export function formatSecond(second: number): string {
  const day = Math.floor(second / 86_400);
  if (day !== shownDay) {
    const text = new Date(day * DAY_MS).toISOString();
    shownDate = text.slice(0, text.indexOf("T") + 1);
    shownDay = day;
  }
  const rest = second - day * 86_400;
  const hour = Math.floor(rest / 3600);
  const minute = Math.floor(rest / 60) - hour * 60;
  // The short ones first: V8 copies them into one text, and makes an object for each joint of longer ones.
  return shownDate + (WITH_COLON[hour] + WITH_COLON[minute] + WITH_Z[rest - (hour * 60 + minute) * 60]);
}

/** The day shown last, as most that are shown in turn are of one; each answer shows two. */
let shownDay = Number.NaN;
let shownDate = "";
const DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, "0"));
const WITH_COLON = DIGITS.map((digits) => `${digits}:`);
const WITH_Z = DIGITS.map((digits) => `${digits}Z`);

/** `2020-01-13T15:12:00.123Z` of milliseconds since the epoch. */
export function formatMs(ms: number): string {
  return new Date(ms).toISOString();
}
