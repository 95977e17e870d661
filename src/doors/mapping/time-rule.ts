/** When a reading was measured: a place in the payload and its form, or the time at which the message came. */
import { CLOCK_BEHIND_MS, TIME_MS_MAX, TIME_MS_MIN } from "../../core/limits.ts";
import { reasonOf, TIME_READ, TimeReader } from "../../core/time.ts";
import type { Zone } from "../../core/zone.ts";
import type { Captures } from "./pattern.ts";
import type { Part, Place } from "./place.ts";

/** How a time is written. `ago`: seconds before the message came. */
export const TIME_FORMS = ["auto", "ms", "s", "us", "ns", "iso", "ago"] as const;

/** One of them. */
export type TimeForm = (typeof TIME_FORMS)[number];

/** Where the time is; null: it is when the message came. */
export type TimeRule = null | {
  readonly at: Place;
  readonly as: TimeForm;
  /** Of texts that name none; null: the server's. */
  readonly zone: Zone | null;
  /** Where there is none, or a clock that was never set; undefined: that is a fault. */
  readonly otherwise: TimeRule | undefined;
};

/** ms since the epoch. `isOwn`: the message says it, so a copy of it says the same. */
export interface TimeRead {
  readonly ms: number;
  readonly isOwn: boolean;
}

/** What is wrong. */
export interface TimeFault {
  readonly fault: string;
  readonly isMissing: boolean;
}

/** null: it is when the message came. */
export type TimeOutcome = TimeRead | TimeFault | null;

/** What devices write that do not know the time. */
const NO_TIME: readonly string[] = ["", "now", "null", "unknown", "unavailable", "n/a"];

const DIGITS = /^[+-]?\d{1,19}(\.\d{1,12})?$/;

/** Reads times of payloads; those without a zone in `zone`. */
export class TimeRules {
  readonly #zone: Zone;
  readonly #readers = new Map<Zone, TimeReader>();

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  read(rule: TimeRule, item: Part, root: Part, captures: Captures, arrivalMs: number): TimeOutcome {
    if (rule === null) return null;
    const value = rule.at.first(item, root, captures)?.value;
    const outcome = isNoTime(value) ? null : this.#timeOf(rule, value, arrivalMs);
    const isUnset = outcome !== null && "ms" in outcome && outcome.ms < CLOCK_BEHIND_MS;
    if (rule.otherwise !== undefined && (outcome === null || isUnset)) {
      return this.read(rule.otherwise, item, root, captures, arrivalMs);
    }
    return outcome ?? { fault: `no time at "${rule.at.text}"`, isMissing: true };
  }

  #timeOf({ as, zone }: Exclude<TimeRule, null>, value: unknown, arrivalMs: number): TimeRead | TimeFault {
    const isNumber = typeof value === "number" || (typeof value === "string" && as !== "iso" && DIGITS.test(value));
    if (isNumber && as !== "iso") return inRange(msOf(as, value, arrivalMs), as !== "ago", value);
    if (typeof value === "string" && (as === "auto" || as === "iso")) return this.#written(value, zone ?? this.#zone);
    return unreadable(as === "iso" ? "a time such as 2020-01-13T15:12:00Z" : "a number", value);
  }

  #written(text: string, zone: Zone): TimeRead | TimeFault {
    const reader = this.#readers.get(zone) ?? new TimeReader(zone);
    this.#readers.set(zone, reader);
    const bytes = Buffer.from(padded(text.trim()));
    const problem = reader.read(bytes, 0, bytes.length);
    if (problem === TIME_READ) return { ms: reader.startMs, isOwn: true };
    return unreadable(reasonOf(problem) || "a time such as 2020-01-13T15:12:00Z", text);
  }
}

/** Months, days and hours of one digit, as weather stations write them: `2016-5-10 2:34:15`. */
const UNPADDED = /^(\d{4})-(\d{1,2})-(\d{1,2})([ T])(\d{1,2}):(\d{1,2}):(\d{1,2})(?!\d)/;

function padded(text: string): string {
  const two = (digits: string) => digits.padStart(2, "0");
  return text.replace(
    UNPADDED,
    (_all, year, month, day, between, hour, minute, second) =>
      `${year}-${two(month)}-${two(day)}${between}${two(hour)}:${two(minute)}:${two(second)}`,
  );
}

function isNoTime(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "string" && NO_TIME.includes(value.trim().toLowerCase());
}

/** By its digits what `auto` means: seconds up to the year 5138, then milliseconds, microseconds, nanoseconds. */
function formOf(number: number): TimeForm {
  const magnitude = Math.abs(number);
  return magnitude < 1e11 ? "s" : magnitude < 1e14 ? "ms" : magnitude < 1e17 ? "us" : "ns";
}

function msOf(as: TimeForm, value: unknown, arrivalMs: number): number {
  const number = Number(value);
  switch (as === "auto" ? formOf(number) : as) {
    case "ago":
      return Math.round(arrivalMs - number * 1000);
    case "s":
      // To the microsecond first, as 1680962879.62 is no double.
      return Number.isInteger(number) ? number * 1000 : Math.floor(Math.round(number * 1e6) / 1000);
    case "us":
      return Math.floor(number / 1e3);
    case "ns":
      // 19 digits are no double either: as a text they are cut where they stand.
      return Math.floor(
        typeof value === "string" && /^\d+$/.test(value) ? Number(BigInt(value) / 1_000_000n) : number / 1e6,
      );
    default:
      return Math.floor(number);
  }
}

function inRange(ms: number, isOwn: boolean, value: unknown): TimeRead | TimeFault {
  if (ms >= TIME_MS_MIN && ms <= TIME_MS_MAX) return { ms: ms + 0, isOwn };
  return unreadable("a time of the years 1 to 9999", value);
}

function unreadable(expected: string, value: unknown): TimeFault {
  const shown = JSON.stringify(value)?.slice(0, 80) ?? "nothing";
  return { fault: `the time: expected ${expected}, was ${shown}`, isMissing: false };
}
