/** `/graphite/render`: targets → lines of points, each what `POST /compute/metrics` answers for the bucket that begins there. */
import { edgesOf, shiftedBack, stepFor } from "../../core/calendar.ts";
import { Pace } from "../../core/slices.ts";
import type { Zone } from "../../core/zone.ts";
import { namesShown } from "../../engine/directory.ts";
import type { Engine } from "../../engine/engine.ts";
import { GRAPHITE_LINES_MAX, SERIES_POINTS_MAX } from "../limits.ts";
import { RequestError } from "../problem.ts";
import { numbersOf } from "../series-answer.ts";
import { isGlob, linesOf } from "./paths.ts";
import { parseTarget, type Target, targetRefused } from "./target.ts";
import { stepOf, windowOf } from "./times.ts";

/** Points when none are asked for. */
const POINTS = 500;

/** A line as Graphite writes it: values with their epoch seconds. */
export interface Drawn {
  readonly target: string;
  readonly datapoints: readonly (readonly [value: number | null, second: number])[];
}

/** What all lines of a request share. */
interface Frame {
  readonly engine: Engine;
  readonly zone: Zone;
  readonly nowMs: number;
  /** Where the buckets of the window begin, and where the last one ends. */
  readonly edges: readonly number[];
  /** Lines that may still come. */
  left: number;
}

/** @throws RequestError 400 */
export async function render(asked: URLSearchParams, engine: Engine, zone: Zone, nowMs: number): Promise<Drawn[]> {
  const format = asked.get("format") ?? "json";
  if (format !== "json") throw new RequestError(400, `Cannot draw format ${JSON.stringify(format)}: expected json`);
  const texts = asked.getAll("target");
  if (texts.length === 0) throw targetRefused("no target");
  const targets = texts.map(parseTarget);
  const window = windowOf(asked.get("from"), asked.get("until"), zone, nowMs);
  const points = pointsOf(asked.get("maxDataPoints"));
  const step = stepFor(window, points, zone);
  const edges = window.start === window.end ? [window.start] : edgesOf(window, step, zone, points);
  if (edges === null)
    throw new RequestError(400, "Cannot draw so long a window: expected one of at most 100 years a point");
  const frame: Frame = { engine, zone, nowMs, edges, left: GRAPHITE_LINES_MAX };
  const drawn: Drawn[] = [];
  for (const target of targets) drawn.push(...(await draw(target, frame, edges)));
  return drawn;
}

/** As many as a chart has pixels; a server that is asked for more gives fewer, as Graphite does. */
function pointsOf(text: string | null): number {
  if (text === null) return POINTS;
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new RequestError(400, `Cannot draw maxDataPoints ${JSON.stringify(text)}: expected a whole number >= 1`);
  }
  return Math.min(Number(text), SERIES_POINTS_MAX);
}

/** @param edges of the buckets whose numbers are drawn, at the places of the frame's */
async function draw(target: Target, frame: Frame, edges: readonly number[]): Promise<Drawn[]> {
  switch (target.kind) {
    case "path":
      return drawPath(target.path, frame, edges);
    case "constant":
      return [constantLine(target.value, frame)];
    case "alias":
      return renamed(await draw(target.of, frame, edges), () => target.name);
    case "rename":
      return renamed(await draw(target.of, frame, edges), (name) => target.form.replaceAll("\\1", () => name));
    case "shift": {
      const step = stepOf(target.by.replace(/^-/, ""));
      if (step === null) throw targetRefused(`timeShift by ${JSON.stringify(target.by)}`);
      const shifted = edges.map((edge) => shiftedBack(edge, step, frame.zone));
      return renamed(await draw(target.of, frame, shifted), (name) => `timeShift(${name},"${target.by}")`);
    }
  }
}

async function drawPath(path: string, frame: Frame, edges: readonly number[]): Promise<Drawn[]> {
  const { engine, nowMs } = frame;
  const lines = linesOf(path, engine.sensors);
  if (lines.length === 0 && !isGlob(path)) {
    throw targetRefused(`${path}, as there is no such sensor (${namesShown(engine.sensors)}) with such a metric`);
  }
  frame.left -= lines.length;
  if (frame.left < 0) throw new RequestError(400, `Cannot draw so many lines: expected at most ${GRAPHITE_LINES_MAX}`);
  const drawn: Drawn[] = [];
  const pace = new Pace();
  for (const { sensor, metric } of lines) {
    const moment = { answers: engine, past: null, nowMs };
    const [numbers] = await numbersOf({ edges, metrics: [metric], needs: metric.needs, moment }, sensor, pace);
    const datapoints = numbers.map((value, i) => [value, frame.edges[i]] as const);
    drawn.push({ target: `${sensor}.${metric.name}`, datapoints });
  }
  return drawn;
}

/** Graphite's three points. */
function constantLine(value: number, { edges }: Frame): Drawn {
  const [start, end] = [edges[0], edges[edges.length - 1]];
  return {
    target: String(value),
    datapoints: [start, Math.floor((start + end) / 2), end].map((at) => [value, at] as const),
  };
}

function renamed(lines: readonly Drawn[], name: (name: string) => string): Drawn[] {
  return lines.map(({ target, datapoints }) => ({ target: name(target), datapoints }));
}
