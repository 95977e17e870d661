/** The times of requests and of the command line → moments of UTC: those of payloads (time.ts), and times relative to now. */
import { TIME_MS_MAX, TIME_MS_MIN } from "./limits.ts";
import { parseRelative } from "./relative-time.ts";
import {
  epochMs,
  isDigits,
  type Lookalike,
  lookalikeOf,
  lookalikeOfText,
  NO_TIME,
  type ParsedTime,
  readDigits,
  readText,
  reasonOf,
  TEXT_BYTES_MAX,
  TIME_OUT_OF_RANGE,
  TIME_READ,
  TimeReader,
} from "./time.ts";
import type { Zone } from "./zone.ts";

/** Digits of a text that is a number of epoch milliseconds; fewer and more are mistakes. */
const EPOCH_DIGITS_MIN = 11;
const EPOCH_DIGITS_MAX = 16;

/** Years that a number may mean. */
const YEAR_MIN = 1900;
const YEAR_END = 2200;

/** What may stand for a time, for people. */
export const TIME_EXPECTED =
  '"YYYY-MM-DD", "YYYY-MM-DD HH:MM[:SS]", ISO 8601, epoch milliseconds, or a time such as "now-1h" or "today"';

/** Why something is no time; `reason` is for people and may be empty. */
export interface TimeFault {
  readonly fault: "unreadable" | "out-of-range" | `looks-like-${Lookalike}`;
  readonly reason: string;
}

const UNREADABLE: TimeFault = { fault: "unreadable", reason: "" };
const OUT_OF_RANGE: TimeFault = { fault: "out-of-range", reason: reasonOf(TIME_OUT_OF_RANGE) };

const LOOKALIKES: Readonly<Record<Lookalike, TimeFault>> = {
  seconds: {
    fault: "looks-like-seconds",
    reason: 'ten digits look like seconds, epoch times are milliseconds (seconds are written "1578928320s")',
  },
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

const CALENDAR_NUMBER: TimeFault = {
  fault: "looks-like-date",
  reason:
    'the digits look like a year, a month or a day: write them as text ("2020"), as milliseconds they are in 1970',
};

/** A number that is YYYY, YYYYMM or YYYYMMDD: as milliseconds within six hours of the epoch, for which nobody asks in numbers that look so. */
function spellsCalendar(number: number): boolean {
  if (!Number.isInteger(number)) return false;
  const year = number >= 1e7 ? Math.floor(number / 10_000) : number >= 1e5 ? Math.floor(number / 100) : number;
  if (year < YEAR_MIN || year >= YEAR_END) return false;
  const month = number >= 1e7 ? Math.floor(number / 100) % 100 : number >= 1e5 ? number % 100 : 1;
  const day = number >= 1e7 ? number % 100 : 1;
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/** In a URL `+` means a space, so the sign of an offset or of a step from now is lost. */
const LOST_PLUS = /^(?:[\d:.T-]+ \d\d:?\d\d|(?:now|today|yesterday).* \d+[a-z]+.*)$/i;
const LOST_PLUS_REASON = "a sign was lost, a + in an address is written %2B";

/**
 * Parses a time: what `TimeReader` reads, a year, a day in eight digits, epoch milliseconds as a number or a text of 11 to 16 digits,
 * seconds with a fraction as a number, or a time relative to now (relative-time.ts).
 * @example
 * ```ts
 * const minute = parseTime("2020-01-13 15:12", new Zone("Europe/Berlin"), 0);
 * assert.deepEqual(minute, { startMs: Date.UTC(2020, 0, 13, 14, 12), endMs: Date.UTC(2020, 0, 13, 14, 13) });
 * const now = Date.UTC(2020, 0, 13, 15, 12);
 * assert.deepEqual(parseTime("-24h", new Zone("UTC"), now), { startMs: now - 86_400_000, endMs: now - 86_400_000 + 1 });
 * ```
 */
export function parseTime(input: string | number, zone: Zone, nowMs: number): ParsedTime | TimeFault {
  if (typeof input === "number") return spellsCalendar(input) ? CALENDAR_NUMBER : parseEpoch(input);
  if (input.length > TEXT_BYTES_MAX) return UNREADABLE;
  const lookalike = lookalikeOfText(input);
  if (lookalike !== null) return LOOKALIKES[lookalike];
  if (isDigits(input)) return parseDigits(input, zone);
  const reader = readerOf(zone);
  const problem = readText(reader, input);
  if (problem === TIME_READ) return reader.interval;
  if (problem === NO_TIME && LOST_PLUS.test(input)) return { fault: "unreadable", reason: LOST_PLUS_REASON };
  const relative = problem === NO_TIME ? parseRelative(input, zone, nowMs) : null;
  if (relative === null) return faultOf(problem);
  if (typeof relative === "string") return { fault: "unreadable", reason: relative };
  return relative.startMs < TIME_MS_MIN || relative.endMs > TIME_MS_MAX ? OUT_OF_RANGE : relative;
}

/** The reader of the zone asked in last: nearly all requests of a server are in one. */
let lastReader: { readonly zone: Zone; readonly reader: TimeReader } | null = null;

function readerOf(zone: Zone): TimeReader {
  if (lastReader?.zone !== zone) lastReader = { zone, reader: new TimeReader(zone) };
  return lastReader.reader;
}

function faultOf(problem: number): TimeFault {
  return problem === TIME_OUT_OF_RANGE ? OUT_OF_RANGE : { fault: "unreadable", reason: reasonOf(problem) };
}

/** `2020`, `20200113`, or epoch milliseconds. */
function parseDigits(text: string, zone: Zone): ParsedTime | TimeFault {
  if (text.length >= EPOCH_DIGITS_MIN && text.length <= EPOCH_DIGITS_MAX) return parseEpoch(Number(text));
  const read = readDigits(text, zone);
  if (read === null) return UNREADABLE;
  return typeof read === "number" ? faultOf(read) : read;
}

function parseEpoch(number: number): ParsedTime | TimeFault {
  if (Number.isNaN(number)) return UNREADABLE;
  const lookalike = lookalikeOf(number);
  if (lookalike !== null) return LOOKALIKES[lookalike];
  const startMs = epochMs(number);
  if (!(startMs >= TIME_MS_MIN && startMs <= TIME_MS_MAX)) return OUT_OF_RANGE;
  return { startMs, endMs: startMs + 1 };
}
