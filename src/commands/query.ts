/** `tidemark query`: the metrics of a window, as a table or as the server's JSON. */
import type { QueryConfig } from "../config/query-config.ts";
import { TidemarkError } from "../core/errors.ts";
import { meanText, NOTHING, valueText } from "../core/figures.ts";
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
  }).toString();
  const answer = await ask(config.client, `compute/metrics${parameters === "" ? "" : `?${parameters}`}`, { body });
  const fields = fieldsOf(answer.body);
  const errors = fields.get("errors");
  // Only a question that was understood has an answer of this shape: 200, or 400 where nothing of it could be computed.
  if (!Array.isArray(errors) || (answer.status !== 200 && answer.status !== 400)) requireSuccess(answer, "query");
  if (config.json) printJson(answer.body, out);
  else {
    for (const line of resultLines(question, fieldsOf(fields.get("result")), terminal.columns)) out(line);
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

/** A line of titles, then one for each sensor that there is a result of; where that is too wide, one for each number. */
function resultLines({ sensors, metrics }: Question, result: ReadonlyMap<string, unknown>, width: number): string[] {
  const answered = sensors.filter((sensor) => result.has(sensor));
  if (answered.length === 0) return [];
  const values = answered.map((sensor) => fieldsOf(result.get(sensor)));
  const byMetric = metrics.map((metric) => cellsOf(values.map((ofSensor) => ofSensor.get(metric))));
  const cells = answered.map((_, i) => byMetric.map((column) => column[i]));
  const table = columns(
    [["SENSOR", ...metrics], ...answered.map((sensor, i) => [sensor, ...cells[i]])],
    new Set(metrics.map((_, i) => i + 1)),
  );
  if (table.every((line) => line.length <= width)) return table;
  const rows = answered.flatMap((sensor, i) => metrics.map((metric, m) => [sensor, metric, cells[i][m]]));
  return columns([["SENSOR", "METRIC", "VALUE"], ...rows], new Set([2]));
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
