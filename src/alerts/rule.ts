/** What a rule says: what is looked at, when it is too much, and for how long. Times and durations in seconds. */
import { createHash } from "node:crypto";
import type { Metric } from "../metrics/registry.ts";

/** What the value is compared with, by `against`. */
export const COMPARISONS = ["before", "day-before"] as const;

/** A rule that is understood. */
export interface Rule {
  readonly name: string;
  /** As it was written (docs/ALERTS.md). */
  readonly given: Readonly<Record<string, unknown>>;
  /** Of all that decides which alerts there are: two rules of one version raise the same. */
  readonly version: string;
  /** Names and patterns. */
  readonly sensors: readonly string[];
  /** Names and patterns of devices, each of which is judged by itself; null: a sensor as a whole is. */
  readonly devices: readonly string[] | null;
  readonly metric: Metric;
  readonly window: number;
  /** The window before it, or the same a day before, is taken off; null: nothing. */
  readonly against: (typeof COMPARISONS)[number] | null;
  /** The difference is a rate: so much a `per`; null: it is a difference. */
  readonly per: number | null;
  /** Whether values over the threshold are too much, or values below it. */
  readonly isAbove: boolean;
  readonly threshold: number;
  /** Where an alert ends: at the threshold or on the good side of it. */
  readonly until: number;
  readonly for: number;
  /** Judged at each whole multiple of it since the epoch. */
  readonly every: number;
  /** Nothing before is judged; null: from when the rule was made. */
  readonly from: number | null;
  /** Targets. */
  readonly to: readonly string[];
  readonly text: string | null;
}

/** Of a day: 24 hours, also when a clock is changed. */
const DAY = 86_400;

/** Hash of what decides which alerts there are. */
export function versionOf(rule: Omit<Rule, "version">): string {
  const { sensors, metric, window, against, per, isAbove, threshold, until, every, from } = rule;
  const ofDevices = rule.devices === null ? [] : [rule.devices];
  const deciding = [
    ...ofDevices,
    sensors,
    metric.name,
    window,
    against,
    per,
    isAbove,
    threshold,
    until,
    rule.for,
    every,
    from,
  ];
  return createHash("sha256").update(JSON.stringify(deciding)).digest("hex").slice(0, 12);
}

/** Whether a value is too much. */
export function holds({ isAbove, threshold }: Rule, value: number): boolean {
  return isAbove ? value > threshold : value < threshold;
}

/** Whether a value ends an alert. */
export function clears({ isAbove, until }: Rule, value: number): boolean {
  return isAbove ? value <= until : value >= until;
}

/** How far a judgement looks back: seconds of the oldest window's start before its instant. */
export function reachOf({ window, against }: Rule): number {
  return against === "day-before" ? window + DAY : against === "before" ? 2 * window : window;
}

/** Windows [end - back - length, end - back) that a judgement at `end` reads, one or two; adjacent ones are one. */
export function windowsOf({ window, against }: Rule): readonly { readonly back: number; readonly length: number }[] {
  if (against === "before") return [{ back: 0, length: 2 * window }];
  const own = { back: 0, length: window };
  return against === null ? [own] : [own, { back: DAY, length: window }];
}

/** How far before its own the window is that is taken off; null: none is. */
export function backOf({ window, against }: Rule): number | null {
  return against === "day-before" ? DAY : against === "before" ? window : null;
}

/** The first instant of the rule's grid that is not before this second. */
export function instantFrom({ every }: Pick<Rule, "every">, second: number): number {
  return Math.ceil(second / every) * every;
}

/** The last instant of the rule's grid that is not after this second. */
export function instantUpTo({ every }: Pick<Rule, "every">, second: number): number {
  return Math.floor(second / every) * every;
}
