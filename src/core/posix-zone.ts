/**
 * Time zones as POSIX writes them in the variable TZ: `JST-9`, `<+0330>-3:30`, `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1-2024, 8.3). Offsets there
 * count westward, so `JST-9` is nine hours ahead of UTC. Machines without a time zone database have them. Under core/zone.ts.
 */
import { DAY_MS, daysFromCivil, daysIn, weekday } from "./dates.ts";

const SECOND_MS = 1000;

const NAME = "(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)";
const OFFSET = "([+-]?)(\\d{1,3})(?::(\\d\\d))?(?::(\\d\\d))?";
const FORM = new RegExp(`^${NAME}${OFFSET}(?:${NAME}(?:${OFFSET})?,([^,]+),([^,]+))?$`);
const RULE = new RegExp(`^(?:M(\\d{1,2})\\.([1-5])\\.([0-6])|J(\\d{1,3})|(\\d{1,3}))(?:/${OFFSET})?$`);

/** Hours of an offset and of a rule's time of day that POSIX allows. */
const OFFSET_HOURS_MAX = 24;
const RULE_HOURS_MAX = 167;

/** When clocks are changed, in time of day of the wall clock before the change, and to what. */
interface ClockChange {
  /** The day in a year, days since the epoch. */
  readonly dayOf: (year: number) => number;
  readonly timeMs: number;
}

/** Reads a zone as POSIX has it: the offset in force at a moment of UTC, local − UTC in ms. Null when the text is none. */
export function parsePosixZone(text: string): ((utcMs: number) => number) | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const standard = durationOf(match, 1, OFFSET_HOURS_MAX);
  if (standard === null) return null;
  const standardMs = -standard + 0; // no -0
  if (match[9] === undefined) return () => standardMs;
  const daylight = match[6] === undefined ? standard - 3600 * SECOND_MS : durationOf(match, 5, OFFSET_HOURS_MAX);
  const [start, end] = [changeOf(match[9]), changeOf(match[10])];
  if (daylight === null || start === null || end === null) return null;
  const daylightMs = -daylight + 0;
  return (utcMs) => {
    const year = new Date(utcMs + standardMs).getUTCFullYear();
    const begins = start.dayOf(year) * DAY_MS + start.timeMs - standardMs;
    const ends = end.dayOf(year) * DAY_MS + end.timeMs - daylightMs;
    const isDaylight = begins < ends ? utcMs >= begins && utcMs < ends : utcMs >= begins || utcMs < ends;
    return isDaylight ? daylightMs : standardMs;
  };
}

/** Sign, hours, minutes and seconds in four groups of a match, as ms; null when a part is too large. */
function durationOf(match: RegExpExecArray, group: number, hoursMax: number): number | null {
  const [hours, minutes, seconds] = [1, 2, 3].map((part) => Number(match[group + part] ?? 0));
  if (hours > hoursMax || minutes > 59 || seconds > 59) return null;
  const size = ((hours * 60 + minutes) * 60 + seconds) * SECOND_MS;
  return match[group] === "-" ? -size : size;
}

function changeOf(text: string): ClockChange | null {
  const match = RULE.exec(text);
  if (match === null) return null;
  const timeMs = match[7] === undefined ? 2 * 3600 * SECOND_MS : durationOf(match, 6, RULE_HOURS_MAX);
  if (timeMs === null) return null;
  const [month, week, day] = [1, 2, 3].map((group) => Number(match[group]));
  if (match[1] !== undefined) {
    return month >= 1 && month <= 12 ? { dayOf: (year) => dayOfWeek(year, month, week, day), timeMs } : null;
  }
  // J1 to J365 count without the 29th of February, 0 to 365 with it.
  const number = Number(match[4] ?? match[5]);
  if (match[4] === undefined)
    return number <= 365 ? { dayOf: (year) => daysFromCivil(year, 1, 1) + number, timeMs } : null;
  if (number < 1 || number > 365) return null;
  return {
    dayOf: (year) => daysFromCivil(year, 1, 1) + number - (number > 59 && daysIn(year, 2) === 29 ? 0 : 1),
    timeMs,
  };
}

/** The `week`th such day of a month, the last one for 5; Sunday is 0. */
function dayOfWeek(year: number, month: number, week: number, day: number): number {
  const first = daysFromCivil(year, month, 1);
  const found = first + ((day + 6 - weekday(first) + 7) % 7) + (week - 1) * 7;
  return found < first + daysIn(year, month) ? found : found - 7;
}
