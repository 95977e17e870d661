/**
 * `POST /compute/metrics`: the query that tidemark is there for. In its usual form it is answered in front of the
 * framework, which costs as much as all the rest of an answer (docs/PERFORMANCE.md, row `http`). Whatever is not plain goes
 * through the framework, and is answered in the same bytes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../core/clock.ts";
import { inSlices, type Sliced } from "../../core/slices.ts";
import { formatMs } from "../../core/time.ts";
import { BOUND_NAMES } from "../../core/time-window.ts";
import type { Window } from "../../core/window.ts";
import { findZone, ZONE_EXPECTED, type Zone } from "../../core/zone.ts";
import type { Engine } from "../../engine/engine.ts";
import { AnswerQueue } from "../answer-queue.ts";
import { AS_OF_HEADER, AS_OF_PARAMETER, AS_OF_SHOWN, type Moment, momentOf } from "../as-of.ts";
import type { BodyBudget } from "../body-budget.ts";
import { readBody, takeBodies } from "../body-reader.ts";
import {
  answerText,
  answerTextByDevice,
  answerTextWithReceipt,
  BACKLOG_HEADER,
  BACKLOG_SHOWN,
  COMPLETE_PARAMETER,
  ofDevice,
  refusalText,
  requireComplete,
  WINDOW_HEADER,
  WINDOW_SHOWN,
  windowOf,
  windowText,
} from "../compute-answer.ts";
import { ComputeReader } from "../compute-request.ts";
import { DEVICE_PARAMETERS, DEVICES_SHOWN, type DevicesQuery, requireSense } from "../devices-asked.ts";
import { type OnBug, reported } from "../error-handler.ts";
import type { Guard } from "../guard.ts";
import { COMPUTE_BODY_BYTES_MAX, METRICS_PER_SENSOR_MAX } from "../limits.ts";
import { METRIC_NAME, TIME_IN_BODY } from "../metric-schema.ts";
import { PROBLEM_TYPE, problemHeaders } from "../problem.ts";
import { RECEIPT } from "../receipt.ts";
import { describe, objectOf, queryOf, TEXT } from "../route-schema.ts";

const COMPUTE_PATH = "/compute/metrics";

const JSON_TYPE = "application/json; charset=utf-8";
const CLOSE: readonly string[] = ["Connection", "close"];
const NO_HEADERS: readonly string[] = [];

const ERRORS_LIST = { type: "array", items: TEXT, description: "what of the body is not computed, in its order" };
const NUMBERS = { type: "object", additionalProperties: { type: ["number", "null"] } };
const REFUSAL = objectOf({ result: objectOf({}), errors: ERRORS_LIST });

const SCHEMA = describe({
  group: "Questions",
  role: "read",
  summary: "Computes metrics of sensors over a window of time",
  details:
    "Both bounds belong to the window, each at the precision it is written in: `15:12:00` to `15:13:00` are 61 seconds. For windows that must " +
    "add up use `toExclusive`. What is not understood is in `errors`, and the rest is computed; where nothing is, the status is 400.",
  query: queryOf({
    receipt: { enum: ["true", "false"], description: "adds what the answer rests on" },
    timezone: { ...TEXT, description: "the zone of times that name none, for this request" },
    asOf: AS_OF_PARAMETER,
    complete: COMPLETE_PARAMETER,
    ...DEVICE_PARAMETERS,
  }),
  bytes: {
    "application/json": {
      type: "object",
      description: "a list of metrics for each sensor, by its name",
      properties: Object.fromEntries(BOUND_NAMES.map((name) => [name, TIME_IN_BODY])),
      additionalProperties: { type: "array", items: METRIC_NAME, maxItems: METRICS_PER_SENSOR_MAX },
    },
  },
  answer: objectOf(
    {
      result: {
        type: "object",
        description: "by sensor, by metric; with `by=device` by sensor, by device, by metric",
        additionalProperties: { anyOf: [NUMBERS, { type: "object", additionalProperties: NUMBERS }] },
      },
      errors: ERRORS_LIST,
      devices: DEVICES_SHOWN,
      receipt: RECEIPT,
    },
    ["receipt", "devices"],
  ),
  answerHeaders: {
    [WINDOW_HEADER]: WINDOW_SHOWN,
    [BACKLOG_HEADER]: BACKLOG_SHOWN,
    [AS_OF_HEADER]: AS_OF_SHOWN,
  },
  answers: {
    400: REFUSAL,
    401: REFUSAL,
    403: REFUSAL,
    410: REFUSAL,
    411: REFUSAL,
    413: REFUSAL,
    415: REFUSAL,
    429: REFUSAL,
  },
  errors: ["catching-up", "revision-gone"],
  examples: {
    minute: {
      summary: "61 seconds of two sensors",
      body: {
        temperature: ["count", "min"],
        humidity: ["average", "p99"],
        from: "2020-01-13 15:12:00",
        to: "2020-01-13 15:13:00",
      },
      parameters: { timezone: "UTC" },
      answer: { result: { temperature: { count: 3, min: 20.5 }, humidity: { average: 48, p99: 48 } }, errors: [] },
    },
    receipt: {
      summary: "The last day, and what the answer rests on",
      body: { temperature: ["mean", "max", "p95"], from: "now-24h", toExclusive: "now" },
      parameters: { receipt: "true" },
    },
    byDevice: {
      summary: "Each device by itself, those with the highest maximum first",
      body: { temperature: ["max", "count"], from: "2020-01-13", to: "2020-01-13" },
      parameters: { by: "device", top: 3, timezone: "UTC" },
    },
    errors: {
      summary: "What is not understood does not keep the rest from being computed",
      body: { temperature: ["max"], pressures: ["max"], from: "2020-01-13", to: "2020-01-13" },
      parameters: { timezone: "UTC" },
      answer: {
        result: { temperature: { max: 22 } },
        errors: ["Unexpected key pressures in the request body"],
      },
    },
  },
});

/** What the route needs. */
export interface ComputeOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly zone: Zone;
  readonly budget: BodyBudget;
  readonly guard: Guard;
  readonly onBug: OnBug;
}

