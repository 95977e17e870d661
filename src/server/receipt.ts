/** What an answer rests on: `?receipt=true`. */
import type { Sliced } from "../core/slices.ts";
import { formatMs, formatSecond } from "../core/time.ts";
import type { Window } from "../core/window.ts";
import type { Engine, SensorStatus, SensorTotals } from "../engine/engine.ts";
import type { RevisedBy } from "../engine/past.ts";
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Answer } from "../metrics/answer.ts";
import { VALUE_BITS } from "../metrics/value-bits.ts";
import type { Moment } from "./as-of.ts";
import type { LabelledMetric } from "./labelled-metrics.ts";
import { NATURAL, objectOf, type Schema, TEXT, TEXT_OR_NULL, TIME_OR_NULL } from "./route-schema.ts";
import { IDENTITIES, TOTALS } from "./status-schema.ts";

/** What of a sensor's readings an answer used, and what became of the others. */
interface SensorReceipt {
  /** Counted readings in the window. */
  readonly counted: number;
  /** Of these, how many were late when they came. */
  readonly late: number;
  /** Share of the window's seconds that hold a reading; 0 when it has no second. */
  readonly coverage: number;
  /** Now − event time of the newest counted reading (of all, not of the window), ms; null before the first. */
  readonly lastAgeMs: number | null;
  /** Older readings were deleted, or not kept (`totals.expired`), whatever the window; null: all are kept. */
  readonly keptSince: string | null;
  readonly completeUntil: string | null;
  /** Why `completeUntil` is null; absent when it is not. */
  readonly completeUntilNote?: string;
  /** The kind of identity in use, "mixed", or null before the first; and readings by kind. */
  readonly identity: { readonly inUse: string | null; readonly readings: SensorStatus["identities"] };
  /** Null when no quantile was requested. */
  readonly quantiles: Quantiles | null;
  /** Since the history began, whatever the window. */
  readonly totals: Omit<SensorTotals, "gapRecords"> & { readonly gaps: number };
  readonly devices: number;
  readonly stuckDevices: number;
  /** Records in the log that no answer holds yet. */
  readonly lag: number;
  /** With `asOf`: what of the window changed since. */
  readonly changedSince?: ChangedSince;
  /** Of a question per device: what it used of each; `counted`, `late`, `coverage` and `quantiles` above are then of the first one. */
  readonly ofDevices?: Readonly<Record<string, DeviceReceipt>>;
}

/** What of the window changed since a revision. */
interface ChangedSince {
  readonly by: readonly (Pick<RevisedBy, "cause" | "readings" | "seconds"> & Times)[];
  readonly ranges: readonly Times[];
}

/** What an answer used of a device. */
interface DeviceReceipt {
  readonly counted: number;
  readonly late: number;
  readonly coverage: number;
  /** Its series lacks what was taken in before; null: nothing. */
  readonly since: string | null;
  /** With `asOf`. */
  readonly changedSince?: ChangedSince;
}

/** A range of seconds, UTC. */
interface Times {
  readonly from: string;
  readonly toExclusive: string;
}

/** How sure the percentiles of an answer are. */
interface Quantiles {
  readonly method: "exact" | "sketch";
  /** Leading bits of the values, of 64, that the bins keep. */
  readonly keptBits: number;
  /** By metric: bounds of the exact percentile, both included. */
  readonly intervals: Readonly<Record<string, readonly [low: number, high: number]>>;
}

const NOTE: Schema = { ...TEXT, description: "why completeUntil is null; absent when it is not" };
const SHARE: Schema = { type: "number", minimum: 0, maximum: 1 };
const { gapRecords: _, ...OTHER_TOTALS } = TOTALS;
const TIMES = { from: TEXT, toExclusive: TEXT } satisfies Record<keyof Times, Schema>;

const CHANGED_SINCE: Schema = {
  ...objectOf({
    by: {
      type: "array",
      items: objectOf({
        cause: { enum: ["reading", "late", "released", "corrected"] },
        readings: { type: "integer", description: "more now than then; fewer: negative" },
        seconds: { ...NATURAL, description: "whose readings are others" },
        ...TIMES,
      }),
    },
    ranges: {
      type: "array",
      items: objectOf(TIMES),
      description: "hold all changed seconds; of 100 the last one holds all that follow",
    },
  }),
  description: "only with asOf: what of the window changed since",
};

