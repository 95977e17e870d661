/** A request → the text of its answer. The hot path of the server: the answer is joined from ready-made pieces. */
import { TidemarkError } from "../core/errors.ts";
import { inSlices, Pace, type Sliced } from "../core/slices.ts";
import { formatSecond } from "../core/time.ts";
import { resolveWindow } from "../core/time-window.ts";
import type { Window } from "../core/window.ts";
import type { Engine } from "../engine/engine.ts";
import type { Answers } from "../engine/past.ts";
import type { Moment } from "./as-of.ts";
import { NO_REACH, type Reach } from "./asked-window.ts";
import type { Ask, ComputeRequest, RefusedRequest } from "./compute-request.ts";
import { type DevicesQuery, devicesAsked } from "./devices-asked.ts";
import { passedSeconds } from "./passed-seconds.ts";
import { Receipt } from "./receipt.ts";
import { NATURAL, type Schema, TEXT } from "./route-schema.ts";

/** Says which window was answered for. */
export const WINDOW_HEADER = "Tidemark-Window";

/** What it says. */
export const WINDOW_SHOWN: Schema = {
  ...TEXT,
  description: "the window as it was understood, in UTC: its first second, and the first that does not belong to it",
};

/** Says that an answer does not hold yet all that the log held at the start. */
export const BACKLOG_HEADER = "Tidemark-Backlog";

/** What it says. */
export const BACKLOG_SHOWN: Schema = {
  ...NATURAL,
  description: "only after a start: records that the log held then and that the answer does not hold yet",
};

/** Asks for a refusal in place of such an answer. */
export const COMPLETE_PARAMETER: Schema = {
  enum: ["true", "false"],
  description: "503 `catching-up` while the log is still read again after a start",
};

/** @throws TidemarkError "catching-up" while answers lack what the log held at the start */
export function requireComplete({ backlog }: Engine): void {
  if (backlog > 0) throw new TidemarkError("catching-up", catchingUpText(backlog));
}

/** Why it is not ready yet. */
export function catchingUpText(backlog: number): string {
  return `Cannot answer for all readings yet: the log is read again after the start, ${backlog} of its records are left`;
}

/** `2020-01-13T15:12:00Z/2020-01-13T15:13:01Z`, the end not included. */
export function windowText({ start, end }: Window): string {
  return `${formatSecond(start)}/${formatSecond(end)}`;
}

/** The window that a request means, at this moment. */
export function windowOf(
  request: ComputeRequest,
  { answers, nowMs }: Moment,
  device?: string,
): Window | RefusedRequest {
  const { bounds } = request;
  const open = bounds.from === null || bounds.to === null;
  const window = resolveWindow(bounds, open ? historyOf(request.sensors, answers, device) : NO_REACH, nowMs);
  if (!("errors" in window)) return window;
  return { refused: request.errors.toSpliced(request.boundsAt, 0, ...window.errors.map(({ text }) => text)) };
}

/** First and newest counted reading of these sensors, or of a device of them. */
export function historyOf(sensors: readonly string[], answers: Answers, device?: string): Reach {
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const sensor of sensors) {
    const { firstTime, lastTime } = answers.span(sensor, device);
    if (firstTime !== null && firstTime < firstMs) firstMs = firstTime;
    if (lastTime !== null && lastTime > lastMs) lastMs = lastTime;
  }
  return firstMs <= lastMs ? { firstMs, lastMs } : NO_REACH;
}

/** `{"result":{"temperature":{"count":61,"min":2}},"errors":[]}` */
export function* answerText(request: ComputeRequest, window: Window, moment: Moment, device?: string): Sliced<string> {
  return `${yield* resultText(request, window, moment, null, device)},"errors":${errorsText(request.errors)}}`;
}

