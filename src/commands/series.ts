/** `tidemark series`: metrics of sensors in buckets of time, as a picture, a table, or the server's own CSV, NDJSON or JSON. */
import { once } from "node:events";
import type { SeriesConfig } from "../config/series-config.ts";
import { TidemarkError } from "../core/errors.ts";
import { meanText, NOTHING, valueText } from "../core/figures.ts";
import { printable } from "../core/printable.ts";
import { isPattern } from "../core/sensor-pattern.ts";
import { openZone, type Zone } from "../core/zone.ts";
import { type Curve, renderChart } from "../ui/chart.ts";
import { ask, fieldsOf, open, requireSuccess, whole } from "./client.ts";
import { columns } from "./columns.ts";
import { knownSensors, nameOf, namesMeant, noSensor } from "./known-sensors.ts";
import type { Terminal } from "./run.ts";

/** Sensors that a server answers together. */
const SENSORS_MAX = 8;

/** Rows of a table, where nothing else is said. */
const TABLE_POINTS = 24;

/** Cells of a chart that are no part of its canvas: labels and the axis. */
const BESIDE_CANVAS = 8;

/** A chart that goes to a file. */
const CHART_COLUMNS = 100;
const CHART_ROWS = 24;

/** Numbers of one or several sensors in buckets. */
interface Series {
  readonly step: string;
  readonly timezone: string;
  readonly edges: readonly number[];
  /** By sensor and metric. */
  readonly numbers: ReadonlyMap<string, ReadonlyMap<string, readonly (number | null)[]>>;
}

/** @throws TidemarkError "not-found" where a name means no sensor, "request-invalid" with the server's words */
export async function series(config: SeriesConfig, terminal: Terminal, output: NodeJS.WriteStream): Promise<void> {
  const sensors = await sensorsOf(config);
  const format = config.format ?? (output.isTTY ? "chart" : "table");
  if (format !== "chart" && format !== "table") {
    const shift = config.shift === null ? {} : { shift: config.shift };
    await copy(config, pathOf(config, sensors, { ...pointsOf(config, null), ...shift, format }), output);
    return;
  }
  const columnsShown = output.columns || CHART_COLUMNS;
  const points = format === "table" ? TABLE_POINTS : Math.max(2, (columnsShown - BESIDE_CANVAS) * 2);
  const found = await askFor(config, sensors, pointsOf(config, points));
  const before = config.shift === null ? null : await askForBefore(config, sensors, found);
  const lines =
    format === "chart"
      ? chartLines(
          config,
          found,
          before,
          { columns: columnsShown, rows: (output.rows || CHART_ROWS + 1) - 1 },
          terminal,
        )
      : tableLines(config, found, before);
  for (const line of lines) terminal.out(line);
}

async function sensorsOf({ client, patterns }: SeriesConfig): Promise<readonly string[]> {
  const sensors = patterns.some(isPattern) ? namesMeant(patterns, (await knownSensors(client)).map(nameOf)) : patterns;
  if (sensors.length <= SENSORS_MAX) return sensors;
  const shown = sensors.slice(0, SENSORS_MAX + 1).join(", ");
  throw new TidemarkError(
    "request-invalid",
    `Cannot show ${sensors.length} sensors together: expected at most ${SENSORS_MAX}, were ${shown} …`,
  );
}

function pointsOf({ every, points }: SeriesConfig, usual: number | null): Record<string, string> {
  if (every !== null) return { every };
  const most = points ?? usual;
  return most === null ? {} : { points: String(Math.min(most, 2000)) };
}

function pathOf(config: SeriesConfig, sensors: readonly string[], more: Readonly<Record<string, string>>): string {
  const { metrics, from, to, toExclusive, asOf, timezone } = config;
  const given = Object.entries({ from, to, toExclusive, asOf, timezone }).filter((entry) => entry[1] !== null);
  const parameters = { sensor: sensors.join(","), metrics: metrics.join(","), ...Object.fromEntries(given), ...more };
  return `series?${new URLSearchParams(parameters)}`;
}

/** The answer as it comes, piece by piece. */
async function copy(config: SeriesConfig, path: string, output: NodeJS.WriteStream): Promise<void> {
  const response = await open(config.client, path, { accept: "*/*" });
  if (response.statusCode !== 200) return void (await understood(config, await whole(response, config.client)));
  for await (const piece of response) if (!output.write(piece)) await once(output, "drain");
}

async function askFor(config: SeriesConfig, sensors: readonly string[], more: Readonly<Record<string, string>>) {
  return seriesOf(await understood(config, await ask(config.client, pathOf(config, sensors, more))));
}

