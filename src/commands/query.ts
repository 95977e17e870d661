/** `tidemark query`: the metrics of a window, as a table or as the server's JSON. */

import type { QueryConfig } from "../config/client-config.ts";
import { NOTHING } from "../core/figures.ts";
import { printable } from "../ui/printable.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import { columns } from "./columns.ts";
import type { Console } from "./console.ts";

/** @returns the exit code: 1 when something of it could not be answered */
export async function query(config: QueryConfig, { out, err }: Console): Promise<number> {
  const body = {
    ...Object.fromEntries(config.sensors.map((sensor) => [sensor, config.metrics])),
    ...(config.from === null ? {} : { from: config.from }),
    ...(config.to === null ? {} : { to: config.to }),
    ...(config.toExclusive === null ? {} : { toExclusive: config.toExclusive }),
  };
  const parameters = new URLSearchParams({
    ...(config.receipt ? { receipt: "true" } : {}),
    ...(config.timezone === null ? {} : { timezone: config.timezone }),
  }).toString();
  const answer = await ask(config.client, `compute/metrics${parameters === "" ? "" : `?${parameters}`}`, body);
  const fields = fieldsOf(answer.body);
  const errors = fields.get("errors");
  // Only a question that was understood has an answer of this shape: 200, or 400 where nothing of it could be computed.
  if (!Array.isArray(errors) || (answer.status !== 200 && answer.status !== 400)) requireSuccess(answer, "query");
  if (config.json) printJson(answer.body, out);
  else {
    for (const line of resultLines(config, fieldsOf(fields.get("result")))) out(line);
    if (config.receipt && fields.has("receipt")) printJson(fields.get("receipt"), out);
  }
  const texts: readonly unknown[] = Array.isArray(errors) ? errors : [];
  for (const text of texts) err(printable(String(text)));
  return texts.length > 0 ? 1 : 0;
}

/** A line of titles, then one for each sensor that there is a result of. */
function resultLines(config: QueryConfig, result: ReadonlyMap<string, unknown>): string[] {
  const rows: string[][] = [];
  for (const sensor of config.sensors) {
    if (!result.has(sensor)) continue;
    const metrics = fieldsOf(result.get(sensor));
    rows.push([sensor, ...config.metrics.map((metric) => cellOf(metrics, metric))]);
  }
  if (rows.length === 0) return [];
  const right = new Set(config.metrics.map((_, i) => i + 1));
  return columns([["SENSOR", ...config.metrics.map(printable)], ...rows], right);
}

/** Every digit there is: what is printed parses to the same double. */
function cellOf(metrics: ReadonlyMap<string, unknown>, metric: string): string {
  if (!metrics.has(metric)) return "";
  const value = metrics.get(metric);
  return value === null ? NOTHING : String(value);
}
