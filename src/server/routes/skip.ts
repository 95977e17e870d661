/** `POST /sensors/skip`: reads a partition that stands still on behind what is unreadable. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { namesShown } from "../../engine/directory.ts";
import type { Engine } from "../../engine/engine.ts";
import type { BodyBudget } from "../body-budget.ts";
import { takeJson } from "../json-body.ts";
import { IDS_BODY_BYTES_MAX } from "../limits.ts";
import { describe, NATURAL, objectOf, TEXT } from "../route-schema.ts";

const SKIP_PATH = "/sensors/skip";

const OFFSET = { ...NATURAL, maximum: Number.MAX_SAFE_INTEGER };

const SKIP = describe({
  group: "Sensors",
  role: "admin",
  summary: "Reads a partition that stands still on from another offset; what is between counts as a gap",
  body: objectOf({ sensor: TEXT, partition: NATURAL, to: { ...OFFSET, description: "the offset to go on from" } }),
  answer: objectOf({ skipped: { ...NATURAL, description: "records that were passed over" } }),
  errors: ["not-found", "not-ready"],
  examples: {
    skip: {
      summary: "On from offset 13, where the partition stands still before it",
      body: { sensor: "temperature", partition: 0, to: 13 },
    },
  },
});

interface SkipBody {
  readonly sensor: string;
  readonly partition: number;
  readonly to: number;
}

/** Adds the route. */
export function registerSkip(scope: FastifyInstance, engine: Engine, budget: BodyBudget): void {
  takeJson(scope, IDS_BODY_BYTES_MAX, budget, '{"sensor":…,"partition":…,"to":…}');
  scope.post(SKIP_PATH, { schema: SKIP }, async (request: FastifyRequest<{ Body: SkipBody }>) => {
    const { sensor, partition, to } = request.body;
    if (engine.sensors.find(sensor) === undefined) {
      const wanted = `expected one of ${namesShown(engine.sensors)}`;
      throw new TidemarkError("not-found", `Cannot skip in "${sensor}": ${wanted}`);
    }
    return { skipped: await engine.skip(sensor, partition, to) };
  });
}