/** As the schema has it. */
interface Query extends DevicesQuery {
  readonly receipt?: "true" | "false";
  readonly timezone?: string;
  readonly complete?: "true" | "false";
  readonly asOf?: string;
}

/** An answer before it is on its way. */
interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** Further ones: names and values in turn. */
  readonly headers: readonly string[];
}

/** Every 4xx has the form of the answers: `{"result":{},"errors":["…"]}`. A 5xx is a problem as elsewhere. */
export class ComputeRoute {
  readonly #options: ComputeOptions;
  readonly #reader: ComputeReader;
  readonly #queue = new AnswerQueue();
  #closing = false;

  constructor(options: ComputeOptions) {
    this.#options = options;
    this.#reader = new ComputeReader(options.engine.sensors);
  }

  /** Answers a plain request of exactly this path. @returns false for every other request, which it leaves alone */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.url !== COMPUTE_PATH || request.method !== "POST") return false;
    const { headers } = request;
    // Without a length the body is not plain; pages of browsers need CORS headers; the rest is rare.
    if (!(Number(headers["content-length"]) <= COMPUTE_BODY_BYTES_MAX)) return false;
    if (headers["content-encoding"] !== undefined || headers.origin !== undefined) return false;
    const { budget, guard } = this.#options;
    if (guard.refusal(request, "read") !== null) return false;
    readBody(request, COMPUTE_BODY_BYTES_MAX, budget, (error, body) => {
      if (body === undefined) this.#send(response, this.#failure(error), CLOSE);
      else {
        budget.give(body.length);
        const answer = this.#answer(body, this.#options.zone, {});
        if (!(answer instanceof Promise)) this.#send(response, answer, NO_HEADERS);
        else answer.then((later) => response.headersSent || this.#send(response, later, NO_HEADERS));
      }
    });
    return true;
  }

  /** The same for what the framework routes here. */
  register(scope: FastifyInstance): void {
    takeBodies(scope, COMPUTE_BODY_BYTES_MAX, this.#options.budget);
    scope.setErrorHandler((error: unknown, _request, reply) => {
      const { status, type, text, headers } = this.#failure(error);
      for (let i = 0; i < headers.length; i += 2) reply.header(headers[i], headers[i + 1]);
      return reply.code(status).type(type).send(text);
    });
    type Asked = FastifyRequest<{ Querystring: Query; Body: Buffer }>;
    scope.post(COMPUTE_PATH, { schema: SCHEMA }, async (request: Asked, reply) => {
      requireSense(request.query);
      const { timezone, complete } = request.query;
      if (complete === "true") requireComplete(this.#options.engine);
      const zone = timezone === undefined ? this.#options.zone : findZone(timezone);
      const { status, type, text, headers } =
        zone === null
          ? unknownZone(timezone)
          : request.query.by === undefined
            ? await this.#answer(request.body, zone, request.query)
            : await this.#answerByDevice(request.body, zone, request.query);
      for (let i = 0; i < headers.length; i += 2) reply.header(headers[i], headers[i + 1]);
      return reply.code(status).type(type).send(text);
    });
  }

  /** Connections end with the answers that are still to come. */
  close(): void {
    this.#closing = true;
  }

  /** A promise only where it takes long: most answers are ready at once. */
  #answer(body: Buffer, zone: Zone, query: Query): HttpAnswer | Promise<HttpAnswer> {
    const failed = (error: unknown): HttpAnswer => this.#failure(error);
    try {
      const answer = inSlices(this.#compute(body, zone, query));
      return answer instanceof Promise ? answer.catch(failed) : answer;
    } catch (error) {
      return failed(error);
    }
  }

  *#compute(body: Buffer, zone: Zone, { receipt, asOf, device }: Query): Sliced<HttpAnswer> {
    const { engine, clock } = this.#options;
    const { backlog } = engine;
    const nowMs = clock.now();
    const moment = momentOf(asOf, engine, zone, nowMs);
    if ("fault" in moment) return refusal([moment.fault]);
    const read = this.#reader.read(body, zone, moment.nowMs);
    const asked = "refused" in read || device === undefined ? read : ofDevice(read, moment.answers, device);
    if ("refused" in asked) return refusal(asked.refused);
    const window = windowOf(asked, moment, device);
    if ("refused" in window) return refusal(window.refused);
    const text =
      receipt === "true"
        ? yield* answerTextWithReceipt(asked, window, moment, engine, nowMs, device)
        : yield* answerText(asked, window, moment, device);
    return success(text, window, moment, backlog);
  }

  async #answerByDevice(body: Buffer, zone: Zone, query: Query): Promise<HttpAnswer> {
    const { engine, clock } = this.#options;
    const { backlog } = engine;
    const moment = momentOf(query.asOf, engine, zone, clock.now());
    if ("fault" in moment) return refusal([moment.fault]);
    const asked = this.#reader.read(body, zone, moment.nowMs);
    if ("refused" in asked) return refusal(asked.refused);
    const window = windowOf(asked, moment);
    if ("refused" in window) return refusal(window.refused);
    const withReceipt = query.receipt === "true";
    const text = await answerTextByDevice(asked, window, moment, engine, query, withReceipt);
    return success(text, window, moment, backlog);
  }

  #failure(error: unknown): HttpAnswer {
    const problem = reported(error, this.#options.onBug);
    const { status, detail } = problem;
    const headers = problemHeaders(problem);
    if (status >= 500) return { status, type: PROBLEM_TYPE, text: JSON.stringify(problem), headers };
    return { status, type: JSON_TYPE, text: refusalText([detail]), headers };
  }

  /** The headers in the order in which the framework writes them. */
  #send(response: ServerResponse, { status, type, text, headers }: HttpAnswer, first: readonly string[]): void {
    const own = ["Content-Type", type, "Content-Length", String(Buffer.byteLength(text))];
    const before = this.#closing ? CLOSE : first;
    response.writeHead(status, before.length + headers.length === 0 ? own : [...before, ...headers, ...own]);
    this.#queue.end(response, text);
  }
}

/** @param backlog when the first of it was computed: later ones lack less */
function success(text: string, window: Window, moment: Moment, backlog: number): HttpAnswer {
  const headers = [WINDOW_HEADER, windowText(window)];
  if (moment.past !== null) headers.push(AS_OF_HEADER, formatMs(moment.nowMs));
  if (backlog > 0) headers.push(BACKLOG_HEADER, String(backlog));
  return { status: 200, type: JSON_TYPE, text, headers };
}

/** Nothing of the request is computed. */
function refusal(errors: readonly string[]): HttpAnswer {
  return { status: 400, type: JSON_TYPE, text: refusalText(errors), headers: NO_HEADERS };
}

function unknownZone(name: string | undefined): HttpAnswer {
  return refusal([`Unexpected timezone ${JSON.stringify(name)} in the query: expected ${ZONE_EXPECTED}`]);
}
