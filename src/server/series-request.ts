/** The query of `GET /series` → which numbers of which buckets, or one text that says what was wrong and what was expected. */

import { edgesOf, parseStep, type Step, shiftedBack, stepFor, stepText } from "../core/calendar.ts";
import { didYouMean } from "../core/nearest.ts";
import { findZone, ZONE_EXPECTED, type Zone } from "../core/zone.ts";
import { namesShown } from "../engine/directory.ts";
import type { Engine } from "../engine/engine.ts";
import type { Needs } from "../metrics/aggregate.ts";
import { nearestMetric } from "../metrics/nearest-metric.ts";
import { findMetric, type Metric } from "../metrics/registry.ts";
import { type Moment, momentOf } from "./as-of.ts";
import { windowAsked } from "./asked-window.ts";
import { historyOf } from "./compute-answer.ts";
import { type DevicesQuery, requireSense } from "./devices-asked.ts";
import { METRICS_PER_SENSOR_MAX, SERIES_BUCKETS_MAX, SERIES_NUMBERS_MAX, SERIES_SENSORS_MAX } from "./limits.ts";
import { namesOf } from "./name-list.ts";
import { RequestError } from "./problem.ts";

/** How the answer is written. */
export type SeriesFormat = "json" | "csv" | "ndjson";

/** A query that the schema of the route has let pass. */
export interface SeriesQuery extends DevicesQuery {
  readonly sensor?: string | readonly string[];
  readonly metrics?: string | readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly toExclusive?: string;
  readonly points?: number;
  readonly every?: string;
  readonly timezone?: string;
  readonly shift?: string;
  readonly asOf?: string;
  readonly complete?: "true" | "false";
  readonly format?: SeriesFormat;
}

/** What to compute: each metric of each sensor in each bucket. */
export interface SeriesRequest {
  readonly sensors: readonly string[];
  /** What of each sensor is asked for. */
  readonly devices: DevicesQuery;
  readonly metrics: readonly Metric[];
  readonly needs: Needs;
  readonly step: Step;
  readonly zone: Zone;
  /** Seconds of UTC, ascending, one more than buckets. */
  readonly edges: readonly number[];
  /** Whom it asks, and when that is. */
  readonly moment: Moment;
}

const METRICS_ASKED = "mean,min,max";
const POINTS = 500;
/** Devices of `by`, where nothing is said: as many lines as a chart can show. */
const SERIES_DEVICES = 20;
const STEP_EXPECTED = 'expected a whole number and s, m, h, d, w, mo or y, such as "15m" or "1d"';

/** @throws RequestError 400 */
export function readSeries(query: SeriesQuery, engine: Engine, ownZone: Zone, askedMs: number): SeriesRequest {
  const zone = query.timezone === undefined ? ownZone : findZone(query.timezone);
  if (zone === null) throw refused(`timezone ${JSON.stringify(query.timezone)}: expected ${ZONE_EXPECTED}`);
  const sensors = sensorsOf(query, engine);
  const metrics = metricsOf(query);
  const { device, by, after, limit, top } = query;
  requireSense(query);
  const moment = momentOf(query.asOf, engine, zone, askedMs);
  if ("fault" in moment) throw new RequestError(400, moment.fault);
  // Of a device that cannot be asked for: with its own error.
  if (device !== undefined) for (const sensor of sensors) moment.answers.requireSeries(sensor, device);
  const { from, to, toExclusive } = query;
  const window = windowAsked({ from, to, toExclusive }, zone, moment.nowMs, {
    reach: () => historyOf(sensors, moment.answers, device),
  });
  const columns = by === undefined ? sensors.length : sensors.length * (top ?? limit ?? SERIES_DEVICES);
  const step = query.every === undefined ? stepFor(window, query.points ?? POINTS, zone) : stepOf("every", query.every);
  if (query.every !== undefined && query.points !== undefined) {
    throw refused("points and every together: expected one of them");
  }
  const edges = window.start === window.end ? [window.start] : edgesOf(window, step, zone, SERIES_BUCKETS_MAX);
  if (edges === null || (edges.length - 1) * columns * metrics.length > SERIES_NUMBERS_MAX) {
    const most = `at most ${SERIES_BUCKETS_MAX} buckets and ${SERIES_NUMBERS_MAX} numbers`;
    throw refused(`every ${stepText(step)}: expected ${most}, a longer step or a shorter window has fewer`);
  }
  const needs = {
    sums: metrics.some((metric) => metric.needs.sums),
    quantiles: metrics.some((metric) => metric.needs.quantiles),
  };
  const shift = query.shift === undefined ? null : stepOf("shift", query.shift);
  const asked = shift === null ? edges : edges.map((edge) => shiftedBack(edge, shift, zone));
  const devices: DevicesQuery = {
    ...(device === undefined ? {} : { device }),
    ...(by === undefined ? {} : { by }),
    ...(after === undefined ? {} : { after }),
    ...(top === undefined ? { limit: limit ?? SERIES_DEVICES } : { top }),
  };
  return { sensors, devices, metrics, needs, step, zone, edges: asked, moment };
}

function refused(what: string): RequestError {
  return new RequestError(400, `Cannot answer with ${what}`);
}

function sensorsOf({ sensor = "" }: SeriesQuery, engine: Engine): string[] {
  const sensors = namesOf(sensor);
  const known = namesShown(engine.sensors);
  if (sensors.length === 0) throw refused("no sensor: expected sensor=NAME, up to eight times");
  if (sensors.length > SERIES_SENSORS_MAX) {
    throw refused(`${sensors.length} sensors: expected at most ${SERIES_SENSORS_MAX}`);
  }
  for (const name of sensors) {
    if (engine.sensors.find(name) === undefined)
      throw refused(`sensor ${JSON.stringify(name)}: expected one of ${known}`);
  }
  return sensors;
}

function metricsOf(query: SeriesQuery): Metric[] {
  const names = namesOf(query.metrics ?? METRICS_ASKED);
  if (names.length === 0 || names.length > METRICS_PER_SENSOR_MAX) {
    throw refused(`${names.length} metrics: expected 1 to ${METRICS_PER_SENSOR_MAX}, such as metrics=mean,min,max`);
  }
  return names.map((name) => {
    const metric = findMetric(name);
    if (metric === undefined)
      throw refused(
        `metric ${JSON.stringify(name)}: expected a metric such as mean, max or p95${didYouMean(nearestMetric(name))}`,
      );
    return metric;
  });
}

function stepOf(name: string, text: string): Step {
  const step = parseStep(text);
  if (step === null) throw refused(`${name} ${JSON.stringify(text)}: ${STEP_EXPECTED}`);
  return step;
}
