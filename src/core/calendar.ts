/** Buckets of a calendar: where hours, days, weeks, months and years of a zone begin. Under `GET /series`. */
import type { Window } from "./window.ts";
import type { Zone } from "./zone.ts";

/** How wide buckets are: `count` times a unit of the calendar. A day has 23 to 25 hours, a month 28 to 31 days. */
export interface Step {
  readonly count: number;
  readonly unit: StepUnit;
}

/** Second, minute, hour, day, week (from Monday on), month, year. */
export type StepUnit = "s" | "m" | "h" | "d" | "w" | "mo" | "y";

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3600;

/** About the seconds of a unit. */
const UNIT_SECONDS: Readonly<Record<StepUnit, number>> = {
  s: 1,
  m: 60,
  h: HOUR_SECONDS,
  d: DAY_SECONDS,
  w: 7 * DAY_SECONDS,
  mo: 30.436875 * DAY_SECONDS,
  y: 365.2425 * DAY_SECONDS,
};

/** 1970-01-05, a Monday, as a number of days. */
const FIRST_MONDAY = 4;

/** The longest step: 100 years. */
const STEP_SECONDS_MAX = 100 * UNIT_SECONDS.y;

/** What a server chooses from: steps that people read easily. */
const EASY_STEPS: readonly Step[] = [
  ...[1, 2, 5, 10, 15, 30].map((count): Step => ({ count, unit: "s" })),
  ...[1, 2, 5, 10, 15, 30].map((count): Step => ({ count, unit: "m" })),
  ...[1, 2, 3, 6, 12].map((count): Step => ({ count, unit: "h" })),
  ...[1, 2].map((count): Step => ({ count, unit: "d" })),
  { count: 1, unit: "w" },
  ...[1, 3, 6].map((count): Step => ({ count, unit: "mo" })),
  ...[1, 2, 5, 10, 20, 50, 100].map((count): Step => ({ count, unit: "y" })),
];

/** "10s", "15m", "1h", "1d", "1w", "1mo", "1y" → a step; null where it is none, or over 100 years. */
export function parseStep(text: string): Step | null {
  const match = /^([1-9]\d{0,9})\s?(s|m|h|d|w|mo|y)$/.exec(text.trim());
  if (match === null) return null;
  const step = { count: Number(match[1]), unit: match[2] as StepUnit };
  return secondsOf(step) <= STEP_SECONDS_MAX ? step : null;
}

/** As `parseStep` reads it. */
export function stepText({ count, unit }: Step): string {
  return `${count}${unit}`;
}

/** About how long a step is, seconds. */
function secondsOf({ count, unit }: Step): number {
  return count * UNIT_SECONDS[unit];
}

/** The finest of the easy steps that divides the window into `points` buckets at most. */
export function stepFor(window: Window, points: number, zone: Zone): Step {
  const span = window.end - window.start;
  for (const step of EASY_STEPS) {
    // Days and months differ in length, and the first and the last bucket may be cut.
    if (span / secondsOf(step) > 1.1 * points) continue;
    if (edgesOf(window, step, zone, points) !== null) return step;
  }
  return EASY_STEPS[EASY_STEPS.length - 1];
}

/**
 * Where the buckets of a window begin, and where the last one ends: seconds of UTC, ascending, the window's bounds first and last, so that the
 * buckets add up to it. Steps of an hour or less count from local midnight on, longer ones follow the wall clock.
 * @returns null when there are more than `bucketsMax` buckets
 */
export function edgesOf(window: Window, step: Step, zone: Zone, bucketsMax: number): number[] | null {
  const edges = [window.start];
  for (let at = window.start; ; ) {
    at = edgeAfter(at, step, zone);
    if (at >= window.end) break;
    edges.push(at);
    if (edges.length > bucketsMax) return null;
  }
  edges.push(window.end);
  return edges;
}

/** The same wall time a number of units earlier, second of UTC; a day that the month does not have is its last. */
export function shiftedBack(second: number, { count, unit }: Step, zone: Zone): number {
  if (unit === "s" || unit === "m" || unit === "h") return second - count * UNIT_SECONDS[unit];
  const date = new Date(second * 1000 + zone.offsetAt(second * 1000));
  if (unit === "d" || unit === "w") date.setUTCDate(date.getUTCDate() - count * (unit === "w" ? 7 : 1));
  else {
    const day = date.getUTCDate();
    date.setUTCDate(1);
    date.setUTCMonth(date.getUTCMonth() - count * (unit === "y" ? 12 : 1));
    const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
    date.setUTCDate(Math.min(day, last));
  }
  return secondOf(date.getTime(), zone);
}

/** The first edge after a second. */
function edgeAfter(second: number, step: Step, zone: Zone): number {
  const { count, unit } = step;
  const localSeconds = second + zone.offsetAt(second * 1000) / 1000;
  const day = Math.floor(localSeconds / DAY_SECONDS);
  const size = count * UNIT_SECONDS[unit];
  switch (unit) {
    case "s":
    case "m":
    case "h":
      if (size <= HOUR_SECONDS) return shortEdgeAfter(second, day, size, zone);
      if (size < DAY_SECONDS) return wallEdgeAfter(second, day, localSeconds - day * DAY_SECONDS, size, zone);
      return dayEdgeAfter(second, day, Math.ceil(size / DAY_SECONDS), 0, zone);
    case "d":
      return dayEdgeAfter(second, day, count, 0, zone);
    case "w":
      return dayEdgeAfter(second, day, 7 * count, FIRST_MONDAY, zone);
    default: {
      const date = new Date(localSeconds * 1000);
      const months = unit === "mo" ? count : 12 * count;
      const month = date.getUTCFullYear() * 12 + date.getUTCMonth();
      const next = (Math.floor(month / months) + 1) * months;
      return secondOf(new Date(0).setUTCFullYear(Math.floor(next / 12), next % 12, 1), zone);
    }
  }
}

function shortEdgeAfter(second: number, day: number, size: number, zone: Zone): number {
  const start = secondOf(day * DAY_SECONDS * 1000, zone);
  const next = start + (Math.floor((second - start) / size) + 1) * size;
  return Math.min(next, dayEdgeAfter(second, day, 1, 0, zone));
}

function wallEdgeAfter(second: number, day: number, secondOfDay: number, size: number, zone: Zone): number {
  for (let k = Math.floor(secondOfDay / size) + 1; k * size < DAY_SECONDS; k++) {
    const edge = secondOf((day * DAY_SECONDS + k * size) * 1000, zone);
    if (edge > second) return edge;
  }
  return dayEdgeAfter(second, day, 1, 0, zone);
}

/** The start of the next `days`-th day, counted from day `origin` on: the one after it where a zone has left one out. */
function dayEdgeAfter(second: number, day: number, days: number, origin: number, zone: Zone): number {
  for (let next = Math.floor((day - origin) / days) + 1; ; next++) {
    const edge = secondOf((next * days + origin) * DAY_SECONDS * 1000, zone);
    if (edge > second) return edge;
  }
}

/** The second at which a wall time is reached. */
function secondOf(localMs: number, zone: Zone): number {
  return Math.ceil(zone.start(localMs) / 1000);
}
