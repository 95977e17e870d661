/** `GET /livez`, `GET /readyz`: for whoever keeps the process running. Open to all. */
import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/engine.ts";
import { problem, sendProblem } from "../problem.ts";
import { describe, objectOf, TEXT } from "../route-schema.ts";

const LIVEZ_PATH = "/livez";
const READYZ_PATH = "/readyz";

const LIVEZ = describe({
  summary: "Whether the process answers at all",
  answer: objectOf({ status: { const: "alive" } }),
  errors: [],
});

const READYZ = describe({
  summary: "Whether readings are taken in",
  answer: objectOf(
    { status: { const: "ready" }, notice: { ...TEXT, description: "what is worse than it should be all the same" } },
    ["notice"],
  ),
  errors: ["not-ready"],
});

/** Adds both routes. */
export function registerHealth(scope: FastifyInstance, engine: Engine, notice: () => string | null = () => null): void {
  // That it is answered at all says that the event loop runs.
  scope.get(LIVEZ_PATH, { schema: LIVEZ }, (_request, reply) =>
    reply.header("cache-control", "no-store").send({ status: "alive" }),
  );
  scope.get(READYZ_PATH, { schema: READYZ }, (_request, reply) => {
    reply.header("cache-control", "no-store");
    const { trouble } = engine;
    if (trouble !== null) return sendProblem(reply, problem("not-ready", `Cannot take in readings: ${trouble}`));
    const worse = notice();
    return reply.send({ status: "ready", ...(worse === null ? {} : { notice: worse }) });
  });
}
