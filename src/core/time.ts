/** Texts and numbers → moments of UTC, and back: the bounds of requests and the times in payloads. No Date, no regular expression on the way in. */
import { TIME_MS_MAX, TIME_MS_MIN } from "./limits.ts";
import type { Zone } from "./zone.ts";

/** Epoch milliseconds from 2001 to 2286 have 13 digits: what is in between looks like nothing else. */
const PLAIN_MS_MIN = 1e12;
const PLAIN_MS_MAX = 1e13;

/** What a number that should be epoch milliseconds looks like instead. */
export type Lookalike = "seconds" | "microseconds" | "nanoseconds" | "date";

/**
 * What `number` was probably meant to be; null for epoch milliseconds. Ten digits are seconds from 2001 to 2286, 16 microseconds and 19
 * nanoseconds. 12, 14 or 17 digits may spell a date of 1900 to 2199: YYYYMMDDhhmm, with seconds, with milliseconds.
 */
export function lookalikeOf(number: number): Lookalike | null {
  const magnitude = Math.abs(number);
  if (magnitude >= PLAIN_MS_MIN && magnitude < PLAIN_MS_MAX) return null;
  if (magnitude >= 1e9 && magnitude < 1e10) return "seconds";
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

/** Longest text that is looked at, bytes: nanoseconds and an offset take 35. */
const TEXT_BYTES_MAX = 64;

/** Digits of a text that is a number of epoch milliseconds in a request; fewer and more are mistakes. */
const EPOCH_DIGITS_MIN = 11;
const EPOCH_DIGITS_MAX = 16;

const DAY_MS = 86_400_000;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** What `TimeReader.read` found; every problem but the last is `time-unreadable` in a payload. */
export const TIME_READ = 0;
const NO_TIME = 1;
const BAD_MONTH = 2;
const BAD_DAY = 3;
const BAD_HOUR = 4;
const BAD_MINUTE = 5;
const BAD_SECOND = 6;
const LEAP_SECOND = 7;
const BAD_OFFSET = 8;
export const TIME_OUT_OF_RANGE = 9;

/** By problem, for people; an empty one says no more than that the text is no time. */
const REASONS = [
  "",
  "",
  "the month must be 01 to 12",
  "the month has no such day",
  "the hour must be 00 to 23 (write the end of a day as 00:00 of the next)",
  "the minute must be 00 to 59",
  "the second must be 00 to 59",
  "leap seconds do not exist in epoch time, the second must be 00 to 59",
  "the offset must be Z, +HH:MM, +HHMM or +HH, at most 23:59",
  "the year must be 0001 to 9999",
];

/**
 * Reads ISO 8601 times out of bytes (ASCII): `2020-01-13`, with `T` or a space ` 15:12`, `:00`, `.123` or `,123` (any digits, cut to ms),
 * and `Z`, `+02:00`, `+0200` or `+02`. Without one of those the time is in the reader's zone. Makes no object: reuse one reader.
 */
export class TimeReader {
  readonly #zone: Zone;
  /** First moment of the last text read, ms since the epoch; where a clock goes back, of the earlier reading. */
  startMs = 0;
  #localMs = 0;
  #spanMs = 0;
  #offsetMs = 0;
  #zoned = false;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  /** The end (exclusive, ms) of what the last text denotes at its written precision; where a clock goes back, of the later reading. */
  get endMs(): number {
    const lastLocalMs = this.#localMs + this.#spanMs - 1;
    return (this.#zoned ? lastLocalMs - this.#offsetMs : this.#zone.later(lastLocalMs)) + 1;
  }

  /** @returns TIME_READ and sets `startMs`, or what is wrong with bytes[start, end) */
  read(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length < 10 || length > TEXT_BYTES_MAX) return NO_TIME;
    const year = pair(bytes, start) * 100 + pair(bytes, start + 2);
    const month = pair(bytes, start + 5);
    const day = pair(bytes, start + 8);
    if (year < 0 || month < 0 || day < 0 || bytes[start + 4] !== 45 || bytes[start + 7] !== 45) return NO_TIME;
    this.#zoned = false;
    this.#spanMs = DAY_MS;
    const clockMs = length === 10 ? 0 : this.#clock(bytes, start + 10, end);
    if (clockMs < 0) return -clockMs;
    if (month < 1 || month > 12) return BAD_MONTH;
    if (day < 1 || day > daysIn(year, month)) return BAD_DAY;
    this.#localMs = daysFromCivil(year, month, day) * DAY_MS + clockMs;
    this.startMs = this.#zoned ? this.#localMs - this.#offsetMs : this.#zone.earlier(this.#localMs);
    return year === 0 || this.startMs < TIME_MS_MIN || this.startMs > TIME_MS_MAX ? TIME_OUT_OF_RANGE : TIME_READ;
  }

  /** Milliseconds since local midnight of "T15:12…", or a problem, negated. */
  #clock(bytes: Uint8Array, start: number, end: number): number {
    const separator = bytes[start];
    if (separator !== 84 && separator !== 32) return -NO_TIME; // T, space
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
    if (hour > 23) return -BAD_HOUR;
    if (minute > 59) return -BAD_MINUTE;
    if (second > 59) return second === 60 ? -LEAP_SECOND : -BAD_SECOND;
    return ((hour * 60 + minute) * 60 + second) * 1000 + ms;
  }

  #offset(bytes: Uint8Array, start: number, end: number): number {
    const sign = bytes[start];
    const length = end - start;
    this.#zoned = true;
    this.#offsetMs = 0;
    if (sign === 90 || sign === 122) return length === 1 ? TIME_READ : NO_TIME; // Z, z
    if (sign !== 43 && sign !== 45) return NO_TIME;
    const colon = length === 6 && bytes[start + 3] === 58 ? 1 : 0;
    if (length !== 3 && length !== 5 + colon) return BAD_OFFSET;
    const hours = pair(bytes, start + 1);
    const minutes = length === 3 ? 0 : pair(bytes, start + 3 + colon);
    if (hours < 0 || minutes < 0 || hours > 23 || minutes > 59) return BAD_OFFSET;
    this.#offsetMs = (hours * 60 + minutes) * (sign === 45 ? -60_000 : 60_000);
    return TIME_READ;
  }
}

