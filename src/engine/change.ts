/** What listeners are told when a sensor's numbers change: why, and which seconds. */
import type { Window } from "../core/window.ts";

/** Readings came; some that were late; some that had been held back; old ones are no longer kept; people deleted some, or brought them back. */
export const CAUSES = ["reading", "late", "released", "expired", "corrected"] as const;

/** One of CAUSES. */
export type Cause = (typeof CAUSES)[number];

/** Seconds whose readings changed for one cause: the smallest run of them that holds all of it. */
export interface CausedRange {
  readonly cause: Cause;
  readonly seconds: Window;
}

/** What has changed of a sensor. */
export interface Change {
  readonly sensor: string;
  /** One range a cause; empty when no answer has changed, only totals have (duplicates, rejections …). */
  readonly ranges: readonly CausedRange[];
}
