/** What stands beside a chart: values that people read easily, and moments of a zone's clock. */
import { edgesOf, type Step, stepFor } from "../core/calendar.ts";
import { countText } from "../core/figures.ts";
import type { Zone } from "../core/zone.ts";

/** Values of an axis, and as many decimals as tell them apart. */
export interface Ticks {
  readonly values: readonly number[];
  text(value: number): string;
}

const LARGE_FROM = 1e7;
const SMALL_BELOW = 1e-4;

/** At most `most` multiples of 1, 2 or 5 times a power of ten within the range. */
export function ticksOf(low: number, high: number, most: number): Ticks {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? 10 * power;
  const values: number[] = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(k * step);
  return { values, text: (value) => tickText(value, step, Math.max(Math.abs(low), Math.abs(high))) };
}

function tickText(value: number, step: number, largest: number): string {
  if (Math.abs(value) < step / 2) return "0";
  if (largest >= LARGE_FROM || largest < SMALL_BELOW) {
    const digits = Math.max(0, Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(step)));
    return value.toExponential(Math.min(digits, 15));
  }
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return decimals === 0 ? countText(Math.round(value)) : value.toFixed(decimals);
}

/** A moment, epoch ms, and its text. */
export interface Mark {
  readonly ms: number;
  readonly text: string;
}

/** At most `most` moments within a window where a unit of the zone's calendar begins; midnights show their date. */
export function marksOf(startMs: number, endMs: number, zone: Zone, most: number): Mark[] {
  const window = { start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000) };
  if (window.end <= window.start) return [];
  const step = stepFor(window, Math.max(2, most), zone);
  const edges = edgesOf(window, step, zone, Math.max(2, most) + 1) ?? [];
  return edges.slice(1, -1).map((second) => ({ ms: second * 1000, text: markText(zone.shown(second * 1000), step) }));
}

/** Of `2020-01-13 15:12:07` what a step leaves open. */
function markText(shown: string, { unit }: Step): string {
  if (unit === "y") return shown.slice(0, 4);
  if (unit === "mo") return shown.slice(0, 7);
  if (unit === "d" || unit === "w" || shown.endsWith("00:00:00")) return shown.slice(5, 10);
  return unit === "s" ? shown.slice(11) : shown.slice(11, 16);
}
