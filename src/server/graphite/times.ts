/** Times as Graphite's clients write them: epoch seconds, `now`, `-6h`, `-5min`, `-1mon` (graphite.readthedocs.io, "The Render URL API"). */
import { type Step, type StepUnit, shiftedBack } from "../../core/calendar.ts";
import type { Window } from "../../core/window.ts";
import type { Zone } from "../../core/zone.ts";
import { RequestError } from "../problem.ts";

const UNITS: readonly (readonly [pattern: RegExp, unit: StepUnit])[] = [
  [/^s(ec(ond)?s?)?$/, "s"],
  [/^m(in(ute)?s?)?$/, "m"],
  [/^h(ours?)?$/, "h"],
  [/^d(ays?)?$/, "d"],
  [/^w(eeks?)?$/, "w"],
  [/^mon(th)?s?$/, "mo"],
  [/^y(ears?)?$/, "y"],
];

/** The years 1 to 9999, epoch seconds. */
const SECONDS_MIN = -62_135_596_800;
const SECONDS_MAX = 253_402_300_799;

/** "5min" → a step; null where it is none. A sign before it is the caller's matter. */
export function stepOf(text: string): Step | null {
  const [, digits = "", word = ""] = /^(\d{1,6})([a-z]+)$/.exec(text) ?? [];
  const unit = UNITS.find(([pattern]) => pattern.test(word))?.[1];
  return unit === undefined || Number(digits) === 0 ? null : { count: Number(digits), unit };
}

/** The window of a request. @throws RequestError 400 */
export function windowOf(from: string | null, until: string | null, zone: Zone, nowMs: number): Window {
  const now = Math.floor(nowMs / 1000);
  const start = secondOf("from", from ?? "-24h", zone, now);
  // The second that runs belongs to what goes until now.
  const end = until === null || until === "now" ? now + 1 : secondOf("until", until, zone, now);
  if (start > end) throw new RequestError(400, `Cannot draw from ${start} until ${end}: expected from <= until`);
  return { start, end };
}

function secondOf(name: string, text: string, zone: Zone, now: number): number {
  if (text === "now") return now;
  const step = /^(?:now)?-/.test(text) ? stepOf(text.slice(text.indexOf("-") + 1)) : null;
  const second = step === null ? (/^-?\d{1,12}$/.test(text) ? Number(text) : Number.NaN) : shiftedBack(now, step, zone);
  if (second >= SECONDS_MIN && second <= SECONDS_MAX) return second;
  throw new RequestError(
    400,
    `Cannot draw ${name} ${JSON.stringify(text)}: expected epoch seconds, now, or -6h, -5min, -1mon`,
  );
}
