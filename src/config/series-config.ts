/** Configuration of `tidemark series`. Under src/config/config.ts. */
import { parseStep } from "../core/calendar.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { nearestMetric } from "../metrics/nearest-metric.ts";
import { findMetric } from "../metrics/registry.ts";
import { type ClientConfig, clientConfig } from "./client-config.ts";
import { SERIES_FORMATS } from "./option-table.ts";
import { patternsOf } from "./send-config.ts";
import { invalid, type Settings } from "./settings.ts";
import { type Parsed, parseInteger, parseText, parseTimezone } from "./values.ts";

/** How a series is shown. */
export type SeriesFormat = (typeof SERIES_FORMATS)[number];

/** Configuration of `tidemark series`. */
export interface SeriesConfig {
  readonly client: ClientConfig;
  /** Names and patterns. */
  readonly patterns: readonly string[];
  readonly metrics: readonly string[];
  /** As written: the server knows its zone. */
  readonly from: string | null;
  readonly to: string | null;
  readonly toExclusive: string | null;
  readonly asOf: string | null;
  /** One of both, or neither. */
  readonly every: string | null;
  readonly points: number | null;
  /** How much earlier the same buckets are that are shown beside them. */
  readonly shift: string | null;
  /** null: the server's. */
  readonly timezone: string | null;
  /** null: a chart on a terminal, a table elsewhere. */
  readonly format: SeriesFormat | null;
}

/** Most buckets that a server chooses. */
const POINTS_MAX = 2000;

/** Reads the configuration of `tidemark series`. @throws TidemarkError "config-invalid" */
export function seriesConfig(settings: Settings, operands: readonly string[], cwd: string): SeriesConfig {
  const patterns = patternsOf(operands);
  if (patterns.length === 0) throw invalid("Cannot draw: expected a sensor, such as tidemark series temperature");
  const every = settings.optional("series:every", parseStepText);
  const points = settings.optional("series:points", parseInteger(1, POINTS_MAX));
  if (every !== null && points !== null) throw invalid("Cannot use --points with --every: expected one of them");
  const format = settings.optional("series:format", parseFormat);
  return {
    client: clientConfig(settings, cwd),
    patterns,
    metrics: settings.read("series:metrics", parseMetrics),
    from: settings.optional("query:from", parseText),
    to: settings.optional("query:to", parseText),
    toExclusive: settings.optional("query:to-exclusive", parseText),
    asOf: settings.optional("query:as-of", parseText),
    every,
    points,
    shift: settings.optional("series:shift", parseStepText),
    timezone: settings.optional("query:timezone", parseTimezone),
    format: settings.flag("json") ? "json" : format,
  };
}

/** A step of a calendar, as it was written. */
export function parseStepText(text: string): Parsed<string> {
  return parseStep(text) === null
    ? { expected: "a whole number and s, m, h, d, w, mo or y, such as 15m or 1d" }
    : { value: text };
}

/** Names of metrics, each once. */
export function parseMetrics(text: string): Parsed<readonly string[]> {
  const names = text.split(/[,\s]+/).filter((name) => name !== "");
  const unknown = names.find((name) => findMetric(name) === undefined);
  if (names.length > 0 && unknown === undefined) return { value: [...new Set(names)] };
  return {
    expected: `metrics such as mean,p95${didYouMean(unknown === undefined ? undefined : nearestMetric(unknown))}`,
  };
}

function parseFormat(text: string): Parsed<SeriesFormat> {
  const format = SERIES_FORMATS.find((name) => name === text.toLowerCase());
  if (format !== undefined) return { value: format };
  return { expected: `${SERIES_FORMATS.join(", ")}${didYouMean(nearest(text, SERIES_FORMATS))}` };
}
