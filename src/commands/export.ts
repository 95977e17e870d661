/** `tidemark export`: the history of sensors in buckets, a row each, as CSV or NDJSON: of any length, piece by piece; empty buckets are left out. */
import { once } from "node:events";
import { createWriteStream, renameSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientConfig } from "../config/client-config.ts";
import type { ExportConfig } from "../config/import-config.ts";
import { parseStep, type StepUnit } from "../core/calendar.ts";
import { assert, messageOf, TidemarkError } from "../core/errors.ts";
import { countText } from "../core/figures.ts";
import { isPattern } from "../core/sensor-pattern.ts";
import { formatMs } from "../core/time.ts";
import { ask, fieldsOf, requireSuccess } from "./client.ts";
import type { Console } from "./console.ts";
import { knownSensors, nameOf, namesMeant } from "./known-sensors.ts";
import { Progress } from "./progress.ts";

/** Buckets that are asked for together: some 100 ms of the server's time. */
const BUCKETS_AT_ONCE = 10_000;

/** Shortest length of a unit of steps, ms. */
const UNIT_MS: Readonly<Record<StepUnit, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 82_800_000,
  w: 601_200_000,
  mo: 2_415_600_000,
  y: 31_536_000_000,
};

/** How long to wait for what was sent just before, ms: a million readings; and how often to look. */
const UNREAD_MS_MAX = 5000;
const LOOK_MS = 100;

/** Of a file while it is written. */
const UNFINISHED = ".unfinished";

/** Half-open, ms. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** @throws TidemarkError with the server's words */
export async function exportSensors(config: ExportConfig, { err }: Console, streams: Streams): Promise<void> {
  const { client, patterns, file } = config;
  const sensors = patterns.some(isPattern) ? namesMeant(patterns, (await knownSensors(client)).map(nameOf)) : patterns;
  const missing = await unreadOf(client, new Set(sensors));
  const unfinished = file === null ? null : file + UNFINISHED;
  const output = unfinished === null ? streams.stdout : createWriteStream(unfinished);
  let failure: Error | null = null;
  output.on("error", (error: Error) => {
    failure = error;
  });
  const exporting = new Exporting(config, new Progress(streams.stderr, "rows"));
  try {
    for await (const piece of exporting.pieces(sensors)) {
      // Who read it has gone, or the disk is full.
      if (!output.writable || failure !== null) break;
      if (!output.write(piece)) await drained(output);
    }
    if (unfinished !== null && file !== null) {
      output.end();
      await once(output, "close").catch(() => {});
      if (failure !== null) throw failure;
      renameSync(unfinished, file);
    }
  } catch (error) {
    if (unfinished !== null) rmSync(unfinished, { force: true });
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError("config-invalid", `Cannot write ${file}: ${messageOf(error)}`, error);
  } finally {
    exporting.progress.end();
  }
  if (missing > 0)
    err(`${countText(missing)} records that were in the log at the start are not in it: export again later`);
  if (file !== null) err(`wrote ${countText(exporting.rows)} ${exporting.rows === 1 ? "row" : "rows"} to ${file}`);
}

/** Waits for the server to take in what its log holds of the sensors, a while. @returns how many records are left */
async function unreadOf(client: ClientConfig, sensors: ReadonlySet<string>): Promise<number> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const own = (await knownSensors(client)).filter((sensor) => sensors.has(nameOf(sensor)));
    const lag = own.reduce((sum, sensor) => sum + Number(sensor.get("lag")), 0);
    if (lag === 0 || waitedMs >= UNREAD_MS_MAX) return lag;
    await delay(LOOK_MS);
  }
}

/** Resolves when there is room again, or nobody reads any more. */
function drained(output: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const name of ["drain", "close"]) output.off(name, done);
      resolve();
    };
    for (const name of ["drain", "close"]) output.on(name, done);
  });
}

/** Where rows go where no file is named, and where progress is shown. */
export interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

class Exporting {
  readonly progress: Progress;
  readonly #config: ExportConfig;
  /** The server's answer also has how many readings a bucket holds. */
  readonly #asked: readonly string[];
  /** At the least. */
  readonly #stepMs: number;
  rows = 0;
  #readings = 0;
  #allReadings = 0;

  constructor(config: ExportConfig, progress: Progress) {
    this.#config = config;
    this.progress = progress;
    this.#asked = [...new Set([...config.metrics, "count"])];
    const step = parseStep(config.every);
    assert(step !== null, () => `every ${config.every} was let pass`);
    this.#stepMs = step.count * UNIT_MS[step.unit];
  }

