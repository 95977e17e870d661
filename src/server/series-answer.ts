/** The numbers of `GET /series`, written piece by piece, so that an answer of a hundred thousand buckets delays no other. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { stepText } from "../core/calendar.ts";
import { formatSecond } from "../core/time.ts";
import { numberText } from "./compute-answer.ts";
import { passedSeconds } from "./passed-seconds.ts";
import type { SeriesFormat, SeriesRequest } from "./series-request.ts";

/** How long buckets are merged before others may run, ms. */
const SLICE_MS = 4;

/** Numbers or lines that are written at once. */
const PIECE = 4096;

/** Media types, by format. */
export const SERIES_TYPES: Readonly<Record<SeriesFormat, string>> = {
  json: "application/json; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  ndjson: "application/x-ndjson; charset=utf-8",
};

/** Of one sensor, by metric, by bucket; null where a bucket has no answer. */
type Numbers = readonly (readonly (number | null)[])[];

/** The answer in pieces. */
export function writeSeries(request: SeriesRequest, format: SeriesFormat): AsyncGenerator<string> {
  if (format === "json") return writeJson(request);
  return format === "csv" ? writeRows(request, csvHead(request), csvRow) : writeRows(request, "", jsonRow);
}

async function* writeJson(request: SeriesRequest): AsyncGenerator<string> {
  const { step, zone, edges, sensors, metrics } = request;
  yield `{"step":${JSON.stringify(stepText(step))},"timezone":${JSON.stringify(zone.name)},"edges":`;
  yield* listed(edges, (edge) => String(edge * 1000));
  yield ',"series":{';
  for (const [s, sensor] of sensors.entries()) {
    const numbers = await numbersOf(request, sensor);
    yield `${s === 0 ? "" : ","}${JSON.stringify(sensor)}:{`;
    for (const [m, { name }] of metrics.entries()) {
      yield `${m === 0 ? "" : ","}${JSON.stringify(name)}:`;
      yield* listed(numbers[m], numberText);
    }
    yield "}";
  }
  yield "}}\n";
}

function* listed<T>(items: readonly T[], text: (item: T) => string): Generator<string> {
  yield "[";
  for (let from = 0; from < items.length; from += PIECE) {
    yield (from === 0 ? "" : ",") +
      items
        .slice(from, from + PIECE)
        .map(text)
        .join(",");
  }
  yield "]";
}

/** One line a bucket. */
async function* writeRows(
  request: SeriesRequest,
  head: string,
  row: (request: SeriesRequest, bucket: number, numbers: readonly Numbers[]) => string,
): AsyncGenerator<string> {
  const numbers: Numbers[] = [];
  for (const sensor of request.sensors) numbers.push(await numbersOf(request, sensor));
  yield head;
  const buckets = request.edges.length - 1;
  for (let from = 0; from < buckets; from += PIECE) {
    let text = "";
    for (let bucket = from; bucket < Math.min(buckets, from + PIECE); bucket++)
      text += row(request, bucket, numbers) + "\n";
    yield text;
    await nextTurn();
  }
}

function csvHead({ sensors, metrics }: SeriesRequest): string {
  const columns = sensors.flatMap((sensor) => metrics.map(({ name }) => `${sensor}.${name}`));
  return ["from", "toExclusive", ...columns].join(",") + "\n";
}

function csvRow({ edges, metrics }: SeriesRequest, bucket: number, numbers: readonly Numbers[]): string {
  const cells = numbers.flatMap((ofSensor) => metrics.map((_, m) => ofSensor[m][bucket] ?? ""));
  return [formatSecond(edges[bucket]), formatSecond(edges[bucket + 1]), ...cells].join(",");
}

function jsonRow({ edges, sensors, metrics }: SeriesRequest, bucket: number, numbers: readonly Numbers[]): string {
  const line: Record<string, unknown> = {
    from: formatSecond(edges[bucket]),
    toExclusive: formatSecond(edges[bucket + 1]),
  };
  for (const [s, sensor] of sensors.entries()) {
    line[sensor] = Object.fromEntries(metrics.map(({ name }, m) => [name, numbers[s][m][bucket]]));
  }
  return JSON.stringify(line);
}

/** Each bucket is answered as `POST /compute/metrics` answers its edges. */
export async function numbersOf(
  { edges, metrics, needs, moment: { answers, nowMs } }: Pick<SeriesRequest, "edges" | "metrics" | "needs" | "moment">,
  sensor: string,
): Promise<Numbers> {
  const numbers: (number | null)[][] = metrics.map(() => []);
  const hasRate = metrics.some(({ overTime }) => overTime);
  let sliceEnd = performance.now() + SLICE_MS;
  for (let bucket = 0; bucket < edges.length - 1; bucket++) {
    const [start, end] = [edges[bucket], edges[bucket + 1]];
    const { aggregate } = answers.query(sensor, { start, end }, needs);
    const seconds = hasRate ? passedSeconds({ start, end }, answers, sensor, nowMs) : 0;
    for (const [m, metric] of metrics.entries()) numbers[m].push(metric.read(aggregate, seconds));
    if (performance.now() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = performance.now() + SLICE_MS;
  }
  return numbers;
}
