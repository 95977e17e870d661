/** Schemas of what questions name: metrics (of the registry), sensors, times. */
import { TIME_EXPECTED } from "../core/asked-time.ts";
import { METRICS, PERCENTILE_PATTERN } from "../metrics/registry.ts";
import type { Schema } from "./route-schema.ts";

/** The name of a metric. */
export const METRIC_NAME: Schema = {
  title: "MetricName",
  anyOf: [
    ...METRICS.map(({ name, text }) => ({ const: name, description: text })),
    { type: "string", pattern: PERCENTILE_PATTERN.source, description: "a percentile, as p95 or p99.9" },
  ],
};

/** The name of a sensor that there is. */
export const SENSOR_NAME: Schema = {
  title: "SensorName",
  type: "string",
  pattern: "^[a-zA-Z0-9._-]{1,249}$",
  description: "one of `GET /sensors`",
};

/** A bound of a window, where it is a text. */
export const TIME_ASKED: Schema = {
  title: "TimeAsked",
  type: "string",
  description: `${TIME_EXPECTED}; docs/HTTP.md, "Windows"`,
};

/** … in a body. */
export const TIME_IN_BODY: Schema = {
  title: "TimeInBody",
  description: TIME_EXPECTED,
  anyOf: [
    TIME_ASKED,
    { type: "number", description: "epoch milliseconds" },
    { type: "null", description: "not given" },
  ],
};
