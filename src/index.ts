/** The public API: tidemark inside another program. */
export { type App, type Core, type CoreSettings, openApp, openCore } from "./app.ts";
export type { Config } from "./config/server-config.ts";
export { type Clock, ManualClock, systemClock } from "./core/clock.ts";
export { type ErrorCode, TidemarkError } from "./core/errors.ts";
export type { Window } from "./core/window.ts";
export type { Engine, ListPart, Quarantined, RejectedRecord, SensorStatus, SensorTotals } from "./engine/engine.ts";
export type { Fetched, Gap, Log, LogReader, NewRecord, Position, Topic } from "./log/log.ts";
export { Aggregate, type Needs } from "./metrics/aggregate.ts";
export { findMetric, METRICS, type Metric, type MetricName } from "./metrics/registry.ts";
