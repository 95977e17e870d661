/** Bodies of ours: small JSON objects, read with the leniency of `POST /compute/metrics`, then validated by their route's schema. */
import type { FastifyInstance } from "fastify";
import type { BodyBudget } from "./body-budget.ts";
import { takeBodies } from "./body-reader.ts";
import { depthOf, parseLenient } from "./lenient-json.ts";
import { JSON_DEPTH_MAX } from "./limits.ts";
import { RequestError } from "./problem.ts";

/** Parses the bodies of the scope's routes. @param wanted the expected form, for the error */
export function takeJson(scope: FastifyInstance, bytesMax: number, budget: BodyBudget, wanted: string): void {
  takeBodies(scope, bytesMax, budget);
  scope.addHook("preValidation", (request, _reply, done) => {
    if (!Buffer.isBuffer(request.body)) return done();
    const text = request.body.toString("utf8");
    const refuse = (why: string) => done(new RequestError(400, `Cannot read the request: expected ${wanted}, ${why}`));
    // Before anything walks the value: JSON.stringify, which words the errors, recurses.
    if (depthOf(text) > JSON_DEPTH_MAX) return refuse(`was nested more than ${JSON_DEPTH_MAX} deep`);
    const parsed = parseLenient(text);
    if ("unreadable" in parsed) return refuse(parsed.unreadable);
    request.body = parsed.value;
    done();
  });
}
