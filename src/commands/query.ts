/** `tidemark query`: the metrics of a window, as a table or as the server's JSON. */
import type { QueryConfig } from "../config/query-config.ts";
import { TidemarkError } from "../core/errors.ts";
import { meanText, NOTHING, plural, valueText } from "../core/figures.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { printable } from "../core/printable.ts";
import { isPattern } from "../core/sensor-pattern.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import { columns } from "./columns.ts";
import { knownSensors, nameOf, namesMeant, noSensor } from "./known-sensors.ts";
import type { Terminal } from "./run.ts";

/** A question, its wildcards resolved. */
interface Question {
  readonly sensors: readonly string[];
  readonly metrics: readonly string[];
}

/** @returns the exit code: 1 when something of it could not be answered */
export async function query(config: QueryConfig, terminal: Terminal): Promise<number> {
  const { out, err } = terminal;
  const question = await questionOf(config);
  const body = {
    ...Object.fromEntries(question.sensors.map((sensor) => [sensor, question.metrics])),
    ...(config.from === null ? {} : { from: config.from }),
    ...(config.to === null ? {} : { to: config.to }),
    ...(config.toExclusive === null ? {} : { toExclusive: config.toExclusive }),
  };
  const parameters = new URLSearchParams({
    ...(config.receipt ? { receipt: "true" } : {}),
    ...(config.timezone === null ? {} : { timezone: config.timezone }),
    ...(config.asOf === null ? {} : { asOf: config.asOf }),
    ...(config.device === null ? {} : { device: config.device }),
    ...(config.byDevice ? { by: "device" } : {}),
    ...(config.top === null ? {} : { top: String(config.top) }),
  }).toString();
  const answer = await ask(config.client, `compute/metrics${parameters === "" ? "" : `?${parameters}`}`, { body });
  const fields = fieldsOf(answer.body);
  const errors = fields.get("errors");
  // Only a question that was understood has an answer of this shape: 200, or 400 where nothing of it could be computed.
  if (!Array.isArray(errors) || (answer.status !== 200 && answer.status !== 400)) requireSuccess(answer, "query");
  if (config.json) printJson(answer.body, out);
  else {
    const result = fieldsOf(fields.get("result"));
    const rows = config.byDevice
      ? deviceRows(question, result, fieldsOf(fields.get("devices")))
      : sensorRows(question, result);
    for (const line of resultLines(question, rows, terminal.columns)) out(line);
    if (config.byDevice) for (const line of leftOut(question, fieldsOf(fields.get("devices")))) out(line);
    if (config.receipt && fields.has("receipt")) printJson(fields.get("receipt"), out);
  }
  const texts: readonly unknown[] = Array.isArray(errors) ? errors : [];
  for (const text of await inOwnWords(config, question, texts.map(String))) err(printable(text));
  return texts.length > 0 ? 1 : 0;
}

/** The server is asked for its sensors where only it can tell what is meant. */
async function questionOf({ client, patterns, words, metrics: usual }: QueryConfig): Promise<Question> {
  const named = words.filter(({ isMetric }) => isMetric).map(({ text }) => text);
  const unsure = words.filter(({ isMetric }) => !isMetric);
  const metrics = named.length === 0 ? usual : named;
  if (unsure.length === 0 && !patterns.some(isPattern)) return { sensors: patterns, metrics };
  const known = (await knownSensors(client)).map(nameOf);
  for (const { text, near } of unsure) {
    if (isPattern(text) || known.includes(text)) continue;
    const hint = didYouMean(near ?? nearest(text, known));
    throw new TidemarkError("not-found", `Cannot query ${printable(text)}: there is no such sensor or metric${hint}`);
  }
  return { sensors: namesMeant([...patterns, ...unsure.map(({ text }) => text)], known), metrics };
}

/** A sensor that is not there is told as one, and what was meant. */
async function inOwnWords(config: QueryConfig, { sensors }: Question, errors: readonly string[]): Promise<string[]> {
  const missing = new Map(sensors.map((sensor) => [`Unexpected key ${sensor} in the request body`, sensor]));
  if (!errors.some((text) => missing.has(text))) return [...errors];
  const known = (await knownSensors(config.client)).map(nameOf);
  return errors.map((text) => {
    const sensor = missing.get(text);
    return sensor === undefined ? text : noSensor(sensor, known).message;
  });
}

/** Numbers of a sensor, or of a device of it. */
interface Row {
  readonly sensor: string;
  /** null: of the sensor. */
  readonly device: string | null;
  readonly numbers: ReadonlyMap<string, unknown>;
}

function sensorRows({ sensors }: Question, result: ReadonlyMap<string, unknown>): Row[] {
  const answered = sensors.filter((sensor) => result.has(sensor));
  return answered.map((sensor) => ({ sensor, device: null, numbers: fieldsOf(result.get(sensor)) }));
}

/** In the order that the server says. */
function deviceRows(
  { sensors }: Question,
  result: ReadonlyMap<string, unknown>,
  devices: ReadonlyMap<string, unknown>,
): Row[] {
  return sensors.flatMap((sensor) => {
    const names = fieldsOf(devices.get(sensor)).get("names");
    const numbers = fieldsOf(result.get(sensor));
    return (Array.isArray(names) ? names.map(String) : []).map((device) => {
      return { sensor, device, numbers: fieldsOf(numbers.get(device)) };
    });
  });
}

/** What of the devices is not shown, a sentence each. */
function leftOut({ sensors }: Question, devices: ReadonlyMap<string, unknown>): string[] {
  return sensors.flatMap((sensor) => {
    const shown = fieldsOf(devices.get(sensor));
    const without = Number(shown.get("withoutSeries") ?? 0);
    const more =
      typeof shown.get("next") === "string" ? [`${sensor}: there are more devices; --top shows the largest`] : [];
    return [
      ...more,
      ...(without > 0
        ? [`${sensor}: without a series of its own: ${plural(without, "device")} (tidemark devices ${sensor})`]
        : []),
    ];
  });
}

/** A line of titles, then one for each row; where that is too wide, one for each number. */
function resultLines({ metrics }: Question, rows: readonly Row[], width: number): string[] {
  if (rows.length === 0) return [];
  const byMetric = metrics.map((metric) => cellsOf(rows.map(({ numbers }) => numbers.get(metric))));
  const hasDevices = rows.some(({ device }) => device !== null);
  const titles = hasDevices ? ["SENSOR", "DEVICE"] : ["SENSOR"];
  const heads = rows.map(({ sensor, device }) => (hasDevices ? [sensor, printable(device ?? "")] : [sensor]));
  const table = columns(
    [[...titles, ...metrics], ...heads.map((head, i) => [...head, ...byMetric.map((column) => column[i])])],
    new Set(metrics.map((_, i) => i + titles.length)),
  );
  if (table.every((line) => line.length <= width)) return table;
  const lines = heads.flatMap((head, i) => metrics.map((metric, m) => [...head, metric, byMetric[m][i]]));
  return columns([[...titles, "METRIC", "VALUE"], ...lines], new Set([titles.length + 1]));
}

/** A column as people read it, its points under each other; every digit is in --json. */
function cellsOf(values: readonly unknown[]): string[] {
  const isWhole = values.every((value) => typeof value !== "number" || Number.isInteger(value));
  return values.map((value) => {
    if (value === undefined) return "";
    if (typeof value !== "number") return NOTHING;
    return isWhole ? valueText(value) : meanText(value);
  });
}
