/** Configuration of `tidemark query`. Under src/config/config.ts. */
import { isPattern } from "../core/sensor-pattern.ts";
import { nearestMetric } from "../metrics/nearest-metric.ts";
import { findMetric } from "../metrics/registry.ts";
import { type ClientConfig, clientConfig } from "./client-config.ts";
import { METRICS_ASKED } from "./command-table.ts";
import { parseName, patternsOf } from "./send-config.ts";
import { invalid, type Settings } from "./settings.ts";
import { parseInteger, parseText, parseTimezone } from "./values.ts";

/** Devices of one answer: the most there are. */
const LIST_ITEMS_MAX = 1000;

/** Configuration of `tidemark query`. */
export interface QueryConfig {
  readonly client: ClientConfig;
  /** Names and patterns. */
  readonly patterns: readonly string[];
  /** What follows them: metrics, and what only a server can tell to be a sensor. */
  readonly words: readonly Word[];
  /** Of a question that names none. */
  readonly metrics: readonly string[];
  /** As written: the server knows its zone. */
  readonly from: string | null;
  readonly to: string | null;
  readonly toExclusive: string | null;
  readonly asOf: string | null;
  /** null: the server's. */
  readonly timezone: string | null;
  /** null: of the whole sensor, or of each device. */
  readonly device: string | null;
  readonly byDevice: boolean;
  /** null: devices by name. */
  readonly top: number | null;
  readonly receipt: boolean;
  readonly json: boolean;
}

/** A word of a question. */
export interface Word {
  readonly text: string;
  readonly isMetric: boolean;
  /** Of a word that is no metric: the one that it nearly is. */
  readonly near: string | undefined;
}

/** Reads the configuration of `tidemark query`. @throws TidemarkError "config-invalid" */
export function queryConfig(settings: Settings, operands: readonly string[], cwd: string): QueryConfig {
  const [first = "", ...others] = operands;
  const patterns = patternsOf([first]);
  if (patterns.length === 0) {
    throw invalid("Cannot query: expected a sensor, such as tidemark query temperature count mean p95");
  }
  const device = settings.optional("query:device", parseName);
  const byDevice = settings.flag("query:by-device");
  const top = settings.optional("query:top", parseInteger(1, LIST_ITEMS_MAX));
  if (device !== null && byDevice) throw invalid("Cannot use --device with --by-device: expected one of them");
  if (top !== null && !byDevice) throw invalid("Cannot use --top: expected --by-device with it");
  const words = others.flatMap((operand) => operand.split(/[,\s]+/)).filter((text) => text !== "");
  return {
    client: clientConfig(settings, cwd),
    patterns,
    words: words.map(wordOf),
    metrics: METRICS_ASKED,
    from: settings.optional("query:from", parseText),
    to: settings.optional("query:to", parseText),
    toExclusive: settings.optional("query:to-exclusive", parseText),
    asOf: settings.optional("query:as-of", parseText),
    timezone: settings.optional("query:timezone", parseTimezone),
    device,
    byDevice,
    top,
    receipt: settings.flag("receipt"),
    json: settings.flag("json"),
  };
}

function wordOf(text: string): Word {
  const isMetric = !isPattern(text) && findMetric(text) !== undefined;
  return { text, isMetric, near: isMetric || isPattern(text) ? undefined : nearestMetric(text) };
}
