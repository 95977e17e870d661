/** Bodies of ours: small JSON objects, read with the leniency of `POST /compute/metrics`, then validated by their route's schema. */
import type { FastifyInstance } from "fastify";
import type { BodyBudget } from "./body-budget.ts";
import { takeBodies } from "./body-reader.ts";
import { parseLenient } from "./lenient-json.ts";
import { RequestError } from "./problem.ts";

/** Parses the bodies of the scope's routes. @param wanted the expected form, for the error */
export function takeJson(scope: FastifyInstance, bytesMax: number, budget: BodyBudget, wanted: string): void {
  takeBodies(scope, bytesMax, budget);
  scope.addHook("preValidation", (request, _reply, done) => {
    if (!Buffer.isBuffer(request.body)) return done();
    const parsed = parseLenient(request.body.toString("utf8"));
    if ("unreadable" in parsed) {
      return done(new RequestError(400, `Cannot read the request: expected ${wanted}, ${parsed.unreadable}`));
    }
    request.body = parsed.value;
    done();
  });
}
