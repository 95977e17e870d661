/** Growth example, a door: `POST /push/{sensor}/{value}`, for what can only call an address. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ReadingsLog } from "../../src/doors/body.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { describe, NATURAL, objectOf, TEXT } from "../../src/server/route-schema.ts";

const SCHEMA = describe({
  group: "Readings",
  role: "write",
  summary: "Appends one value that stands in the path",
  params: objectOf({ sensor: TEXT, value: { ...TEXT, description: "a number" } }),
  answer: objectOf({ appended: NATURAL }),
  errors: ["not-found", "log-full", "log-unreachable"],
});

/** Answered when the value is durable. */
export function registerPush(
  scope: FastifyInstance,
  engine: Pick<Engine, "refusal" | "admit">,
  log: ReadingsLog,
): void {
  type Asked = FastifyRequest<{ Params: { sensor: string; value: string } }>;
  scope.post("/push/:sensor/:value", { schema: SCHEMA }, async (request: Asked) => {
    const { sensor, value } = request.params;
    const refusal = engine.refusal(sensor);
    if (refusal !== null) throw refusal;
    await engine.admit(sensor);
    await log.append(sensor, [{ value: Buffer.from(value) }]);
    return { appended: 1 };
  });
}
