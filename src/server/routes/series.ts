/** `GET /series`: the numbers of a chart. */
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../core/clock.ts";
import type { Zone } from "../../core/zone.ts";
import type { Engine } from "../../engine/engine.ts";
import { AS_OF_HEADER, AS_OF_PARAMETER, AS_OF_SHOWN, asOfHeader } from "../as-of.ts";
import {
  BACKLOG_HEADER,
  BACKLOG_SHOWN,
  COMPLETE_PARAMETER,
  requireComplete,
  WINDOW_HEADER,
  WINDOW_SHOWN,
  windowText,
} from "../compute-answer.ts";
import { DEVICE_PARAMETERS, DEVICES_SHOWN } from "../devices-asked.ts";
import { METRICS_PER_SENSOR_MAX, SERIES_POINTS_MAX, SERIES_SENSORS_MAX } from "../limits.ts";
import { METRIC_NAME, SENSOR_NAME, TIME_ASKED } from "../metric-schema.ts";
import { NAME_LIST } from "../name-list.ts";
import { describe, objectOf, queryOf, TEXT } from "../route-schema.ts";
import { SERIES_TYPES, writeSeries } from "../series-answer.ts";
import { readSeries, type SeriesFormat, type SeriesQuery } from "../series-request.ts";

const SERIES_PATH = "/series";

const DETAILS =
  "A bucket has the numbers that a question from its edge to the next gets, to the bit; one without readings has `null`. A day is a local " +
  "day, of 23 to 25 hours where clocks change. CSV has a line a bucket with columns `sensor.metric`, NDJSON an object a bucket.";

const NUMBERS = { type: "array", items: { type: ["number", "null"] }, description: "null: the bucket has none" };

const SCHEMA = describe({
  group: "Questions",
  summary: "Metrics of up to eight sensors in buckets of a calendar: what a chart shows",
  details: DETAILS,
  query: queryOf({
    sensor: { ...NAME_LIST, description: "one to eight names: repeated, or with commas between them" },
    metrics: { ...NAME_LIST, description: "as in POST /compute/metrics (mean,min,max)" },
    from: TIME_ASKED,
    to: TIME_ASKED,
    toExclusive: TIME_ASKED,
    points: {
      type: "integer",
      minimum: 1,
      maximum: SERIES_POINTS_MAX,
      description: "at most so many buckets, of a step that people read easily (500)",
    },
    every: { ...TEXT, description: "or the step itself: 10s, 15m, 1h, 1d, 1w, 1mo, 1y" },
    timezone: { ...TEXT, description: "whose days and hours the buckets are, and of times that name none" },
    shift: { ...TEXT, description: "the same buckets so much earlier: 1d, 1w, 1y" },
    asOf: AS_OF_PARAMETER,
    complete: COMPLETE_PARAMETER,
    ...DEVICE_PARAMETERS,
    limit: { ...DEVICE_PARAMETERS.limit, description: "with `by`: at most so many devices, by name (20)" },
    format: { enum: Object.keys(SERIES_TYPES), description: "else what Accept asks for, else JSON" },
  }),
  required: ["sensor"],
  lists: {
    sensor: { type: "array", items: SENSOR_NAME, minItems: 1, maxItems: SERIES_SENSORS_MAX },
    metrics: { type: "array", items: METRIC_NAME, minItems: 1, maxItems: METRICS_PER_SENSOR_MAX },
  },
  answer: objectOf(
    {
      step: TEXT,
      timezone: TEXT,
      edges: { type: "array", items: { type: "integer" }, description: "epoch ms, one more than buckets" },
      series: {
        type: "object",
        description: "by sensor, by metric; with `by=device` by sensor, by device, by metric",
        additionalProperties: {
          type: "object",
          additionalProperties: { anyOf: [NUMBERS, { type: "object", additionalProperties: NUMBERS }] },
        },
      },
      devices: DEVICES_SHOWN,
    },
    ["devices"],
  ),
  otherwise: {
    "text/csv": {
      ...TEXT,
      description: "columns `from`, `toExclusive`, then `sensor.metric`, or `sensor.device.metric`",
    },
    "application/x-ndjson": { ...TEXT, description: "an object a line: `from`, `toExclusive`, then metrics by sensor" },
  },
  answerHeaders: {
    [WINDOW_HEADER]: WINDOW_SHOWN,
    [BACKLOG_HEADER]: BACKLOG_SHOWN,
    [AS_OF_HEADER]: AS_OF_SHOWN,
  },
  errors: ["catching-up", "revision-gone", "no-device-series"],
  examples: {
    minutes: {
      summary: "A chart of a minute",
      parameters: {
        sensor: "temperature",
        metrics: "mean,min,max",
        from: "2020-01-13T15:12Z",
        to: "2020-01-13T15:13Z",
        every: "1m",
        timezone: "UTC",
      },
      answer: {
        step: "1m",
        timezone: "UTC",
        edges: [1578928320000, 1578928380000, 1578928440000],
        series: { temperature: { mean: [21.25, null], min: [20.5, null], max: [22, null] } },
      },
    },
    csv: {
      summary: "Two sensors by the hour of today, as CSV",
      parameters: { sensor: "temperature,humidity", from: "today", every: "1h", format: "csv" },
    },
  },
});

/** What the route needs. */
export interface SeriesOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly zone: Zone;
}

/** Adds the route. */
export function registerSeries(scope: FastifyInstance, { engine, clock, zone }: SeriesOptions): void {
  scope.get(SERIES_PATH, { schema: SCHEMA }, (request: FastifyRequest<{ Querystring: SeriesQuery }>, reply) => {
    const { query } = request;
    const { backlog } = engine;
    if (query.complete === "true") requireComplete(engine);
    const asked = readSeries(query, engine, zone, clock.now());
    const format = query.format ?? formatOf(request.headers.accept ?? "");
    const { edges } = asked;
    return reply
      .type(SERIES_TYPES[format])
      .header("Cache-Control", "no-store")
      .header("Vary", "Accept")
      .header(WINDOW_HEADER, windowText({ start: edges[0], end: edges[edges.length - 1] }))
      .headers(backlog === 0 ? {} : { [BACKLOG_HEADER]: backlog })
      .headers(asOfHeader(asked.moment))
      .send(Readable.from(writeSeries(asked, engine, format)));
  });
}

/** The first of the types of an Accept header that can be written. */
function formatOf(accept: string): SeriesFormat {
  for (const type of accept.toLowerCase().split(",")) {
    if (type.includes("text/csv")) return "csv";
    if (type.includes("ndjson") || type.includes("jsonl")) return "ndjson";
    if (type.includes("json") || type.includes("*/*")) return "json";
  }
  return "json";
}