/** The very same buckets, earlier: a window until now would have moved on. */
async function askForBefore(config: SeriesConfig, sensors: readonly string[], found: Series): Promise<Series> {
  const { edges, step, timezone } = found;
  const bounds = { from: String(edges[0]), to: null, toExclusive: String(edges[edges.length - 1]), timezone };
  const { shift } = config;
  return await askFor({ ...config, ...bounds }, sensors, { every: step, ...(shift === null ? {} : { shift }) });
}

/** A sensor that is not there is told as one. */
async function understood(config: SeriesConfig, answer: Awaited<ReturnType<typeof ask>>) {
  if (answer.status === 400) {
    const known = (await knownSensors(config.client)).map(nameOf);
    const missing = config.patterns.find((name) => !isPattern(name) && !known.includes(name));
    if (missing !== undefined) throw noSensor(missing, known);
  }
  return requireSuccess(answer, "show the series");
}

function seriesOf(fields: ReadonlyMap<string, unknown>): Series {
  const numbers = new Map<string, Map<string, (number | null)[]>>();
  for (const [sensor, metrics] of fieldsOf(fields.get("series"))) {
    const lists = [...fieldsOf(metrics)].map(([metric, list]) => [metric, numbersOf(list)] as const);
    numbers.set(sensor, new Map(lists));
  }
  return {
    step: String(fields.get("step")),
    timezone: String(fields.get("timezone")),
    edges: numbersOf(fields.get("edges")).map(Number),
    numbers,
  };
}

function numbersOf(list: unknown): (number | null)[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  return items.map((item) => (typeof item === "number" ? item : null));
}

function chartLines(
  config: SeriesConfig,
  found: Series,
  before: Series | null,
  size: { columns: number; rows: number },
  { color }: Terminal,
): string[] {
  const { edges, step, timezone } = found;
  if (edges.length < 2) return ["nothing in this window"];
  const zone = openZone(timezone);
  const name = lineMetric(config.metrics);
  const what = hasBand(config.metrics) ? `${name}, min to max` : name;
  const title = `${what} every ${step}, ${spanText(edges, step, zone)} ${timezone}`;
  const curves = curvesOf(config, found, "");
  if (before !== null) curves.push(...curvesOf(config, before, ` ${config.shift} before`));
  return renderChart({ title, edges, zone, curves }, size, color);
}

/** Both ends of a window: the date once where it is one day's, seconds where buckets have some. */
function spanText(edges: readonly number[], step: string, zone: Zone): string {
  const [from, to] = [edges[0], edges[edges.length - 1]].map((ms) => zone.shown(ms));
  const isFine = /\ds$/.test(step);
  const shown = (text: string) => (isFine ? text : text.slice(0, 16));
  return `${shown(from)} to ${shown(to).slice(from.slice(0, 10) === to.slice(0, 10) ? 11 : 0)}`;
}

/** The line is the first metric that is no bound. */
function lineMetric(metrics: readonly string[]): string {
  return metrics.find((metric) => metric !== "min" && metric !== "max") ?? metrics[0];
}

function hasBand(metrics: readonly string[]): boolean {
  return metrics.includes("min") && metrics.includes("max");
}

function curvesOf(config: SeriesConfig, { numbers }: Series, suffix: string): Curve[] {
  const isBand = suffix === "" && hasBand(config.metrics);
  return [...numbers].map(([sensor, metrics]) => ({
    name: sensor + suffix,
    line: metrics.get(lineMetric(config.metrics)) ?? [],
    low: isBand ? (metrics.get("min") ?? null) : null,
    high: isBand ? (metrics.get("max") ?? null) : null,
  }));
}

/** A line a bucket, its beginning on the zone's clock. */
function tableLines(config: SeriesConfig, found: Series, before: Series | null): string[] {
  const zone = openZone(found.timezone);
  const titles = [`TIME ${found.timezone}`];
  const cells: string[][] = [found.edges.slice(0, -1).map((ms) => zone.shown(ms))];
  const isAlone = found.numbers.size === 1 && before === null;
  for (const [of, suffix] of [
    [found, ""],
    [before, ` -${config.shift}`],
  ] as const) {
    for (const [sensor, metrics] of of?.numbers ?? []) {
      for (const [metric, values] of metrics) {
        titles.push(isAlone ? metric : `${sensor}.${metric}${suffix}`);
        cells.push(cellsOf(values));
      }
    }
  }
  const rows = cells[0].map((_, row) => cells.map((column) => column[row] ?? NOTHING));
  return columns([titles, ...rows], new Set(cells.keys().filter((column) => column > 0))).map(printable);
}

/** As people read them, their points under each other. */
function cellsOf(values: readonly (number | null)[]): string[] {
  const isWhole = values.every((value) => value === null || Number.isInteger(value));
  return values.map(isWhole ? valueText : meanText);
}
