/** What an answer rests on: `?receipt=true`. */
import { formatMs, formatSecond } from "../core/time.ts";
import type { Window } from "../core/window.ts";
import type { Engine, SensorStatus, SensorTotals } from "../engine/engine.ts";
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Answer } from "../metrics/answer.ts";
import { VALUE_BITS } from "../metrics/value-bits.ts";
import type { Column } from "./metric-columns.ts";

/** What of a sensor's readings an answer used, and what became of the others. */
interface SensorReceipt {
  /** Counted readings in the window. */
  readonly counted: number;
  /** Of these, how many were late when they came. */
  readonly late: number;
  /** Share of the window's seconds that hold a reading. */
  readonly coverage: number;
  /** Now − event time of the newest counted reading (of all, not of the window), ms; null before the first. */
  readonly lastAgeMs: number | null;
  readonly completeUntil: string | null;
  /** By what readings are told apart: the one kind in use, "mixed", or null before the first; and how many were, by kind. */
  readonly identity: { readonly inUse: string | null; readonly readings: SensorStatus["identities"] };
  /** Null when no quantile was asked for. */
  readonly quantiles: Quantiles | null;
  /** Since the history began, whatever the window. */
  readonly totals: Omit<SensorTotals, "gapRecords"> & { readonly gaps: number };
  readonly devices: number;
  readonly stuckDevices: number;
  /** Records in the log that no answer holds yet. */
  readonly lag: number;
}

/** How sure the percentiles of an answer are. */
interface Quantiles {
  readonly method: "exact" | "sketch";
  /** Leading bits of the values, of 64, by which they are told apart. */
  readonly keptBits: number;
  /** By the metric's name: where the exact percentile surely lies, both ends included. */
  readonly intervals: Readonly<Record<string, readonly [low: number, high: number]>>;
}

/** Collects while an answer is computed; one per answer. */
export class Receipt {
  readonly #engine: Engine;
  readonly #window: Window;
  readonly #nowMs: number;
  readonly #startedMs = performance.now();
  /** A Map, as sensors may have names that move to the front of an object. */
  readonly #sensors = new Map<string, SensorReceipt>();
  readonly #completeUntil: (number | null)[] = [];
  #pages = 0;
  #buckets = 0;
  #pagesFromDisk = 0;

  constructor(engine: Engine, window: Window, nowMs: number) {
    this.#engine = engine;
    this.#window = window;
    this.#nowMs = nowMs;
  }

  /** Adds what the answer for a sensor rests on. */
  add(sensor: string, columns: readonly Column[], { aggregate, cost }: Answer): void {
    this.#pages += cost.pages;
    this.#buckets += cost.buckets;
    this.#pagesFromDisk += cost.pagesFromDisk;
    const status = this.#engine.status(sensor);
    const { gapRecords, ...totals } = status.totals;
    this.#completeUntil.push(status.completeUntil);
    this.#sensors.set(sensor, {
      counted: aggregate.count,
      late: aggregate.late,
      coverage: aggregate.seconds / (this.#window.end - this.#window.start),
      lastAgeMs: status.lastTime === null ? null : this.#nowMs - status.lastTime,
      completeUntil: status.completeUntil === null ? null : formatMs(status.completeUntil),
      identity: { inUse: identityInUse(status.identities), readings: status.identities },
      quantiles: quantilesOf(columns, aggregate),
      totals: { ...totals, gaps: gapRecords },
      devices: status.devices,
      stuckDevices: status.stuckDevices,
      lag: status.lag,
    });
  }

  text(): string {
    const { start, end } = this.#window;
    const head = JSON.stringify({
      window: { from: formatSecond(start), toExclusive: formatSecond(end), seconds: end - start },
      completeUntil: earliest(this.#completeUntil),
    });
    const sensors = [...this.#sensors].map(([sensor, its]) => `${JSON.stringify(sensor)}:${JSON.stringify(its)}`);
    const cost = JSON.stringify({
      pages: this.#pages,
      buckets: this.#buckets,
      pagesFromDisk: this.#pagesFromDisk,
      microseconds: Math.round((performance.now() - this.#startedMs) * 1000),
    });
    return `${head.slice(0, -1)},"sensors":{${sensors.join(",")}},"cost":${cost}}`;
  }
}

/** The answer is complete where all its sensors are; null when one is nowhere. */
function earliest(times: readonly (number | null)[]): string | null {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const time of times) {
    if (time === null) return null;
    if (time < earliestMs) earliestMs = time;
  }
  return earliestMs === Number.POSITIVE_INFINITY ? null : formatMs(earliestMs);
}

function identityInUse(readings: SensorStatus["identities"]): string | null {
  const kinds = Object.entries(readings).filter(([, count]) => count > 0);
  return kinds.length === 0 ? null : kinds.length > 1 ? "mixed" : kinds[0][0];
}

function quantilesOf(columns: readonly Column[], aggregate: Aggregate): Quantiles | null {
  if (aggregate.distribution === null) return null;
  const intervals: Record<string, readonly [low: number, high: number]> = {};
  for (const { metric } of columns) {
    const interval = metric.share === undefined ? null : aggregate.interval(metric.share);
    if (interval !== null) intervals[metric.name] = interval;
  }
  const { dropped } = aggregate.distribution;
  return { method: dropped === 0 ? "exact" : "sketch", keptBits: VALUE_BITS - dropped, intervals };
}
