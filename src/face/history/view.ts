/** What the page shows, and its text in the address: every view can be bookmarked, sent to others, and gone back to. */
import type { Span } from "./span.ts";

/** Bounds as `GET /series` takes them, each in any of its forms; "" is none. */
export interface Range {
  readonly from: string;
  readonly to: string;
  readonly toExclusive: string;
}

/** Where the y axis goes: fitted to what is shown, from zero on, or fixed, of each sensor. */
export type YAxis =
  | { readonly mode: "auto" | "zero" }
  | { readonly mode: "fixed"; readonly bounds: readonly (readonly [number, number])[] };

/** All of the page's state. */
export interface View {
  readonly sensors: readonly string[];
  /** The one device of the one sensor that is shown; "": all. */
  readonly device: string;
  readonly range: Range;
  /** Where `0` leads back to, once somebody has zoomed. */
  readonly home: Range | null;
  readonly percentiles: readonly string[];
  readonly y: YAxis;
  /** What it is compared with: "1d", "1w"; "" nothing. */
  readonly shift: string;
  /** As it was at this moment, in any form that the server takes; "": as it is. */
  readonly asOf: string;
  readonly selection: Span | null;
  /** Metrics of the selection. */
  readonly asked: readonly string[];
}

/** As many sensors as `GET /series` answers at one time. */
export const SENSORS_MAX = 8;

/** Lines more than these hide each other. */
export const PERCENTILES_MAX = 4;

/** What the selection's table has when nothing was chosen. */
const ASKED = ["count", "mean", "min", "max", "stddev", "p95"];

/** Of a first visit. */
export const FIRST_RANGE: Range = { from: "-1h", to: "", toExclusive: "" };

const BETWEEN = "..";

/** Between the bounds of a range whose end does not belong to it. */
const BEFORE = "..<";

/** Reads the address; what it does not say, or what cannot be meant, is as on a first visit. The server judges the rest. */
export function readView(query: URLSearchParams): View {
  const text = (name: string) => query.get(name)?.trim() ?? "";
  const list = (name: string) => [...new Set(query.getAll(name).flatMap((names) => names.split(",")))].filter(Boolean);
  const range = { from: text("from"), to: text("to"), toExclusive: text("toExclusive") };
  const asked = list("asked");
  const device = query.get("device") ?? "";
  return {
    sensors: list("sensor").slice(0, device === "" ? SENSORS_MAX : 1),
    device,
    range: ["from", "to", "toExclusive"].some((name) => query.has(name)) ? range : FIRST_RANGE,
    home: query.has("home") ? rangeOf(text("home")) : null,
    percentiles: list("percentiles").slice(0, PERCENTILES_MAX),
    y: yAxisOf(text("y")),
    shift: text("shift"),
    asOf: text("asOf"),
    selection: spanOf(text("selection")),
    asked: asked.length === 0 ? ASKED : asked,
  };
}

/** The address of a view, as changes of what is in it; what is as on a first visit is left out (null). */
export function writeView(view: View): Record<string, string | readonly string[] | null> {
  const { range, home, selection, y } = view;
  const first = sameRange(range, FIRST_RANGE);
  const everything = RANGE.every((name) => range[name] === "");
  return {
    sensor: view.sensors,
    device: view.device || null,
    from: first ? null : everything ? "" : range.from || null,
    to: first ? null : range.to || null,
    toExclusive: range.toExclusive || null,
    home: home && home.from + (home.toExclusive === "" ? BETWEEN : BEFORE) + endOf(home),
    percentiles: view.percentiles.join(",") || null,
    y:
      y.mode === "fixed" ? y.bounds.map((bounds) => bounds.join(BETWEEN)).join(",") : y.mode === "zero" ? y.mode : null,
    shift: view.shift || null,
    asOf: view.asOf || null,
    selection: selection && momentText(selection.start) + BETWEEN + momentText(selection.end),
    asked: view.asked.join() === ASKED.join() ? null : view.asked.join(","),
  };
}

const RANGE = ["from", "to", "toExclusive"] as const;

/** Whether two ranges are written the same. */
export function sameRange(one: Range, other: Range): boolean {
  return RANGE.every((name) => one[name] === other[name]);
}

/** A span as the server is asked for it. */
export function rangeOfSpan({ start, end }: Span): Range {
  return { from: momentText(start), to: "", toExclusive: momentText(end) };
}

/** `2020-01-13T15:12:00Z` */
export function momentText(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

/** Whether the range is another one a moment later: it has no end, or a bound counts from now. */
export function moves({ from, to, toExclusive }: Range): boolean {
  const relative = /^(now|today|yesterday|[+-])/;
  return (to === "" && toExclusive === "") || relative.test(from) || relative.test(to) || relative.test(toExclusive);
}

/** Whether a view is another one a moment later. */
export function isMoving({ asOf, range }: View): boolean {
  return asOf === "" && moves(range);
}

/** The last bound, whichever it is. */
function endOf({ to, toExclusive }: Range): string {
  return to + toExclusive;
}

function rangeOf(text: string): Range {
  const exclusive = text.includes(BEFORE);
  const [from, end = ""] = text.split(exclusive ? BEFORE : BETWEEN);
  return { from, to: exclusive ? "" : end, toExclusive: exclusive ? end : "" };
}

function spanOf(text: string): Span | null {
  const [start, end] = text.split(BETWEEN).map((moment) => Date.parse(moment));
  return end > start ? { start, end } : null;
}

function yAxisOf(text: string): YAxis {
  if (text === "zero") return { mode: "zero" };
  const bounds = text.split(",").map((pair) => pair.split(BETWEEN).map(Number));
  const fixed = text !== "" && bounds.every(([low, high]) => low < high);
  return fixed ? { mode: "fixed", bounds: bounds.map(([low, high]) => [low, high]) } : { mode: "auto" };
}
