/**
 * Times as people and tools write them besides `2020-01-13 15:12:00`: years, months, weeks, ordinal days, hours, ISO 8601's basic form,
 * a zone in brackets, seconds since the epoch. The slow path of TimeReader (time.ts), which has the plain form.
 */
import { DAY_MS, daysFromCivil, daysIn, firstMonday } from "./dates.ts";

/** What a text denotes on the wall clock: [localMs, localMs + spanMs), as if it were UTC. */
export interface WallTime {
  readonly localMs: number;
  readonly spanMs: number;
  /** As written, ms; null: that of the zone. */
  readonly offsetMs: number | null;
}

/** What a text lacks to be one; the names of what `reasonOf` (time.ts) says. */
export type WallFault = "month" | "day" | "week" | "hour" | "minute" | "second" | "offset";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const DATE = /(\d{4})(?:-?W(\d\d)(?:-?(\d))?|-(\d{3})|-(\d\d)(?:-(\d\d))?|(\d\d)(\d\d))?/;
const CLOCK = /[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?/;
const OFFSET = / ?(?:([Zz]|UTC)|([+-])(\d\d)(?::?(\d\d))?)/;
const FORM = new RegExp(`^${DATE.source}(?:${CLOCK.source}(?:${OFFSET.source})?)?$`);

const EPOCH = /^(\d{1,15})(?:\.(\d+))?(s|ms)$/;

/** Reads a text that is no plain time; null when it is none of these either. */
export function readEveryday(text: string): WallTime | WallFault | null {
  const epoch = EPOCH.exec(text);
  if (epoch !== null) return epochTime(epoch[1], epoch[2] ?? "", epoch[3] === "s" ? SECOND_MS : 1);
  const match = FORM.exec(text);
  if (match === null || (match[9] !== undefined && !isWholeDay(match))) return null;
  const date = readDate(match);
  if (typeof date === "string" || match[9] === undefined) return date;
  const hour = Number(match[9]);
  const minute = Number(match[10] ?? 0);
  const second = Number(match[11] ?? 0);
  const fraction = readFraction(match[12] ?? "", SECOND_MS);
  const clockMs = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + fraction.ms;
  if (hour > 23 && clockMs !== DAY_MS) return "hour";
  if (minute > 59) return "minute";
  if (second > 60) return "second";
  const spanMs = match[10] === undefined ? HOUR_MS : match[11] === undefined ? MINUTE_MS : fraction.spanMs;
  const offsetHours = Number(match[15] ?? 0);
  const offsetMinutes = Number(match[16] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return "offset";
  const offset = (offsetHours * HOUR_MS + offsetMinutes * MINUTE_MS) * (match[14] === "-" ? -1 : 1);
  const isZoned = match[13] !== undefined || match[14] !== undefined;
  return { localMs: date.localMs + clockMs, spanMs, offsetMs: isZoned ? offset + 0 : null };
}

/** A time of day stands behind a day only. */
function isWholeDay(match: RegExpExecArray): boolean {
  return [3, 4, 6, 8].some((group) => match[group] !== undefined);
}

function readDate(match: RegExpExecArray): WallTime | WallFault {
  const year = Number(match[1]);
  const days = (from: number, count: number): WallTime => ({
    localMs: from * DAY_MS,
    spanMs: count * DAY_MS,
    offsetMs: null,
  });
  if (match[2] !== undefined) {
    const monday = firstMonday(year) + (Number(match[2]) - 1) * 7;
    if (match[2] === "00" || monday >= firstMonday(year + 1)) return "week";
    if (match[3] === undefined) return days(monday, 7);
    return match[3] >= "1" && match[3] <= "7" ? days(monday + Number(match[3]) - 1, 1) : "day";
  }
  const first = daysFromCivil(year, 1, 1);
  if (match[4] !== undefined) {
    const day = first + Number(match[4]) - 1;
    return match[4] === "000" || day >= daysFromCivil(year + 1, 1, 1) ? "day" : days(day, 1);
  }
  const month = match[5] ?? match[7];
  if (month === undefined) return days(first, daysFromCivil(year + 1, 1, 1) - first);
  const count = daysIn(year, Number(month));
  if (count === undefined) return "month";
  const day = match[6] ?? match[8];
  if (day === undefined) return days(daysFromCivil(year, Number(month), 1), count);
  return day === "00" || Number(day) > count ? "day" : days(daysFromCivil(year, Number(month), Number(day)), 1);
}

/** Whole milliseconds of the digits behind a point, and what the last of them is worth: not less than a millisecond. */
function readFraction(digits: string, unitMs: number): { ms: number; spanMs: number } {
  const kept = digits.slice(0, unitMs === 1 ? 0 : 3);
  const spanMs = unitMs / 10 ** kept.length;
  return { ms: Number(kept) * spanMs, spanMs };
}

function epochTime(whole: string, digits: string, unitMs: number): WallTime {
  const fraction = readFraction(digits, unitMs);
  return { localMs: Number(whole) * unitMs + fraction.ms, spanMs: fraction.spanMs, offsetMs: 0 };
}