/** Two digits as a number; far below zero when they are none, so that sums of pairs stay below zero. */
function pair(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] - 48;
  const ones = bytes[at + 1] - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1_000_000;
}

function daysIn(year: number, month: number): number {
  return month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : DAYS_IN_MONTH[month - 1];
}

/** Days since 1970-01-01 of a Gregorian date, years from 0 (Hinnant 2013, "chrono-Compatible Low-Level Date Algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = (month <= 2 ? year - 1 : year) + 400; // + 400: no negative years in integer division
  const era = (y / 400) | 0;
  const yearOfEra = y - era * 400;
  const dayOfYear = (((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) | 0) + day - 1;
  const dayOfEra = yearOfEra * 365 + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0) + dayOfYear;
  return (era - 1) * 146_097 + dayOfEra - 719_468;
}

/**
 * What a text or number denotes, half-open, ms since the epoch: [startMs, endMs) at the precision it is written in.
 * Where a clock goes back the start is the earlier reading's and the end the later one's, so `from` takes the start and `to` the end.
 * A day is local midnight to the next (23 to 25 hours).
 */
export interface ParsedTime {
  readonly startMs: number;
  readonly endMs: number;
}

/** Why something is no time; `reason` is for people and may be empty. */
export interface TimeFault {
  readonly fault: "unreadable" | "out-of-range" | `looks-like-${Lookalike}`;
  readonly reason: string;
}

const UNREADABLE: TimeFault = { fault: "unreadable", reason: "" };
const OUT_OF_RANGE: TimeFault = { fault: "out-of-range", reason: REASONS[TIME_OUT_OF_RANGE] };

const LOOKALIKES: Readonly<Record<Lookalike, TimeFault>> = {
  seconds: { fault: "looks-like-seconds", reason: "ten digits look like seconds, epoch times are milliseconds" },
  microseconds: {
    fault: "looks-like-microseconds",
    reason: "16 digits look like microseconds, epoch times are milliseconds",
  },
  nanoseconds: {
    fault: "looks-like-nanoseconds",
    reason: "19 digits look like nanoseconds, epoch times are milliseconds",
  },
  date: {
    fault: "looks-like-date",
    reason: "the digits look like a date, write it with its separators: 2020-01-13T15:12:00Z",
  },
};

/**
 * Parses a time in a request: ISO 8601 as `TimeReader` has it, or epoch milliseconds as a number or a text of 11 to 16 digits.
 * @example
 * ```ts
 * const minute = parseTime("2020-01-13 15:12", new Zone("Europe/Berlin"));
 * assert.deepEqual(minute, { startMs: Date.UTC(2020, 0, 13, 14, 12), endMs: Date.UTC(2020, 0, 13, 14, 13) });
 * ```
 */
export function parseTime(input: string | number, zone: Zone): ParsedTime | TimeFault {
  if (typeof input === "number") return parseEpoch(input);
  const length = input.length;
  if (length > TEXT_BYTES_MAX) return UNREADABLE;
  const lookalike = lookalikeOfText(input);
  if (lookalike !== null) return LOOKALIKES[lookalike];
  if (isDigits(input)) {
    return length >= EPOCH_DIGITS_MIN && length <= EPOCH_DIGITS_MAX ? parseEpoch(Number(input)) : UNREADABLE;
  }
  const reader = new TimeReader(zone);
  const problem = readText(reader, input);
  if (problem === TIME_READ) return { startMs: reader.startMs, endMs: reader.endMs };
  return problem === TIME_OUT_OF_RANGE ? OUT_OF_RANGE : { fault: "unreadable", reason: REASONS[problem] };
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

/** `lookalikeOf` a text of digits, with a fraction or without; null for other texts. */
export function lookalikeOfText(text: string): Lookalike | null {
  const point = text.indexOf(".");
  if (point < 0) return isDigits(text) ? lookalikeOf(Number(text)) : null;
  return isDigits(text.slice(0, point)) && isDigits(text.slice(point + 1)) ? lookalikeOf(Number(text)) : null;
}

function parseEpoch(number: number): ParsedTime | TimeFault {
  if (Number.isNaN(number)) return UNREADABLE;
  const lookalike = lookalikeOf(number);
  if (lookalike !== null) return LOOKALIKES[lookalike];
  const startMs = Math.floor(number) + 0; // + 0: no -0
  if (startMs < TIME_MS_MIN || startMs > TIME_MS_MAX) return OUT_OF_RANGE;
  return { startMs, endMs: startMs + 1 };
}

/**
 * `2020-01-13T15:12:00Z` of whole seconds since the epoch.
 * @example
 * ```ts
 * assert.equal(formatSecond(1578928320), "2020-01-13T15:12:00Z");
 * ```
 */
export function formatSecond(second: number): string {
  return new Date(second * 1000).toISOString().replace(".000Z", "Z");
}

/** `2020-01-13T15:12:00.123Z` of milliseconds since the epoch. */
export function formatMs(ms: number): string {
  return new Date(ms).toISOString();
}
