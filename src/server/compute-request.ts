/** The body of a question → what to compute, or the errors that say why nothing is. */
import { didYouMean } from "../core/nearest.ts";
import {
  BOUND_NAMES,
  type BoundName,
  isBoundName,
  parseBounds,
  type WindowBounds,
  type WindowFault,
} from "../core/time-window.ts";
import type { Zone } from "../core/zone.ts";
import { namesShown, type SensorDirectory } from "../engine/directory.ts";
import { ALL_NEEDS, type Needs } from "../metrics/aggregate.ts";
import { nearestMetric } from "../metrics/nearest-metric.ts";
import { type LabelledMetric, LabelledMetrics } from "./labelled-metrics.ts";
import { depthOf, keysInOrder, parseLenient, repeatedKeys } from "./lenient-json.ts";
import { JSON_DEPTH_MAX, METRICS_PER_SENSOR_MAX } from "./limits.ts";

/** The request for one sensor: at least one metric. */
export interface Ask {
  readonly sensor: string;
  /** `"temperature":` */
  readonly label: string;
  readonly metrics: readonly LabelledMetric[];
  readonly needs: Needs;
}

/** A question that can be answered. */
export interface ComputeRequest {
  /** In the order of the body; not empty. */
  readonly asks: readonly Ask[];
  /** Known sensors that the body names: what an open bound refers to. */
  readonly sensors: readonly string[];
  readonly bounds: WindowBounds;
  /** Where among the errors one of the bounds would stand. */
  readonly boundsAt: number;
  /** What of the body is not computed, in its order. */
  readonly errors: readonly string[];
}

/** A body of which nothing is computed. */
export interface RefusedRequest {
  readonly refused: readonly string[];
}

const SHAPE =
  'expected a JSON object such as {"temperature":["count","average"],"from":"2020-01-13 15:12:00","to":"2020-01-13 15:13:00"}';

const NEEDS: readonly Needs[] = [
  { sums: false, quantiles: false },
  { sums: true, quantiles: false },
  { sums: false, quantiles: true },
  ALL_NEEDS,
];

/** Reads the bodies of questions about these sensors. */
export class ComputeReader {
  readonly #labels: Labels;
  readonly #metrics = new LabelledMetrics();

  constructor(sensors: SensorDirectory) {
    this.#labels = new Labels(sensors);
  }

  /** @param zone of times that name none */
  read(body: Buffer, zone: Zone, nowMs: number): ComputeRequest | RefusedRequest {
    const source = body.toString("utf8");
    const parsed = parseLenient(source);
    if ("unreadable" in parsed) {
      const what = source.trim() === "" ? "it is empty" : parsed.unreadable;
      return { refused: [`Unreadable request body: ${SHAPE}; ${what}`] };
    }
    const { value, text } = parsed;
    if (!isObject(value)) {
      const kind = Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
      return { refused: [`Unreadable request body: ${SHAPE}; it is ${kind}`] };
    }
    return new BodyReading(this.#labels, this.#metrics).read(value, text, zone, nowMs);
  }
}

/** `"temperature":` by sensor, made when it is first asked for. */
class Labels {
  readonly sensors: SensorDirectory;
  readonly #made = new Map<string, string>();
  #renames = 0;

  constructor(sensors: SensorDirectory) {
    this.sensors = sensors;
  }

  /** Undefined: there is no such sensor. */
  find(sensor: string): string | undefined {
    if (this.sensors.renames !== this.#renames) {
      this.#made.clear(); // a name that is taken back names nothing
      this.#renames = this.sensors.renames;
    }
    const made = this.#made.get(sensor);
    if (made !== undefined || this.sensors.find(sensor) === undefined) return made;
    const label = `${JSON.stringify(sensor)}:`;
    this.#made.set(sensor, label);
    return label;
  }
}

/** One body on its way through its keys. */
class BodyReading {
  readonly #labels: Labels;
  readonly #metrics: LabelledMetrics;
  readonly #asks: Ask[] = [];
  readonly #sensors: string[] = [];
  readonly #errors: string[] = [];
  /** Bounds in the order of the body, each with the number of errors before it. */
  readonly #places: { readonly name: BoundName; readonly at: number }[] = [];
  #refused = false;

  constructor(labels: Labels, metrics: LabelledMetrics) {
    this.#labels = labels;
    this.#metrics = metrics;
  }

