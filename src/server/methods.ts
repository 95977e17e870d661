/** Methods that a path does not have: 405 with what it does have (RFC 9110, 15.5.6), and OPTIONS. */
import type { FastifyInstance, RouteOptions } from "fastify";
import { problem, sendProblem } from "./problem.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "OPTIONS"] as const;

/** What the routes say of themselves that only refuse. */
export const OTHER_METHODS = { summary: "Refuses the methods that its path does not have" };

/** Remembers the routes of a scope (and of those in it) from now on. @returns their methods by path */
export function rememberMethods(scope: FastifyInstance): ReadonlyMap<string, ReadonlySet<string>> {
  const methods = new Map<string, Set<string>>();
  scope.addHook("onRoute", (route: RouteOptions) => {
    const known = methods.get(route.url) ?? new Set();
    for (const method of [route.method].flat()) known.add(method);
    if (known.has("GET") && route.exposeHeadRoute !== false) known.add("HEAD");
    methods.set(route.url, known);
  });
  return methods;
}

/** Answers the other methods of these paths; without reading a body. */
export function refuseOtherMethods(scope: FastifyInstance, methods: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, known] of [...methods]) {
    const allow = [...known, "OPTIONS"].join(", ");
    scope.route({
      method: METHODS.filter((method) => !known.has(method)),
      url,
      schema: OTHER_METHODS,
      onRequest: (request, reply, _done) => {
        reply.header("allow", allow);
        if (request.method === "OPTIONS") reply.code(204).send();
        else sendProblem(reply, problem("method-not-allowed", `Cannot ${request.method} ${url}: expected ${allow}`));
      },
      handler: () => undefined,
    });
  }
}