/** The same with `"receipt"`. */
export function* answerTextWithReceipt(
  request: ComputeRequest,
  window: Window,
  moment: Moment,
  engine: Engine,
  nowMs: number,
  device?: string,
): Sliced<string> {
  const receipt = new Receipt(engine, window, nowMs, moment);
  const result = yield* resultText(request, window, moment, receipt, device);
  return `${result},"errors":${errorsText(request.errors)},"receipt":${yield* receipt.text()}}`;
}

/** `{"result":{},"errors":["…"]}` */
export function refusalText(errors: readonly string[]): string {
  return `{"result":{},"errors":${errorsText(errors)}}`;
}

function errorsText(errors: readonly string[]): string {
  return errors.length === 0 ? "[]" : JSON.stringify(errors);
}

function* resultText(
  request: ComputeRequest,
  window: Window,
  moment: Moment,
  receipt: Receipt | null,
  device?: string,
): Sliced<string> {
  let text = '{"result":{';
  let before = "";
  for (const ask of request.asks) {
    if (before !== "") yield;
    text += before + ask.label + numbersText(ask, window, moment, receipt, device);
    before = ",";
  }
  return text + "}";
}

/** `{"count":61,"min":2}` */
function numbersText(
  { sensor, metrics, needs }: Ask,
  window: Window,
  moment: Moment,
  receipt: Receipt | null,
  device?: string,
): string {
  const { answers, nowMs } = moment;
  const answer = answers.query(sensor, window, needs, device);
  receipt?.add(sensor, metrics, answer, device);
  const { aggregate } = answer;
  const hasRate = metrics.some(({ metric }) => metric.overTime);
  const seconds = hasRate ? passedSeconds(window, answers, sensor, nowMs, device) : 0;
  let text = "";
  let before = "{";
  for (const { metric, label: name } of metrics) {
    text += before + name + numberText(metric.read(aggregate, seconds));
    before = ",";
  }
  return text + "}";
}

/** What of a request can be answered for a device; the rest of it are errors. */
export function ofDevice(request: ComputeRequest, answers: Answers, device: string): ComputeRequest | RefusedRequest {
  const missing: string[] = [];
  const asks = request.asks.filter(({ sensor }) => {
    try {
      answers.requireSeries(sensor, device);
      return true;
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "no-device-series") throw error;
      missing.push(error.message);
      return false;
    }
  });
  const errors = [...request.errors, ...missing];
  return asks.length === 0 ? { refused: errors } : { ...request, asks, errors };
}

/** The answer by device, with `"devices"`; lets others run in between. */
export async function answerTextByDevice(
  request: ComputeRequest,
  window: Window,
  moment: Moment,
  engine: Engine,
  query: DevicesQuery,
  withReceipt: boolean,
): Promise<string> {
  const receipt = withReceipt ? new Receipt(engine, window, moment.nowMs, moment) : null;
  const results: string[] = [];
  const shown: string[] = [];
  const pace = new Pace();
  for (const ask of request.asks) {
    const [{ metric }] = ask.metrics;
    const devices = await devicesAsked(engine, moment.past, ask.sensor, query, (device) => {
      const { aggregate } = moment.answers.query(ask.sensor, window, ask.needs, device);
      const seconds = metric.overTime ? passedSeconds(window, moment.answers, ask.sensor, moment.nowMs, device) : 0;
      return metric.read(aggregate, seconds);
    });
    const texts: string[] = [];
    for (const device of devices.names) {
      texts.push(`${JSON.stringify(device)}:${numbersText(ask, window, moment, receipt, device)}`);
      if (pace.isOver) await pace.rest();
    }
    results.push(`${ask.label}{${texts.join(",")}}`);
    shown.push(`${ask.label}${JSON.stringify(devices)}`);
  }
  const head = `{"result":{${results.join(",")}},"errors":${errorsText(request.errors)},"devices":{${shown.join(",")}}`;
  return receipt === null ? `${head}}` : `${head},"receipt":${await inSlices(receipt.text())}}`;
}

/** As JSON.stringify has it: no number of JSON is infinite. */
export function numberText(value: number | null): string {
  return value === null || !Number.isFinite(value) ? "null" : String(value);
}
