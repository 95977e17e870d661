/** tidemark within another program: a history on a local log, without HTTP. Answers are those of a server, to the bit. */
import { resolve } from "node:path";
import { openCore } from "./app.ts";
import {
  type Asked,
  type Bounds,
  type Computed,
  computeBody,
  type MetricAsked,
  momentText,
  type Reading,
  type Series,
  type SeriesQuestion,
  seriesParameters,
} from "./client/questions.ts";
import { ownEnvironment } from "./config/config.ts";
import { type Clock, systemClock } from "./core/clock.ts";
import { TidemarkError } from "./core/errors.ts";
import { atOnce } from "./core/slices.ts";
import { machineZone, openZone } from "./core/zone.ts";
import { recordsOfBody } from "./doors/body.ts";
import { createLookInto } from "./doors/look-into.ts";
import { lookInSlices } from "./doors/records-found.ts";
import type { Change } from "./engine/change.ts";
import type { SensorStatus } from "./engine/engine.ts";
import { momentOf } from "./server/as-of.ts";
import { answerText, ofDevice, windowOf } from "./server/compute-answer.ts";
import { ComputeReader } from "./server/compute-request.ts";
import { writeSeries } from "./server/series-answer.ts";
import { readSeries } from "./server/series-request.ts";

/** Readings of one call: one transaction of the log. */
const READINGS_MAX = 65_536;

/** Size past which the log drops what the history holds, as with a server. */
const LOG_RETENTION_BYTES = 2_000_000_000;

/** Readings further in the future are held back, as with a server. */
const CLOCK_AHEAD_MS = 300_000;

/** How to open. */
export interface OpenOptions {
  /** Of times that name none; the machine's if not given. */
  readonly timezone?: string | undefined;
  /** How long the history is kept, ms; for ever if not given. */
  readonly keepMs?: number | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
  /** Told what an operator should know. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** An open history: made by `open`, and to be closed. */
export interface Embedded {
  /**
   * Counts readings; resolves when they are durable, and in every answer from then on. The first reading of a sensor makes it.
   * @returns how many were appended; duplicates among them are counted once
   * @throws TidemarkError "request-invalid" when one of them is none: then none is appended
   */
  append(sensor: string, readings: number | Reading | readonly (number | Reading)[]): Promise<number>;
  /** @throws TidemarkError "request-invalid" when any of it is not understood */
  compute<const Q extends Asked>(asked: Q, bounds?: Bounds): Computed<Q>;
  /** @throws TidemarkError "request-invalid" */
  series<const M extends MetricAsked = "mean" | "min" | "max">(question: SeriesQuestion<M>): Promise<Series<M>>;
  /** Of each sensor, in the order they were added. */
  sensors(): readonly SensorStatus[];
  /** Adds a listener, called after readings were counted. @returns removes it */
  onChange(listener: (changes: readonly Change[]) => void): () => void;
  /** Rejects when a bug ends it; never resolves. */
  readonly failed: Promise<never>;
  /** Commits and closes. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the history in a directory, which is made if it is not there. One process at a time owns it; a server can open it later.
 * @throws TidemarkError "data-dir-owned", "data-dir-unusable", "history-corrupt", "config-invalid" and others of opening
 * @example
 * ```ts
 * const history = await open(directory, { timezone: "UTC" });
 * await history.append("temperature", [{ value: 20, time: "2020-01-13 15:12:00" }, { value: 22, time: "2020-01-13 15:12:01" }]);
 * assert.deepEqual(history.compute({ temperature: ["count", "mean"] }, { from: "2020-01-13", to: "2020-01-13" }), {
 *   temperature: { count: 2, mean: 21 },
 * });
 * await history.close();
 * ```
 */
export async function open(directory: string, options: OpenOptions = {}): Promise<Embedded> {
  const { clock = systemClock, keepMs = null, onNotice } = options;
  const timezone = options.timezone ?? machineZone(ownEnvironment()["TZ"]);
  const zone = openZone(timezone);
  const settings = { log: { kind: "local" }, sensors: null, topics: null, createTopics: true } as const;
  const bounds = { keepMs, logRetentionBytes: LOG_RETENTION_BYTES, clockAheadMs: CLOCK_AHEAD_MS };
  const core = await openCore({ ...settings, ...bounds, data: resolve(directory), timezone }, clock, onNotice);
  const { engine, log, failed } = core;
  const reader = new ComputeReader(engine.sensors);
  const lookInto = createLookInto(zone);

  /** Everything in the log is in the history. */
  const settled = (sensor: string): Promise<void> => {
    if (engine.status(sensor).lag === 0) return Promise.resolve();
    return new Promise((done) => {
      const stop = engine.onChange(() => {
        if (engine.status(sensor).lag > 0) return;
        stop();
        done();
      });
    });
  };

  return {
    async append(sensor, readings) {
      const all: readonly (number | Reading)[] = [readings].flat() as (number | Reading)[];
      const what = `Cannot append to "${sensor}"`;
      const refusal = engine.refusal(sensor);
      if (refusal !== null) throw refusal;
      const body = Buffer.from(all.map(textOf).join("\n"));
      const records = recordsOfBody(sensor, body, undefined, READINGS_MAX);
      const { rejected, faults } = await lookInSlices(lookInto, records, 1);
      if (rejected > 0) {
        const [{ record, code, reason }] = faults;
        throw new TidemarkError("request-invalid", `${what}: reading ${record + 1} is none (${code}): ${reason}`);
      }
      if (engine.sensors.find(sensor)?.followed !== true) await engine.admit(sensor);
      await log.append(engine.topicOf(sensor), records);
      await Promise.race([settled(sensor), failed]);
      return records.length;
    },

    compute<const Q extends Asked>(asked: Q, bounds: Bounds = {}) {
      const zoneAsked = bounds.timezone === undefined ? zone : openZone(bounds.timezone);
      const asOf = bounds.asOf === undefined ? undefined : momentText(bounds.asOf);
      const moment = momentOf(asOf, engine, zoneAsked, clock.now());
      if ("fault" in moment) throw new TidemarkError("request-invalid", moment.fault);
      const { device } = bounds;
      const read = reader.read(Buffer.from(computeBody(asked, bounds)), zoneAsked, moment.nowMs);
      const request = "refused" in read || device === undefined ? read : ofDevice(read, moment.answers, device);
      const window = "refused" in request ? request : windowOf(request, moment, device);
      const errors = "refused" in window ? window.refused : "refused" in request ? request.refused : request.errors;
      if (errors.length > 0 || "refused" in window || "refused" in request) {
        throw new TidemarkError("request-invalid", errors.join("; "));
      }
      const { result }: { result: Computed<Q> } = JSON.parse(atOnce(answerText(request, window, moment, device)));
      return result;
    },

    async series<const M extends MetricAsked>(question: SeriesQuestion<M>) {
      const { points, ...query } = seriesParameters(question);
      const asked = { ...query, ...(points === undefined ? {} : { points: Number(points) }) };
      const request = readSeries(asked, engine, zone, clock.now());
      const pieces = await Array.fromAsync(writeSeries(request, engine, "json"));
      const series: Series<M> = JSON.parse(pieces.join(""));
      return series;
    },

    sensors: () => engine.sensors.list().map(({ name }) => engine.status(name)),
    onChange: (listener) => engine.onChange(listener),
    failed,
    close: () => core.close(),
  };
}

function textOf(reading: number | Reading): string {
  if (typeof reading === "number") return String(reading);
  const { time } = reading;
  return JSON.stringify(time === undefined ? reading : { ...reading, time: momentText(time) });
}
