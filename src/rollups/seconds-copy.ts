/** Pages of seconds that are copied, or a part of one. */
import { SECONDS_PER_PAGE } from "./levels.ts";
import { decodeSeconds, encodeSeconds } from "./seconds-codec.ts";
import { SecondsPage } from "./seconds-page.ts";

/** Where the seconds [start, end) begin and end within a page of them. */
export function within(number: number, start: number, end: number): [from: number, to: number] {
  const pageStart = number * SECONDS_PER_PAGE;
  return [Math.max(0, start - pageStart), Math.min(SECONDS_PER_PAGE, end - pageStart)];
}

/** The same content in a page of its own. */
export function copyOfSeconds(key: number, seconds: SecondsPage): SecondsPage {
  // An empty page has no bytes.
  return seconds.count === 0 ? new SecondsPage(seconds.start) : decodeSeconds(key, encodeSeconds(key, seconds).slice());
}

/** Of a page that is nobody else's the seconds [from, to). */
export function withinCopy(copy: SecondsPage, from: number, to: number): SecondsPage {
  const before = to < SECONDS_PER_PAGE ? copy.without(to, SECONDS_PER_PAGE) : copy;
  return from > 0 ? before.without(0, from) : before;
}
