/** The time axis in the server's zone: where ticks are, and what they say, by the calendar of core. */
import { edgesOf, type Step, stepFor } from "../../core/calendar.ts";
import type { Zone } from "../../core/zone.ts";
import type { Ticks } from "./plot.ts";
import type { Span } from "./span.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/**
 * At most `count` ticks within a span, at moments that a calendar of the zone has names for: ms of UTC, ascending. A label's second line says the
 * date, or the offset from UTC, where it changes.
 */
export function ticksOf({ start, end }: Span, count: number, zone: Zone): Ticks {
  const window = { start: Math.ceil(start / 1000) - 1, end: Math.floor(end / 1000) + 1 };
  const most = Math.max(1, count);
  const step = stepFor(window, most + 1, zone);
  const edges = edgesOf(window, step, zone, most + 1) ?? [];
  const at = edges.slice(1, -1).map((edge) => edge * 1000);
  return { at, labels: labelsOf(at, step, zone) };
}

function labelsOf(at: readonly number[], { unit }: Step, zone: Zone): string[] {
  let shown = "";
  let offset: number | null = null;
  return at.map((ms) => {
    const { year, month, day, weekday, time } = wallTime(ms, zone);
    const [label, context] = {
      s: [time, `${day} ${month} ${year}`],
      m: [time.slice(0, 5), `${day} ${month} ${year}`],
      h: [time.slice(0, 5), `${day} ${month} ${year}`],
      d: [`${weekday} ${day}`, `${month} ${year}`],
      w: [`${day} ${month}`, `${year}`],
      mo: [month, `${year}`],
      y: [`${year}`, ""],
    }[unit];
    const offsetBefore = offset ?? zone.offsetAt(ms);
    offset = zone.offsetAt(ms);
    const clockChanged = offset !== offsetBefore && "smh".includes(unit);
    if (context === shown) return clockChanged ? `${label}\n${offsetText(offset)}` : label;
    shown = context;
    return `${label}\n${context}`;
  });
}

function wallTime(ms: number, zone: Zone) {
  const date = new Date(ms + zone.offsetAt(ms));
  return {
    year: date.getUTCFullYear(),
    month: MONTHS[date.getUTCMonth()],
    day: date.getUTCDate(),
    weekday: DAYS[date.getUTCDay()],
    time: date.toISOString().slice(11, 19),
  };
}

/** `Mon 2020-01-13 15:12:00 – 15:14:00 +01:00`: from a moment to the first that does not belong to it. */
export function spanText({ start, end }: Span, zone: Zone): string {
  const [first, last] = [zone.shown(start), zone.shown(end)];
  const [before, after] = [offsetText(zone.offsetAt(start)), offsetText(zone.offsetAt(end))];
  const sameDay = first.slice(0, 10) === last.slice(0, 10);
  const one = `${wallTime(start, zone).weekday} ${first}${before === after ? "" : ` ${before}`}`;
  return `${one} – ${sameDay ? last.slice(11) : `${wallTime(end, zone).weekday} ${last}`} ${after}`;
}

/** A moment as people write it in the zone; with the offset where the wall clock shows it twice. */
export function fieldText(ms: number, zone: Zone): string {
  const shown = zone.shown(ms);
  const offset = zone.offsetAt(ms);
  return zone.end(ms + offset) === zone.start(ms + offset) ? shown : shown + offsetText(offset);
}

/** `+05:30`; with seconds where a zone had them once. */
function offsetText(offsetMs: number): string {
  const text = new Date(Math.abs(offsetMs)).toISOString().slice(11, 19).replace(/:00$/, "");
  return (offsetMs < 0 ? "-" : "+") + text;
}
