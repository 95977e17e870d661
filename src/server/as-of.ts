/** `asOf` of a question: whom it asks, and what its now is. */
import { parseTime, TIME_EXPECTED } from "../core/asked-time.ts";
import { formatMs } from "../core/time.ts";
import type { Zone } from "../core/zone.ts";
import type { Engine } from "../engine/engine.ts";
import type { Answers, Past } from "../engine/past.ts";
import { type Schema, TEXT } from "./route-schema.ts";

/** Says which moment was asked for. */
export const AS_OF_HEADER = "Tidemark-As-Of";

/** What it says. */
export const AS_OF_SHOWN: Schema = {
  ...TEXT,
  description: "only with asOf: the moment, in UTC, which as asOf gives the same answer again",
};

/** The parameter. */
export const AS_OF_PARAMETER: Schema = {
  ...TEXT,
  description:
    "answers as it was at this moment (its end, at the precision it is written in): as of the last commit until then. " +
    "Times relative to now are so to that moment. 410 `revision-gone` where that is not kept any more",
};

/** Whom a question asks, and its now. */
export interface Moment {
  readonly answers: Answers;
  /** Null: the history is asked as it is. */
  readonly past: Past | null;
  readonly nowMs: number;
}

/**
 * @param asOf as a request has it; undefined: not given
 * @returns or what was wrong, and what was expected
 * @throws TidemarkError "revision-gone"
 */
export function momentOf(
  asOf: string | number | undefined,
  engine: Engine,
  zone: Zone,
  nowMs: number,
): Moment | { readonly fault: string } {
  if (asOf === undefined) return { answers: engine, past: null, nowMs };
  const time = parseTime(asOf, zone, nowMs);
  if ("fault" in time) {
    const reason = time.reason === "" ? "" : `${time.reason}; `;
    return {
      fault: `Unreadable time ${JSON.stringify(asOf).slice(0, 64)} in asOf: ${reason}expected ${TIME_EXPECTED}`,
    };
  }
  const ms = Math.min(time.endMs - 1, nowMs);
  const past = engine.asOf(ms);
  return { answers: past, past, nowMs: past.moment };
}

/** Headers of an answer of a moment, by name. */
export function asOfHeader({ past, nowMs }: Moment): Readonly<Record<string, string>> {
  return past === null ? {} : { [AS_OF_HEADER]: formatMs(nowMs) };
}
