/** Configuration of `tidemark import` and `export`. Under src/config/config.ts. */
import { resolve } from "node:path";
import { type ClientConfig, clientConfig, timezone } from "./client-config.ts";
import { parseName, patternsOf } from "./send-config.ts";
import { parseMetrics, parseStepText } from "./series-config.ts";
import { invalid, type Settings, shown } from "./settings.ts";
import { type Parsed, parseSensor, parseText, parseTimezone } from "./values.ts";

/** Configuration of `tidemark import`. */
export interface ImportConfig {
  readonly client: ClientConfig;
  readonly sensor: string;
  /** Absolute; null: the input. */
  readonly file: string | null;
  /** By field of a reading: a column, as it was written. */
  readonly columns: ReadonlyMap<string, string>;
  /** null: to be found. */
  readonly delimiter: string | null;
  /** As written; null: as readings have it. */
  readonly timeFormat: string | null;
  /** Of times that name none. */
  readonly timezone: string;
  /** Of rows that name none. */
  readonly device: string;
  readonly dryRun: boolean;
}

/** Of readings whose file names none: the same each time, as it is part of what a reading is known by. */
const DEVICE = "import";

/** @throws TidemarkError "config-invalid" */
export function importConfig(settings: Settings, operands: readonly string[], cwd: string): ImportConfig {
  const [name, file, ...others] = operands;
  if (name === undefined || others.length > 0) {
    throw invalid("Cannot import: expected a sensor and a file, such as tidemark import temperature readings.csv");
  }
  const sensor = parseSensor(name);
  if ("expected" in sensor) throw invalid(`Cannot import to ${shown(name)}: expected ${sensor.expected}`);
  return {
    client: clientConfig(settings, cwd),
    sensor: sensor.value,
    file: file === undefined || file === "-" ? null : resolve(cwd, file),
    columns: settings.optional("import:columns", parseColumns) ?? new Map(),
    delimiter: settings.optional("import:delimiter", parseDelimiter),
    timeFormat: settings.optional("import:time-format", parseText),
    timezone: timezone(settings),
    device: settings.optional("send:device", parseName) ?? DEVICE,
    dryRun: settings.flag("import:dry-run"),
  };
}

const FIELDS: readonly string[] = ["value", "time", "device", "boot", "sequence", "id"];

function parseColumns(text: string): Parsed<ReadonlyMap<string, string>> {
  const columns = new Map<string, string>();
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const field = part.slice(0, at).trim();
    const column = part.slice(at + 1).trim();
    if (at === -1 || column === "" || !FIELDS.includes(field) || columns.has(field)) {
      return { expected: `FIELD=COLUMN with commas between them, FIELD one of ${FIELDS.join(", ")}` };
    }
    columns.set(field, column);
  }
  return { value: columns };
}

function parseDelimiter(text: string): Parsed<string> {
  const character = text === "tab" || text === "\\t" ? "\t" : text;
  return character.length === 1 && !/["\r\n]/.test(character)
    ? { value: character }
    : { expected: "one character, or tab" };
}

/** Configuration of `tidemark export`. */
export interface ExportConfig {
  readonly client: ClientConfig;
  /** Names and patterns. */
  readonly patterns: readonly string[];
  readonly metrics: readonly string[];
  readonly every: string;
  /** As written: the server knows its zone. */
  readonly from: string | null;
  readonly to: string | null;
  readonly toExclusive: string | null;
  /** null: the server's. */
  readonly timezone: string | null;
  readonly format: "csv" | "ndjson";
  /** Absolute; null: the output. */
  readonly file: string | null;
}

/** @throws TidemarkError "config-invalid" */
export function exportConfig(settings: Settings, operands: readonly string[], cwd: string): ExportConfig {
  const patterns = patternsOf(operands);
  if (patterns.length === 0) throw invalid("Cannot export: expected a sensor, such as tidemark export temperature");
  const file = settings.optional("export:output", parseText);
  return {
    client: clientConfig(settings, cwd),
    patterns,
    metrics: settings.read("export:metrics", parseMetrics),
    every: settings.read("export:every", parseStepText),
    from: settings.optional("query:from", parseText),
    to: settings.optional("query:to", parseText),
    toExclusive: settings.optional("query:to-exclusive", parseText),
    timezone: settings.optional("query:timezone", parseTimezone),
    format: settings.read("export:format", parseFormat),
    file: file === null ? null : resolve(cwd, file),
  };
}

function parseFormat(text: string): Parsed<"csv" | "ndjson"> {
  const format = (["csv", "ndjson"] as const).find((name) => name === text.toLowerCase());
  return format === undefined ? { expected: "csv or ndjson" } : { value: format };
}
