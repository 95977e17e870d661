/** What a question asks: the history as it is, or as it was at a revision (the state of a commit). */
import type { Window } from "../core/window.ts";
import type { Needs } from "../metrics/aggregate.ts";
import type { Answer } from "../metrics/answer.ts";

/** Whoever answers about windows. */
export interface Answers {
  /**
   * Merges the buckets that cover the window. Always fresh: what `ingest` has folded is in it. Microseconds; no I/O when cached.
   * @param device of that device of the sensor alone @throws TidemarkError "no-device-series"
   */
  query(sensor: string, window: Window, needs: Needs, device?: string): Answer;
  /** O(1): what a question with an open bound asks for. @throws TidemarkError "no-device-series" */
  span(sensor: string, device?: string): { readonly firstTime: number | null; readonly lastTime: number | null };
  /** @throws TidemarkError "no-device-series", "revision-gone" where the device cannot be asked for */
  requireSeries(sensor: string, device: string): void;
}

/** Which devices of a sensor could be asked for at a revision. */
export interface DevicesThen {
  /** Devices that were known and had no series of their own. */
  readonly withoutSeries: number;
  hadSeries(device: string): boolean;
}

/** What one cause changed in a window. */
export interface RevisedBy {
  readonly cause: "reading" | "late" | "released" | "corrected";
  /** More now than then; fewer: negative. */
  readonly readings: number;
  /** Seconds whose readings are others, and the smallest run that holds them. */
  readonly seconds: number;
  readonly range: Window;
}

/** All that changed in a window since. */
export interface Revised {
  readonly by: readonly RevisedBy[];
  /** Ranges that hold the changed seconds, ascending; at most a hundred, the last then holds all that follow. */
  readonly ranges: readonly Window[];
}

/**
 * The history as it was at a revision, to the bit. Asking costs O(what changed since in the window).
 * Its methods throw TidemarkError "revision-gone" where seconds of the window were deleted since, "request-invalid" where too much changed.
 * Of devices it may reach less far back: "revision-gone".
 */
export interface Past extends Answers {
  /** When that was, ms. */
  readonly revision: number;
  /** The moment that was asked for; while a commit is written no later one than its revision, which has not been told before: ms. */
  readonly moment: number;
  revised(sensor: string, window: Window, device?: string): Revised;
  /** O(devices). */
  devices(sensor: string): DevicesThen;
}
