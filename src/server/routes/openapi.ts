/** `GET /openapi.json`: what this server serves. */
import type { FastifyInstance, RouteOptions } from "fastify";
import { describeApi } from "../openapi.ts";
import { describe, TEXT } from "../route-schema.ts";

const OPENAPI_PATH = "/openapi.json";

const SCHEMA = describe({
  group: "Operation",
  summary: "This description of the API, as OpenAPI 3.1 has it",
  answer: {
    type: "object",
    properties: { openapi: TEXT, info: { type: "object" }, paths: { type: "object" } },
    required: ["openapi", "info", "paths"],
  },
  role: null,
  errors: [],
});

/** Adds the route. @param routes all there will be; read when it is first asked for @param session the cookie of sessions; null: no token is wanted */
export function registerOpenapi(scope: FastifyInstance, routes: readonly RouteOptions[], session: string | null): void {
  let text: string | null = null;
  scope.get(OPENAPI_PATH, { schema: SCHEMA }, (_request, reply) => {
    text ??= JSON.stringify(describeApi(routes, session));
    return reply.type("application/json; charset=utf-8").header("Cache-Control", "no-cache").send(text);
  });
}