const SENSOR = objectOf(
  {
    counted: NATURAL,
    late: NATURAL,
    coverage: SHARE,
    lastAgeMs: { type: ["integer", "null"] },
    keptSince: TIME_OR_NULL,
    completeUntil: TIME_OR_NULL,
    completeUntilNote: NOTE,
    identity: objectOf({ inUse: TEXT_OR_NULL, readings: IDENTITIES }),
    quantiles: {
      ...objectOf({
        method: { enum: ["exact", "sketch"] },
        keptBits: NATURAL,
        intervals: { type: "object", additionalProperties: { type: "array", items: { type: "number" } } },
      } satisfies Record<keyof Quantiles, Schema>),
      type: ["object", "null"],
    },
    totals: objectOf({ ...OTHER_TOTALS, gaps: NATURAL }),
    devices: NATURAL,
    stuckDevices: NATURAL,
    lag: NATURAL,
    changedSince: CHANGED_SINCE,
    ofDevices: {
      type: "object",
      description: "of a question per device: what it used of each",
      additionalProperties: objectOf(
        {
          counted: NATURAL,
          late: NATURAL,
          coverage: SHARE,
          since: { ...TIME_OR_NULL, description: "the device's series lacks what was taken in before; null: nothing" },
          changedSince: CHANGED_SINCE,
        } satisfies Record<keyof DeviceReceipt, Schema>,
        ["changedSince"],
      ),
    },
  } satisfies Record<keyof SensorReceipt, Schema>,
  ["completeUntilNote", "changedSince", "ofDevices"],
);

/** What `text` writes. */
export const RECEIPT = objectOf(
  {
    window: objectOf({ from: TEXT, toExclusive: TEXT, seconds: NATURAL }),
    backlog: { ...NATURAL, description: "records that the log held at the start and that no answer holds yet" },
    completeUntil: TIME_OR_NULL,
    completeUntilNote: NOTE,
    asOf: {
      ...objectOf({ moment: TEXT, revision: TEXT }),
      description: "only with asOf: the moment asked for, and the commit as of which it is answered",
    },
    sensors: { type: "object", additionalProperties: SENSOR },
    cost: objectOf({ pages: NATURAL, buckets: NATURAL, pagesFromDisk: NATURAL, microseconds: NATURAL }),
  },
  ["completeUntilNote", "asOf"],
);

/** Collects while an answer is computed; one per answer. */
export class Receipt {
  readonly #engine: Engine;
  readonly #window: Window;
  readonly #nowMs: number;
  readonly #startedMs = performance.now();
  /** A Map, as sensors may have names that move to the front of an object. */
  readonly #sensors = new Map<string, SensorReceipt>();
  readonly #moment: Moment;
  /** When the first sensor was answered for: later ones lack less. */
  readonly #backlog: number;
  /** Of each sensor that is asked per device. */
  readonly #devices = new Map<string, Map<string, DeviceReceipt>>();
  /** Of all sensors the smallest, ms. */
  #completeUntil = Number.POSITIVE_INFINITY;
  /** Of the sensors that have none. */
  readonly #notes: string[] = [];
  #pages = 0;
  #buckets = 0;
  #pagesFromDisk = 0;

  /** @param moment as of which the answer is; all that is said of the sensor, beside what of it was asked, is of `nowMs` */
  constructor(engine: Engine, window: Window, nowMs: number, moment: Moment) {
    this.#moment = moment;
    this.#backlog = engine.backlog;
    this.#engine = engine;
    this.#window = window;
    this.#nowMs = nowMs;
  }

  /** Adds what the answer for a sensor rests on. */
  add(sensor: string, metrics: readonly LabelledMetric[], { aggregate, cost }: Answer, device?: string): void {
    this.#pages += cost.pages;
    this.#buckets += cost.buckets;
    this.#pagesFromDisk += cost.pagesFromDisk;
    const coverage = aggregate.seconds / Math.max(1, this.#window.end - this.#window.start);
    if (device !== undefined) {
      const since = this.#engine.device(sensor, device)?.since ?? null;
      const used = { counted: aggregate.count, late: aggregate.late, coverage, ...this.#changedSince(sensor, device) };
      const known = this.#devices.get(sensor);
      const own = known ?? new Map<string, DeviceReceipt>();
      this.#devices.set(sensor, own.set(device, { ...used, since: since === null ? null : formatMs(since) }));
      if (known !== undefined) return;
    }
    const status = this.#engine.status(sensor);
    const { gapRecords, ...totals } = status.totals;
    const note = status.completeUntil === null ? whyOpen(status) : null;
    if (note !== null) this.#notes.push(`${sensor}: ${note}`);
    this.#completeUntil = Math.min(this.#completeUntil, status.completeUntil ?? Number.POSITIVE_INFINITY);
    this.#sensors.set(sensor, {
      counted: aggregate.count,
      late: aggregate.late,
      coverage,
      lastAgeMs: status.lastTime === null ? null : this.#nowMs - status.lastTime,
      keptSince: status.keptSince === null ? null : formatMs(status.keptSince),
      completeUntil: status.completeUntil === null ? null : formatMs(status.completeUntil),
      ...(note === null ? {} : { completeUntilNote: note }),
      identity: { inUse: identityInUse(status.identities), readings: status.identities },
      quantiles: quantilesOf(metrics, aggregate),
      totals: { ...totals, gaps: gapRecords },
      devices: status.devices,
      stuckDevices: status.stuckDevices,
      lag: status.lag,
      ...this.#changedSince(sensor),
    });
  }

