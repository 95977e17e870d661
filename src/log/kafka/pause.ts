/** Waiting between tries: bounded, and over at once when something is closed. */
import { setTimeout as timer } from "node:timers/promises";

/** The first retry comes soon (a leader election takes tens of ms), later ones once a second: a broker that comes back is noticed within it. */
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1000;

/** Resolves after `ms`, or when `signal` aborts; never rejects. Injected, so that a simulation owns time. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** Waits by the machine's clock. */
export const systemPause: Pause = (ms, signal) => timer(ms, undefined, { signal }).catch(() => {});

/** How long to wait before the try after `failures` failed ones, ms. */
export function retryMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1));
}
