/** A request → the text of its answer. The hot path of the server: the answer is joined from ready-made pieces. */
import { TidemarkError } from "../core/errors.ts";
import { formatSecond } from "../core/time.ts";
import { resolveWindow } from "../core/time-window.ts";
import type { Window } from "../core/window.ts";
import type { Engine } from "../engine/engine.ts";
import type { Answers } from "../engine/past.ts";
import type { Moment } from "./as-of.ts";
import type { ComputeRequest, RefusedRequest } from "./compute-request.ts";
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

const NO_HISTORY = { firstMs: null, lastMs: null };

/** The window that a request means, at this moment. */
export function windowOf(request: ComputeRequest, { answers, nowMs }: Moment): Window | RefusedRequest {
  const { bounds } = request;
  const open = bounds.from === null || bounds.to === null;
  const window = resolveWindow(bounds, open ? historyOf(request.sensors, answers) : NO_HISTORY, nowMs);
  if (!("errors" in window)) return window;
  return { refused: request.errors.toSpliced(request.boundsAt, 0, ...window.errors.map(({ text }) => text)) };
}

/** First and newest counted reading of these sensors. */
export function historyOf(
  sensors: readonly string[],
  answers: Answers,
): { firstMs: number | null; lastMs: number | null } {
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const sensor of sensors) {
    const { firstTime, lastTime } = answers.span(sensor);
    if (firstTime !== null && firstTime < firstMs) firstMs = firstTime;
    if (lastTime !== null && lastTime > lastMs) lastMs = lastTime;
  }
  return firstMs <= lastMs ? { firstMs, lastMs } : NO_HISTORY;
}

/** `{"result":{"temperature":{"count":61,"min":2}},"errors":[]}` */
export function answerText(request: ComputeRequest, window: Window, moment: Moment): string {
  return `${resultText(request, window, moment, null)},"errors":${errorsText(request.errors)}}`;
}

/** The same with `"receipt"`. */
export function answerTextWithReceipt(
  request: ComputeRequest,
  window: Window,
  moment: Moment,
  engine: Engine,
  nowMs: number,
): string {
  const receipt = new Receipt(engine, window, nowMs, moment);
  const result = resultText(request, window, moment, receipt);
  return `${result},"errors":${errorsText(request.errors)},"receipt":${receipt.text()}}`;
}

/** `{"result":{},"errors":["…"]}` */
export function refusalText(errors: readonly string[]): string {
  return `{"result":{},"errors":${errorsText(errors)}}`;
}

function errorsText(errors: readonly string[]): string {
  return errors.length === 0 ? "[]" : JSON.stringify(errors);
}

function resultText(
  request: ComputeRequest,
  window: Window,
  { answers, nowMs }: Moment,
  receipt: Receipt | null,
): string {
  let text = '{"result":{';
  let before = "";
  for (const { sensor, label, metrics, needs } of request.asks) {
    const answer = answers.query(sensor, window, needs);
    receipt?.add(sensor, metrics, answer);
    const { aggregate } = answer;
    // Asks for the sensor's status, which is dear with many devices.
    const seconds = metrics.some(({ metric }) => metric.overTime) ? passedSeconds(window, answers, sensor, nowMs) : 0;
    text += before + label;
    before = "{";
    for (const { metric, label: name } of metrics) {
      text += before + name + numberText(metric.read(aggregate, seconds));
      before = ",";
    }
    text += "}";
  }
  return text + "}";
}

/** As JSON.stringify has it: no number of JSON is infinite. */
export function numberText(value: number | null): string {
  return value === null || !Number.isFinite(value) ? "null" : String(value);
}
