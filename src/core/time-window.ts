/** The `from` and `to` of a request → whole seconds [start, end), or texts that say what was wrong and what was expected. */
import { formatSecond, type ParsedTime, parseTime } from "./time.ts";
import { RESOLUTION_MS, type Window } from "./window.ts";
import type { Zone } from "./zone.ts";

const EXPECTED = 'expected "YYYY-MM-DD", "YYYY-MM-DD HH:MM[:SS]", ISO 8601 or epoch milliseconds';

/** Of an unreadable input this much is shown, characters: enough to find it again. */
const SHOWN_MAX = 64;

/** Bounds as they were asked; null: not given. */
export interface Bounds {
  readonly from: ParsedTime | null;
  readonly to: ParsedTime | null;
}

/** Why there is no window, a text for each bound at fault. */
export interface WindowFault {
  readonly errors: readonly string[];
}

/** Parses the two bounds of a request; `undefined` is "not given", anything but a text or a number is a fault. */
export function parseBounds(from: unknown, to: unknown, zone: Zone): Bounds | WindowFault {
  const errors: string[] = [];
  const bounds = { from: parseBound("from", from, zone, errors), to: parseBound("to", to, zone, errors) };
  if (errors.length > 0) return { errors };
  if (bounds.from !== null && bounds.to !== null && startOf(bounds.from) >= endOf(bounds.to)) {
    return { errors: [afterText(startOf(bounds.from), endOf(bounds.to))] };
  }
  return bounds;
}

function parseBound(name: "from" | "to", input: unknown, zone: Zone, errors: string[]): ParsedTime | null {
  if (input === undefined) return null;
  const parsed = typeof input === "string" || typeof input === "number" ? parseTime(input, zone) : null;
  if (parsed !== null && !("fault" in parsed)) return parsed;
  const reason = parsed === null || parsed.reason === "" ? "" : parsed.reason + "; ";
  errors.push(`Unreadable time ${shown(input)} in ${name}: ${reason}${EXPECTED}`);
  return null;
}

function shown(input: unknown): string {
  const text = JSON.stringify(input) ?? String(input);
  return text.length <= SHOWN_MAX ? text : text.slice(0, SHOWN_MAX) + "…";
}

/** A bound finer than a second is widened to the second that holds it. */
function startOf(from: ParsedTime): number {
  return Math.floor(from.startMs / RESOLUTION_MS);
}

function endOf(to: ParsedTime): number {
  return Math.ceil(to.endMs / RESOLUTION_MS);
}

function afterText(start: number, end: number): string {
  return `from after to: the window [${formatSecond(start)}, ${formatSecond(end)}) is empty, expected from <= to`;
}

/**
 * The window that the bounds mean. Without `to` it ends with the second of now, or of the newest counted reading if that is later;
 * without `from` it starts with the second of the first counted reading, and when there is none in reach, where `to` starts.
 * @param history first and newest event time of the sensors asked for, ms; null before the first reading
 */
export function resolveWindow(
  bounds: Bounds,
  history: { readonly firstMs: number | null; readonly lastMs: number | null },
  nowMs: number,
): Window | WindowFault {
  const lastSecond = Math.floor(Math.max(nowMs, history.lastMs ?? nowMs) / RESOLUTION_MS);
  const end = bounds.to === null ? lastSecond + 1 : endOf(bounds.to);
  if (bounds.from !== null) {
    const start = startOf(bounds.from);
    return start < end ? { start, end } : { errors: [afterText(start, end)] };
  }
  const first = history.firstMs === null ? end : Math.floor(history.firstMs / RESOLUTION_MS);
  return { start: first < end ? first : bounds.to === null ? lastSecond : startOf(bounds.to), end };
}