  read(
    body: Readonly<Record<string, unknown>>,
    text: string,
    zone: Zone,
    nowMs: number,
  ): ComputeRequest | RefusedRequest {
    let nested = false;
    const keys = keysInOrder(body, text);
    const repeated = repeatedKeys(keys, text);
    for (const key of keys) {
      const value = body[key];
      if (!nested && isNested(value)) {
        // Texts of errors show such values: JSON.stringify recurses.
        nested = true;
        if (depthOf(text) > JSON_DEPTH_MAX) {
          return { refused: [`Unreadable request body: ${SHAPE}; it is nested more than ${JSON_DEPTH_MAX} deep`] };
        }
      }
      const times = repeated?.get(key) ?? 1;
      if (times > 1 && (isBoundName(key) || this.#labels.find(key) !== undefined)) {
        // It is ambiguous which one was meant.
        this.#refuse(`Cannot use ${key} of the request body: expected it once, was there ${times} times`);
      } else if (isBoundName(key)) this.#places.push({ name: key, at: this.#errors.length });
      else this.#readSensor(key, value);
    }
    // A bound that is null is not given.
    const { from, to, toExclusive } = body;
    const given = { from: from ?? undefined, to: to ?? undefined, toExclusive: toExclusive ?? undefined };
    return this.#conclude(parseBounds(given, zone, nowMs));
  }

  #readSensor(sensor: string, list: unknown): void {
    const label = this.#labels.find(sensor);
    if (label === undefined) {
      this.#errors.push(`Unexpected key ${sensor} in the request body`);
      const lower = sensor.toLowerCase();
      const known = this.#labels.find(lower) === undefined ? undefined : lower;
      const meant = BOUND_NAMES.find((name) => name.toLowerCase() === lower) ?? known;
      // An error of its own: programs compare the sentence before.
      if (meant !== undefined) this.#errors.push(`Keys are read as they are written${didYouMean(meant)}`);
      return;
    }
    this.#sensors.push(sensor);
    const what = `Cannot compute metrics for the sensor ${sensor}`;
    if (!Array.isArray(list)) {
      this.#refuse(`${what}: expected a list of metrics such as ["count","average"], was ${JSON.stringify(list)}`);
      return;
    }
    if (list.length > METRICS_PER_SENSOR_MAX) {
      this.#refuse(`${what}: expected at most ${METRICS_PER_SENSOR_MAX} metrics, were ${list.length}`);
      return;
    }
    const metrics = this.#readMetrics(sensor, list);
    if (metrics.length > 0) this.#asks.push({ sensor, label, metrics, needs: needsOf(metrics) });
  }

  #readMetrics(sensor: string, list: readonly unknown[]): LabelledMetric[] {
    const metrics: LabelledMetric[] = [];
    for (let i = 0; i < list.length; i++) {
      const name = list[i];
      if (i > 0 && list.indexOf(name) < i) continue; // asked twice, answered once
      const metric = typeof name === "string" ? this.#metrics.find(name) : undefined;
      if (metric !== undefined) metrics.push(metric);
      else {
        const shown = typeof name === "string" ? name : JSON.stringify(name);
        const meant = typeof name === "string" ? nearestMetric(name) : undefined;
        this.#errors.push(`Unexpected metric ${shown} to compute for the sensor ${sensor}${didYouMean(meant)}`);
      }
    }
    return metrics;
  }

  #refuse(error: string): void {
    this.#refused = true;
    this.#errors.push(error);
  }

  #conclude(bounds: WindowBounds | WindowFault): ComputeRequest | RefusedRequest {
    if ("errors" in bounds) {
      this.#refused = true;
      this.#placeBoundErrors(bounds);
    } else if (!this.#refused && this.#asks.length > 0) {
      const boundsAt = this.#places.length === 0 ? this.#errors.length : this.#places[this.#places.length - 1].at;
      return { asks: this.#asks, sensors: this.#sensors, bounds, boundsAt, errors: this.#errors };
    }
    if (this.#errors.length === 0) {
      const known = namesShown(this.#labels.sensors);
      this.#errors.push(`Nothing to compute: expected at least one sensor (${known}) with a list of metrics`);
    }
    return { refused: this.#errors };
  }

  /** Puts what is wrong with the bounds where the body has them. An error of both stands at the later one. */
  #placeBoundErrors({ errors }: WindowFault): void {
    const last = this.#places.length - 1;
    for (let i = last; i >= 0; i--) {
      const { name, at } = this.#places[i];
      const own = errors.filter(({ bound }) => bound === name || (bound === null && i === last));
      this.#errors.splice(at, 0, ...own.map(({ text }) => text));
    }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for all but plain values and lists of texts. */
function isNested(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!Array.isArray(value)) return true;
  for (const item of value) if (typeof item !== "string") return true;
  return false;
}

function needsOf(metrics: readonly LabelledMetric[]): Needs {
  let sums = 0;
  let quantiles = 0;
  for (const { metric } of metrics) {
    if (metric.needs.sums) sums = 1;
    if (metric.needs.quantiles) quantiles = 2;
  }
  return NEEDS[sums + quantiles];
}