  async *pieces(sensors: readonly string[]): AsyncGenerator<string> {
    const { metrics, format } = this.#config;
    const spans = new Map<string, readonly Span[]>();
    for (const sensor of sensors) spans.set(sensor, await this.#spans(sensor));
    if (format === "csv") yield `sensor,time,${metrics.join(",")}\n`;
    for (const [sensor, list] of spans) for (const span of list) yield* this.#rowsOf(sensor, span);
  }

  /** Where the window holds readings: whole days, where buckets are shorter. */
  async #spans(sensor: string): Promise<Span[]> {
    const { from, to, toExclusive } = this.#config;
    const given = Object.entries({ from, to, toExclusive }).filter((entry) => entry[1] !== null);
    const whole = await this.#ask(sensor, "count", { points: "1", ...Object.fromEntries(given) });
    if (whole.edges.length < 2) return [];
    const span = { from: whole.edges[0], to: whole.edges[whole.edges.length - 1] };
    const counts = whole.numbers.get("count") ?? [];
    this.#allReadings += counts.reduce((sum: number, count) => sum + Number(count), 0);
    // Days begin with a bucket only where buckets count from midnight on.
    if (this.#stepMs > UNIT_MS.h) return [span];
    const days = await this.#ask(sensor, "count", { every: "1d", ...boundsOf(span) });
    const spans: Span[] = [];
    for (const [i, count] of (days.numbers.get("count") ?? []).entries()) {
      const day = { from: days.edges[i], to: days.edges[i + 1] };
      const last = spans[spans.length - 1];
      if (Number(count) === 0) continue;
      if (last?.to === day.from) spans[spans.length - 1] = { from: last.from, to: day.to };
      else spans.push(day);
    }
    return spans;
  }

  /** In pieces that end where a bucket ends. */
  async *#rowsOf(sensor: string, span: Span): AsyncGenerator<string> {
    const { every } = this.#config;
    const pieceMs = BUCKETS_AT_ONCE * this.#stepMs;
    for (let { from } = span; from < span.to; ) {
      const to = Math.min(span.to, from + pieceMs);
      const { edges, numbers } = await this.#ask(sensor, this.#asked.join(","), { every, ...boundsOf({ from, to }) });
      // The last bucket may be cut by the end of the piece: it is the first of the next.
      const buckets = edges.length - (to < span.to ? 2 : 1);
      yield this.#text(sensor, edges, numbers, buckets);
      this.progress.show({ share: this.#readings / Math.max(1, this.#allReadings), count: this.rows });
      from = to < span.to ? edges[buckets] : span.to;
    }
  }

  #text(sensor: string, edges: readonly number[], numbers: Numbers, buckets: number): string {
    const { metrics, format } = this.#config;
    const counts = numbers.get("count") ?? [];
    const lists = metrics.map((metric) => numbers.get(metric) ?? []);
    let text = "";
    for (let bucket = 0; bucket < buckets; bucket++) {
      const count = Number(counts[bucket]);
      if (count === 0) continue;
      this.#readings += count;
      this.rows++;
      const time = formatMs(edges[bucket]);
      const values = lists.map((list) => list[bucket] ?? null);
      text +=
        format === "csv"
          ? `${sensor},${time},${values.map((value) => value ?? "").join(",")}\n`
          : `${JSON.stringify({ sensor, time, ...Object.fromEntries(metrics.map((metric, i) => [metric, values[i]])) })}\n`;
    }
    return text;
  }

  async #ask(sensor: string, metrics: string, more: Readonly<Record<string, string>>) {
    const { client, timezone } = this.#config;
    const zone = timezone === null ? {} : { timezone };
    const parameters = new URLSearchParams({ sensor, metrics, ...zone, ...more });
    const fields = requireSuccess(await ask(client, `series?${parameters}`), `export ${sensor}`);
    const lists = [...fieldsOf(fieldsOf(fields.get("series")).get(sensor))];
    const numbers: Numbers = new Map(lists.map(([metric, list]) => [metric, numbersOf(list)]));
    return { edges: numbersOf(fields.get("edges")).map(Number), numbers };
  }
}

/** By metric. */
type Numbers = ReadonlyMap<string, readonly (number | null)[]>;

function boundsOf({ from, to }: Span): { from: string; toExclusive: string } {
  return { from: String(from), toExclusive: String(to) };
}

function numbersOf(list: unknown): (number | null)[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  return items.map((item) => (typeof item === "number" ? item : null));
}
