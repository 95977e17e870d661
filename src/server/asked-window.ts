/** The window that the bounds of a request mean, where a fault refuses all of it. */
import { parseBounds, resolveWindow } from "../core/time-window.ts";
import type { Window } from "../core/window.ts";
import type { Zone } from "../core/zone.ts";
import { RequestError } from "./problem.ts";

/** First and newest event time that an open bound reaches, ms; null: there is no reading, or none is looked at. */
export interface Reach {
  readonly firstMs: number | null;
  readonly lastMs: number | null;
}

/** No reading is looked at. */
export const NO_REACH: Reach = { firstMs: null, lastMs: null };

/** @param reach called once the bounds were understood @throws RequestError 400 */
export function windowAsked(
  bounds: Parameters<typeof parseBounds>[0],
  zone: Zone,
  nowMs: number,
  { what = "", reach = () => NO_REACH }: { readonly what?: string; readonly reach?: () => Reach } = {},
): Window {
  const read = parseBounds(bounds, zone, nowMs);
  const window = "errors" in read ? read : resolveWindow(read, reach(), nowMs);
  if ("errors" in window) throw new RequestError(400, what + window.errors.map(({ text }) => text).join("; "));
  return window;
}
