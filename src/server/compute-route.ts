/** `POST /compute/metrics`: the question that tidemark is there for. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../core/clock.ts";
import type { Zone } from "../core/zone.ts";
import type { Engine } from "../pipeline/engine.ts";
import { type BodyBudget, takeBodies } from "./body-reader.ts";
import { answerText, answerTextWithReceipt, refusalText, windowOf } from "./compute-answer.ts";
import { ComputeReader } from "./compute-request.ts";
import { judge, type OnBug } from "./error-handler.ts";
import { COMPUTE_BODY_BYTES_MAX } from "./limits.ts";
import { sendProblem, setProblemHeaders } from "./problem.ts";

export const COMPUTE_PATH = "/compute/metrics";

const JSON_TYPE = "application/json; charset=utf-8";
const EMPTY = Buffer.alloc(0);

export interface ComputeDoor {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly zone: Zone;
  readonly budget: BodyBudget;
  readonly onBug: OnBug;
}

/** Every 4xx of this route has the form of its answers: `{"result":{},"errors":["…"]}`. A 5xx is a problem as elsewhere. */
export function registerCompute(scope: FastifyInstance, door: ComputeDoor): void {
  const { engine, clock, budget } = door;
  const reader = new ComputeReader(engine.sensors, door.zone);
  takeBodies(scope, COMPUTE_BODY_BYTES_MAX, budget);
  scope.setErrorHandler((error: unknown, _request, reply) => {
    const answer = judge(error, door.onBug);
    if (answer.status >= 500) return sendProblem(reply, answer);
    setProblemHeaders(reply, answer);
    return send(reply, answer.status, refusalText([answer.detail]));
  });
  scope.post(COMPUTE_PATH, (request: FastifyRequest<{ Querystring: { receipt?: unknown } }>, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : EMPTY;
    budget.give(body.length);
    const asked = reader.read(body);
    if ("refused" in asked) return send(reply, 400, refusalText(asked.refused));
    const { receipt } = request.query;
    if (receipt !== undefined && receipt !== "true" && receipt !== "false") {
      const was = JSON.stringify(receipt);
      return send(reply, 400, refusalText([`Unexpected receipt ${was} in the query: expected true or false`]));
    }
    const window = windowOf(asked, engine, clock);
    if ("refused" in window) return send(reply, 400, refusalText(window.refused));
    const withReceipt = receipt === "true";
    return send(
      reply,
      200,
      withReceipt ? answerTextWithReceipt(asked, window, engine, clock) : answerText(asked, window, engine),
    );
  });
}

function send(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type(JSON_TYPE).send(text);
}
