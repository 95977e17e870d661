/**
 * Times relative to now: `now-1h`, `-24h`, `today`, `yesterday`, `now/d` (the date arithmetic of Grafana and Elasticsearch). Only requests
 * have them: what a reading means must not depend on when it is read. Under core/time.ts.
 */
import { DAY_MS, daysFromCivil, daysIn, weekday } from "./dates.ts";
import type { ParsedTime } from "./time.ts";
import type { Zone } from "./zone.ts";

const FORM = /^(now|today|yesterday|(?=[+-]))((?:[+-]\d{1,9}[a-zA-Z]+|\/[a-zA-Z]+)*)$/;
const STEP = /([+-]\d+|\/)([a-zA-Z]+)/g;

/** Time that passes, whatever the clock shows. */
const ELAPSED_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Units of the calendar: the same time of day, days, weeks, months or years away. */
const CALENDAR = "dwMy";

const UNITS = "the units are s, m, h, d, w, M (months) and y";

/**
 * Reads `text`, null when it is no relative time; a text says what is wrong with its units. `/d` rounds to the day that holds the moment: a
 * start takes its start, an end its end. Without rounding it is one millisecond.
 */
export function parseRelative(text: string, zone: Zone, nowMs: number): ParsedTime | string | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  let time: ParsedTime = { startMs: nowMs, endMs: nowMs + 1 };
  const steps = { now: "", "": "", today: "/d", yesterday: "-1d/d" }[match[1]] + match[2];
  for (const [, step, unit] of steps.matchAll(STEP)) {
    if (!(unit in ELAPSED_MS) && !(unit.length === 1 && CALENDAR.includes(unit))) return UNITS;
    time = step === "/" ? unitAt(time.startMs, unit, zone) : shifted(time, Number(step), unit, zone);
    if (Number.isNaN(time.startMs + time.endMs)) return "it is out of reach";
  }
  return time;
}

function shifted({ startMs, endMs }: ParsedTime, count: number, unit: string, zone: Zone): ParsedTime {
  const elapsedMs = ELAPSED_MS[unit];
  if (elapsedMs !== undefined) return { startMs: startMs + count * elapsedMs, endMs: endMs + count * elapsedMs };
  const start = onCalendar(startMs, count, unit, zone);
  return { startMs: start, endMs: endMs - startMs === 1 ? start + 1 : onCalendar(endMs, count, unit, zone) };
}

/** The wall clock's time `count` units away; a day that the month does not have is its last. */
function onCalendar(utcMs: number, count: number, unit: string, zone: Zone): number {
  const localMs = utcMs + zone.offsetAt(utcMs);
  if (unit === "d") return zone.start(localMs + count * DAY_MS);
  if (unit === "w") return zone.start(localMs + count * 7 * DAY_MS);
  const { year, month, day } = dateOf(localMs);
  const months = year * 12 + month - 1 + count * (unit === "y" ? 12 : 1);
  const [toYear, toMonth] = [Math.floor(months / 12), (((months % 12) + 12) % 12) + 1];
  if (toYear < 1 || toYear > 9999) return Number.NaN;
  const days = daysFromCivil(toYear, toMonth, Math.min(day, daysIn(toYear, toMonth)));
  return zone.start(days * DAY_MS + localMs - Math.floor(localMs / DAY_MS) * DAY_MS);
}

/** The unit of the wall clock that holds a moment. */
function unitAt(utcMs: number, unit: string, zone: Zone): ParsedTime {
  const localMs = utcMs + zone.offsetAt(utcMs);
  const days = Math.floor(localMs / DAY_MS);
  const between = (from: number, to: number) => ({ startMs: zone.start(from), endMs: zone.start(to) });
  const elapsedMs = ELAPSED_MS[unit];
  if (elapsedMs !== undefined) {
    const from = Math.floor(localMs / elapsedMs) * elapsedMs;
    return between(from, from + elapsedMs);
  }
  if (unit === "d") return between(days * DAY_MS, (days + 1) * DAY_MS);
  if (unit === "w") {
    const monday = days - weekday(days);
    return between(monday * DAY_MS, (monday + 7) * DAY_MS);
  }
  const { year, month } = dateOf(localMs);
  if (unit === "y") return between(daysFromCivil(year, 1, 1) * DAY_MS, daysFromCivil(year + 1, 1, 1) * DAY_MS);
  const next = month === 12 ? daysFromCivil(year + 1, 1, 1) : daysFromCivil(year, month + 1, 1);
  return between(daysFromCivil(year, month, 1) * DAY_MS, next * DAY_MS);
}

function dateOf(localMs: number): { year: number; month: number; day: number } {
  const date = new Date(localMs);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}
