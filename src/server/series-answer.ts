/** The numbers of `GET /series`, written piece by piece, so that an answer of a hundred thousand buckets delays no other. */
import { stepText } from "../core/calendar.ts";
import { Pace } from "../core/slices.ts";
import { formatSecond } from "../core/time.ts";
import type { Engine } from "../engine/engine.ts";
import { numberText } from "./compute-answer.ts";
import { type DevicesShown, devicesAsked } from "./devices-asked.ts";
import { passedSeconds } from "./passed-seconds.ts";
import type { SeriesFormat, SeriesRequest } from "./series-request.ts";

/** Numbers that are written at once: digits of a double take up to half a microsecond. */
const PIECE = 4096;

/** Media types, by format. */
export const SERIES_TYPES: Readonly<Record<SeriesFormat, string>> = {
  json: "application/json; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  ndjson: "application/x-ndjson; charset=utf-8",
};

/** Of one sensor, by metric, by bucket; null where a bucket has no answer. */
type Numbers = readonly (readonly (number | null)[])[];

/** The numbers of a sensor, or of a device of it. */
interface Column {
  readonly sensor: string;
  /** null: of the sensor, or of the one device that was asked for. */
  readonly device: string | null;
  readonly numbers: Numbers;
}

/** The answer in pieces. */
export function writeSeries(request: SeriesRequest, engine: Engine, format: SeriesFormat): AsyncGenerator<string> {
  if (format === "json") return writeJson(request, engine);
  return format === "csv" ? writeRows(request, engine, csvHead, csvRow) : writeRows(request, engine, () => "", jsonRow);
}

async function* writeJson(request: SeriesRequest, engine: Engine): AsyncGenerator<string> {
  const { step, zone, edges, sensors, devices } = request;
  const pace = new Pace();
  yield `{"step":${JSON.stringify(stepText(step))},"timezone":${JSON.stringify(zone.name)},"edges":`;
  yield* listed(edges, (edge) => String(edge * 1000), pace);
  yield ',"series":{';
  const shown: string[] = [];
  for (const [s, sensor] of sensors.entries()) {
    yield `${s === 0 ? "" : ","}${JSON.stringify(sensor)}:{`;
    if (devices.by === undefined) {
      yield* writeNumbers(request, await numbersOf(request, sensor, pace, devices.device), pace);
    } else {
      const asked = await devicesOf(request, engine, sensor);
      shown.push(`${JSON.stringify(sensor)}:${JSON.stringify(asked)}`);
      for (const [d, device] of asked.names.entries()) {
        yield `${d === 0 ? "" : ","}${JSON.stringify(device)}:{`;
        yield* writeNumbers(request, await numbersOf(request, sensor, pace, device), pace);
        yield "}";
      }
    }
    yield "}";
  }
  yield devices.by === undefined ? "}}\n" : `},"devices":{${shown.join(",")}}}\n`;
}

async function* writeNumbers({ metrics }: SeriesRequest, numbers: Numbers, pace: Pace): AsyncGenerator<string> {
  for (const [m, { name }] of metrics.entries()) {
    yield `${m === 0 ? "" : ","}${JSON.stringify(name)}:`;
    yield* listed(numbers[m], numberText, pace);
  }
}

/** The devices of `by=device`; of `top` those with the largest first metric over the whole window. */
function devicesOf(request: SeriesRequest, engine: Engine, sensor: string): Promise<DevicesShown> {
  const { devices, edges, metrics, needs } = request;
  const { answers, past, nowMs } = request.moment;
  const window = { start: edges[0], end: edges[edges.length - 1] };
  return devicesAsked(engine, past, sensor, devices, (device) => {
    const { aggregate } = answers.query(sensor, window, needs, device);
    return metrics[0].read(aggregate, passedSeconds(window, answers, sensor, nowMs, device));
  });
}

async function* listed<T>(items: readonly T[], text: (item: T) => string, pace: Pace): AsyncGenerator<string> {
  yield "[";
  for (let from = 0; from < items.length; from += PIECE) {
    if (pace.isOver) await pace.rest();
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
  engine: Engine,
  head: (request: SeriesRequest, columns: readonly Column[]) => string,
  row: (request: SeriesRequest, bucket: number, columns: readonly Column[]) => string,
): AsyncGenerator<string> {
  const numbers: Column[] = [];
  const pace = new Pace();
  for (const sensor of request.sensors) {
    const { device, by } = request.devices;
    const names = by === undefined ? [device] : (await devicesOf(request, engine, sensor)).names;
    for (const name of names) {
      const shown = by === undefined ? null : (name ?? null);
      numbers.push({ sensor, device: shown, numbers: await numbersOf(request, sensor, pace, name) });
    }
  }
  yield head(request, numbers);
  const buckets = request.edges.length - 1;
  const rows = Math.ceil(PIECE / Math.max(1, numbers.length * request.metrics.length));
  for (let from = 0; from < buckets; from += rows) {
    let text = "";
    for (let bucket = from; bucket < Math.min(buckets, from + rows); bucket++)
      text += row(request, bucket, numbers) + "\n";
    yield text;
    if (pace.isOver) await pace.rest();
  }
}

function csvHead({ metrics }: SeriesRequest, columns: readonly Column[]): string {
  const titles = columns.flatMap(({ sensor, device }) =>
    metrics.map(({ name }) => csvText(`${sensor}.${device === null ? "" : `${device}.`}${name}`)),
  );
  return ["from", "toExclusive", ...titles].join(",") + "\n";
}

/** As a field of CSV (RFC 4180): names of devices may hold anything. */
function csvText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvRow({ edges, metrics }: SeriesRequest, bucket: number, columns: readonly Column[]): string {
  const cells = columns.flatMap(({ numbers }) => metrics.map((_, m) => numbers[m][bucket] ?? ""));
  return [formatSecond(edges[bucket]), formatSecond(edges[bucket + 1]), ...cells].join(",");
}

function jsonRow({ edges, sensors, metrics }: SeriesRequest, bucket: number, columns: readonly Column[]): string {
  const line: Record<string, unknown> = {
    from: formatSecond(edges[bucket]),
    toExclusive: formatSecond(edges[bucket + 1]),
  };
  for (const sensor of sensors) {
    const own = columns.filter((column) => column.sensor === sensor);
    const values = own.map(({ device, numbers }) => {
      return [device, Object.fromEntries(metrics.map(({ name }, m) => [name, numbers[m][bucket]]))] as const;
    });
    line[sensor] = values.length === 1 && values[0][0] === null ? values[0][1] : Object.fromEntries(values);
  }
  return JSON.stringify(line);
}

/** Each bucket is answered as `POST /compute/metrics` answers its edges. */
export async function numbersOf(
  { edges, metrics, needs, moment: { answers, nowMs } }: Pick<SeriesRequest, "edges" | "metrics" | "needs" | "moment">,
  sensor: string,
  pace: Pace,
  device?: string,
): Promise<Numbers> {
  const numbers: (number | null)[][] = metrics.map(() => []);
  const hasRate = metrics.some(({ overTime }) => overTime);
  for (let bucket = 0; bucket < edges.length - 1; bucket++) {
    const [start, end] = [edges[bucket], edges[bucket + 1]];
    const { aggregate } = answers.query(sensor, { start, end }, needs, device);
    const seconds = hasRate ? passedSeconds({ start, end }, answers, sensor, nowMs, device) : 0;
    for (const [m, metric] of metrics.entries()) numbers[m].push(metric.read(aggregate, seconds));
    if (pace.isOver) await pace.rest();
  }
  return numbers;
}