  #changedSince(sensor: string, device?: string): { readonly changedSince?: ChangedSince } {
    const { past } = this.#moment;
    if (past === null) return {};
    const { by, ranges } = past.revised(sensor, this.#window, device);
    return {
      changedSince: {
        by: by.map(({ cause, readings, seconds, range }) => ({ cause, readings, seconds, ...timesOf(range) })),
        ranges: ranges.map(timesOf),
      },
    };
  }

  *#text(sensor: string, its: SensorReceipt): Sliced<string> {
    const text = JSON.stringify(its);
    const devices = this.#devices.get(sensor);
    if (devices === undefined) return text;
    const own: string[] = [];
    for (const [device, used] of devices) {
      yield;
      own.push(`${JSON.stringify(device)}:${JSON.stringify(used)}`);
    }
    return `${text.slice(0, -1)},"ofDevices":{${own.join(",")}}}`;
  }

  *text(): Sliced<string> {
    const { past, nowMs } = this.#moment;
    const { start, end } = this.#window;
    // Of devices, where a sensor has none yet, nothing is answered that could be complete.
    const isOpen = this.#notes.length > 0 || !Number.isFinite(this.#completeUntil);
    const head = JSON.stringify({
      window: { from: formatSecond(start), toExclusive: formatSecond(end), seconds: end - start },
      backlog: this.#backlog,
      completeUntil: isOpen ? null : formatMs(this.#completeUntil),
      ...(this.#notes.length === 0 ? {} : { completeUntilNote: this.#notes.join("; ") }),
      ...(past === null ? {} : { asOf: { moment: formatMs(nowMs), revision: formatMs(past.revision) } }),
    });
    const sensors: string[] = [];
    for (const [sensor, its] of this.#sensors) {
      if (sensors.length > 0) yield;
      sensors.push(`${JSON.stringify(sensor)}:${yield* this.#text(sensor, its)}`);
    }
    const cost = JSON.stringify({
      pages: this.#pages,
      buckets: this.#buckets,
      pagesFromDisk: this.#pagesFromDisk,
      microseconds: Math.round((performance.now() - this.#startedMs) * 1000),
    });
    return `${head.slice(0, -1)},"sensors":{${sensors.join(",")}},"cost":${cost}}`;
  }
}

function timesOf({ start, end }: Window): Times {
  return { from: formatSecond(start), toExclusive: formatSecond(end) };
}

/** Why nothing is said of when a sensor is complete. */
function whyOpen({ lastTime, lag }: SensorStatus): string {
  if (lastTime === null) return "no reading was counted yet";
  if (lag > 0) return "the log is not read to its end yet";
  return "no device was heard from since the server started";
}

function identityInUse(readings: SensorStatus["identities"]): string | null {
  const kinds = Object.entries(readings).filter(([, count]) => count > 0);
  return kinds.length === 0 ? null : kinds.length > 1 ? "mixed" : kinds[0][0];
}

function quantilesOf(metrics: readonly LabelledMetric[], aggregate: Aggregate): Quantiles | null {
  if (aggregate.distribution === null) return null;
  const intervals: Record<string, readonly [low: number, high: number]> = {};
  for (const { metric } of metrics) {
    const interval = metric.share === undefined ? null : aggregate.interval(metric.share);
    if (interval !== null) intervals[metric.name] = interval;
  }
  const { dropped } = aggregate.distribution;
  return { method: dropped === 0 ? "exact" : "sketch", keptBits: VALUE_BITS - dropped, intervals };
}
