/** Configuration of `tidemark send`, `sensors` and `watch`. Under src/config/config.ts. */
import { NAME_BYTES_MAX } from "../core/limits.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { patternFault } from "../core/sensor-pattern.ts";
import { type ClientConfig, clientConfig, parseMoment, timezone } from "./client-config.ts";
import { SENSOR_COLUMNS } from "./option-table.ts";
import { invalid, type Settings, shown } from "./settings.ts";
import { type Parsed, parseSensor } from "./values.ts";

/** Configuration of `tidemark send`. */
export interface SendConfig {
  readonly client: ClientConfig;
  readonly sensor: string;
  /** Numbers, or JSON objects; none: the lines of the input are. */
  readonly values: readonly string[];
  /** null: named after the machine. */
  readonly device: string | null;
  /** null: drawn at random. */
  readonly boot: string | null;
  /** ms since the epoch; null: when each is read. */
  readonly timeMs: number | null;
  readonly json: boolean;
}

/** Configuration of `tidemark watch`. */
export interface WatchConfig {
  readonly client: ClientConfig;
  /** Names and patterns; none: all. */
  readonly patterns: readonly string[];
}

/** What to sort a list of sensors by. */
export type SensorColumn = (typeof SENSOR_COLUMNS)[number];

/** Configuration of `tidemark sensors`. */
export interface SensorsConfig {
  readonly client: ClientConfig;
  /** Names and patterns; none: all. */
  readonly patterns: readonly string[];
  readonly sort: SensorColumn;
  readonly json: boolean;
}

/** A decimal number as readings have it, but for what no double holds. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Reads the configuration of `tidemark send`. @throws TidemarkError "config-invalid" */
export function sendConfig(settings: Settings, operands: readonly string[], cwd: string): SendConfig {
  const [name, ...values] = operands;
  if (name === undefined) throw invalid("Cannot send: expected a sensor, such as tidemark send temperature 21.5");
  const sensor = parseSensor(name);
  if ("expected" in sensor) throw invalid(`Cannot send to ${shown(name)}: expected ${sensor.expected}`);
  for (const value of values) {
    if (NUMBER.test(value) || value.startsWith("{")) continue;
    const meant = /^[+-]?\d+,\d+$/.test(value) ? value.replace(",", ".") : undefined;
    throw invalid(`Cannot send ${shown(value)}: expected a number, or JSON in braces${didYouMean(meant)}`);
  }
  return {
    client: clientConfig(settings, cwd),
    sensor: sensor.value,
    values,
    device: settings.optional("send:device", parseName),
    boot: settings.optional("send:boot", parseName),
    timeMs: settings.optional("send:time", parseMoment(timezone(settings))),
    json: settings.flag("json"),
  };
}

/** A name of a device or boot. */
export function parseName(text: string): Parsed<string> {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= NAME_BYTES_MAX
    ? { value: text }
    : { expected: `a name of 1 to ${NAME_BYTES_MAX} bytes` };
}

/** Reads the configuration of `tidemark sensors`. @throws TidemarkError "config-invalid" */
export function sensorsConfig(settings: Settings, operands: readonly string[], cwd: string): SensorsConfig {
  return {
    client: clientConfig(settings, cwd),
    patterns: patternsOf(operands),
    sort: settings.read("sensors:sort", parseColumn),
    json: settings.flag("json"),
  };
}

function parseColumn(text: string): Parsed<SensorColumn> {
  const column = SENSOR_COLUMNS.find((name) => name === text.toLowerCase());
  if (column !== undefined) return { value: column };
  return { expected: `${SENSOR_COLUMNS.join(", ")}${didYouMean(nearest(text, SENSOR_COLUMNS))}` };
}

/** Operands, each one or several with commas between them → names and patterns, each once. @throws TidemarkError "config-invalid" */
export function patternsOf(operands: readonly string[]): readonly string[] {
  const patterns = new Set<string>();
  for (const text of operands.flatMap((operand) => operand.split(/[,\s]+/))) {
    if (text === "") continue;
    const fault = patternFault(text);
    if (fault !== null) throw invalid(`Cannot find sensors ${shown(text)}: expected ${fault}`);
    patterns.add(text);
  }
  return [...patterns];
}
