/** The `from`, `to` and `toExclusive` of a request → whole seconds [start, end), or texts that say what was wrong and what was expected. */
import { parseTime, TIME_EXPECTED } from "./asked-time.ts";
import type { ParsedTime } from "./time.ts";
import { RESOLUTION_MS, type Window } from "./window.ts";
import type { Zone } from "./zone.ts";

/** Characters shown of an unreadable input: enough to find it again. */
const SHOWN_MAX = 64;

/** How far ahead of the newest second a `from` without an end may be, s: clocks of clients differ. Later ones are mistakes and refused. */
const AHEAD_SECONDS_MAX = 86_400;

/** The bounds of a window in a request. */
export const BOUND_NAMES = ["from", "to", "toExclusive"] as const;

/** One of the bounds. */
export type BoundName = (typeof BOUND_NAMES)[number];

const NAMES: ReadonlySet<string> = new Set(BOUND_NAMES);

/** Whether a key of a request is a bound. */
export function isBoundName(name: string): name is BoundName {
  return NAMES.has(name);
}

/** The bounds as they were asked; null: not given. */
export interface WindowBounds {
  readonly from: ParsedTime | null;
  readonly to: ParsedTime | null;
  /** Of `to` only the start counts: it does not belong to the window. */
  readonly exclusive: boolean;
  /** The zone in which errors show the bounds. */
  readonly zone: Zone;
}

/** What is wrong with a bound, or with none in particular. */
interface BoundFault {
  readonly bound: BoundName | null;
  readonly text: string;
}

/** Why there is no window. */
export interface WindowFault {
  readonly errors: readonly BoundFault[];
}

/** Parses the bounds of a request; `undefined` is "not given", anything but a text or a number is a fault. */
export function parseBounds(
  given: Readonly<Partial<Record<BoundName, unknown>>>,
  zone: Zone,
  nowMs: number,
): WindowBounds | WindowFault {
  const errors: BoundFault[] = [];
  const from = parseBound("from", given.from, zone, nowMs, errors);
  const to = parseBound("to", given.to, zone, nowMs, errors);
  const toExclusive = parseBound("toExclusive", given.toExclusive, zone, nowMs, errors);
  if (given.to !== undefined && given.toExclusive !== undefined) {
    errors.push({ bound: "toExclusive", text: "Cannot use to and toExclusive together: expected one of them" });
  }
  if (errors.length > 0) return { errors };
  const bounds = { from, to: to ?? toExclusive, exclusive: toExclusive !== null, zone };
  const fault = orderFault(bounds);
  return fault === null ? bounds : { errors: [{ bound: null, text: fault }] };
}

/** Null where it is not given, or is at fault: then the reason is in `errors`. */
function parseBound(
  bound: BoundName,
  input: unknown,
  zone: Zone,
  nowMs: number,
  errors: BoundFault[],
): ParsedTime | null {
  if (input === undefined) return null;
  const parsed = typeof input === "string" || typeof input === "number" ? parseTime(input, zone, nowMs) : null;
  if (parsed !== null && !("fault" in parsed)) return parsed;
  const reason = parsed === null || parsed.reason === "" ? "" : parsed.reason + "; ";
  errors.push({ bound, text: `Unreadable time ${shown(input)} in ${bound}: ${reason}expected ${TIME_EXPECTED}` });
  return null;
}

function shown(input: unknown): string {
  const text = JSON.stringify(input) ?? String(input);
  return text.length <= SHOWN_MAX ? text : text.slice(0, SHOWN_MAX) + "…";
}

/** A bound finer than a second is widened to the second that holds it. */
function startOf(time: ParsedTime): number {
  return Math.floor(time.startMs / RESOLUTION_MS);
}

function endOf(time: ParsedTime, exclusive: boolean): number {
  return exclusive ? startOf(time) : Math.ceil(time.endMs / RESOLUTION_MS);
}

/** What is wrong with the order of the bounds; null when nothing is. Equal bounds, as two in one gap of a clock change, make an empty window. */
function orderFault({ from, to, exclusive, zone }: WindowBounds): string | null {
  if (from === null || to === null || from.startMs <= to.startMs || startOf(from) < endOf(to, exclusive)) return null;
  const end = exclusive ? to.startMs : endOf(to, exclusive) * RESOLUTION_MS;
  const what = exclusive
    ? `toExclusive is ${zone.shown(end)}`
    : `to is [${zone.shown(to.startMs)}, ${zone.shown(end)})`;
  const name = exclusive ? "toExclusive" : "to";
  return `from after ${name}: from is ${zone.shown(from.startMs)} and ${what} in ${zone.name}, expected from <= ${name}`;
}

/**
 * The window that the bounds mean; `start` is `end` where they hold no second. Without an end it ends with the second of now, or of the newest
 * counted reading if that is later, and a `from` soon after that is an empty window; without `from` it starts with the second of the first
 * counted reading, and when there is none in reach, where the end bound starts.
 * @param history first and newest event time of the sensors asked for, ms; null before the first reading
 * @example
 * ```ts
 * const [zone, now] = [new Zone("UTC"), Date.UTC(2020, 0, 20)];
 * const bounds = parseBounds({ from: "2020-01-13 15:12:00", to: "2020-01-13 15:13:00" }, zone, now);
 * if ("errors" in bounds) throw new Error(bounds.errors[0].text);
 * const window = resolveWindow(bounds, { firstMs: null, lastMs: null }, now);
 * assert.equal("errors" in window || window.end - window.start, 61);
 * ```
 */
export function resolveWindow(
  { from, to, exclusive, zone }: WindowBounds,
  history: { readonly firstMs: number | null; readonly lastMs: number | null },
  nowMs: number,
): Window | WindowFault {
  const newest = Math.floor(Math.max(nowMs, history.lastMs ?? nowMs) / RESOLUTION_MS);
  const end = to === null ? newest + 1 : endOf(to, exclusive);
  if (from !== null) {
    const start = startOf(from);
    if (to !== null || start <= end) return { start, end: Math.max(start, end) };
    if (start - end <= AHEAD_SECONDS_MAX) return { start, end: start };
    const [asked, now] = [zone.shown(from.startMs), zone.shown(nowMs)];
    const text = `from after now: from is ${asked} and now is ${now} in ${zone.name}, expected from <= now, or a to`;
    return { errors: [{ bound: "from", text }] };
  }
  const first = history.firstMs === null ? end : Math.floor(history.firstMs / RESOLUTION_MS);
  if (first < end) return { start: first, end };
  return { start: to === null ? newest : startOf(to), end };
}
