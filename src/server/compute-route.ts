/**
 * `POST /compute/metrics`: the question that tidemark is there for. It is answered without the framework, which would cost more than
 * reading the question does; the framework's route (for other spellings of the path, and a query) leads to the same place.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../core/clock.ts";
import type { Zone } from "../core/zone.ts";
import type { Engine } from "../engine/engine.ts";
import { type BodyBudget, codingFault, readBody } from "./body-reader.ts";
import { answerText, answerTextWithReceipt, refusalText, windowOf } from "./compute-answer.ts";
import { ComputeReader } from "./compute-request.ts";
import { judge, type OnBug } from "./error-handler.ts";
import type { Guard } from "./guard.ts";
import { COMPUTE_BODY_BYTES_MAX } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import { PROBLEM_TYPE, problemHeaders } from "./problem.ts";

const COMPUTE_PATH = "/compute/metrics";

const JSON_TYPE = "application/json; charset=utf-8";
const CLOSE: readonly string[] = ["connection", "close"];
const NO_HEADERS: readonly string[] = [];

export interface ComputeOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly zone: Zone;
  readonly budget: BodyBudget;
  readonly guard: Guard;
  readonly onBug: OnBug;
}

/** Every 4xx has the form of the answers: `{"result":{},"errors":["…"]}`. A 5xx is a problem as elsewhere. */
export class ComputeDoor {
  readonly #options: ComputeOptions;
  readonly #reader: ComputeReader;
  readonly #outbox = new Outbox();
  #closing = false;

  constructor(options: ComputeOptions) {
    this.#options = options;
    this.#reader = new ComputeReader(options.engine.sensors, options.zone);
  }

  /** Answers a request for exactly `COMPUTE_PATH`. @returns false for every other request, which it leaves alone */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.url !== COMPUTE_PATH || request.method !== "POST") return false;
    const refusal = this.#options.guard(request);
    if (refusal === null) this.#read(request, response, undefined);
    else this.#fail(response, refusal);
    return true;
  }

  /** The same for what the framework routes here. */
  register(scope: FastifyInstance): void {
    scope.setErrorHandler((error: unknown, _request, reply) => {
      reply.hijack();
      this.#fail(reply.raw, error);
    });
    scope.post(COMPUTE_PATH, {
      onRequest: (request: FastifyRequest<{ Querystring: { receipt?: unknown } }>, reply, _done) => {
        reply.hijack();
        this.#read(request.raw, reply.raw, request.query.receipt);
      },
      handler: () => undefined,
    });
  }

  /** Connections end with the answers that are still to come. */
  close(): void {
    this.#closing = true;
  }

  #read(request: IncomingMessage, response: ServerResponse, receipt: unknown): void {
    const fault = codingFault(request);
    if (fault !== null) {
      this.#fail(response, fault);
      return;
    }
    readBody(request, COMPUTE_BODY_BYTES_MAX, this.#options.budget, (error, body) => {
      if (body === undefined) this.#fail(response, error, CLOSE);
      else this.#answer(response, body, receipt);
    });
  }

  #answer(response: ServerResponse, body: Buffer, receipt: unknown): void {
    this.#options.budget.give(body.length);
    let answer: string | readonly string[];
    try {
      answer = this.#compute(body, receipt);
    } catch (error) {
      this.#fail(response, error);
      return;
    }
    if (typeof answer === "string") this.#send(response, 200, answer);
    else this.#send(response, 400, refusalText(answer));
  }

  /** @returns the text of the answer, or the errors of a request of which nothing is computed */
  #compute(body: Buffer, receipt: unknown): string | readonly string[] {
    const { engine, clock } = this.#options;
    const asked = this.#reader.read(body);
    if ("refused" in asked) return asked.refused;
    if (receipt !== undefined && receipt !== "true" && receipt !== "false") {
      return [`Unexpected receipt ${JSON.stringify(receipt)} in the query: expected true or false`];
    }
    const window = windowOf(asked, engine, clock);
    if ("refused" in window) return window.refused;
    return receipt === "true" ? answerTextWithReceipt(asked, window, engine, clock) : answerText(asked, window, engine);
  }

  #fail(response: ServerResponse, error: unknown, headers: readonly string[] = NO_HEADERS): void {
    const answer = judge(error, this.#options.onBug);
    const all = [...headers, ...problemHeaders(answer)];
    if (answer.status >= 500) this.#send(response, answer.status, JSON.stringify(answer), PROBLEM_TYPE, all);
    else this.#send(response, answer.status, refusalText([answer.detail]), JSON_TYPE, all);
  }

  #send(response: ServerResponse, status: number, text: string, type = JSON_TYPE, headers = NO_HEADERS): void {
    const own = ["content-type", type, "content-length", String(Buffer.byteLength(text))];
    const closing = this.#closing && !headers.includes("connection") ? CLOSE : NO_HEADERS;
    response.writeHead(status, headers.length + closing.length === 0 ? own : [...closing, ...headers, ...own]);
    this.#outbox.end(response, text);
  }
}
