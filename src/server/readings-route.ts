/** `POST /readings/{sensor}`: a body of readings → the log. Answered when they are durable. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../core/errors.ts";
import { NAME_BYTES_MAX } from "../core/limits.ts";
import { type ReadingsLog, recordsOfBody } from "../doors/body.ts";
import type { SensorDirectory } from "../engine/directory.ts";
import { type BodyBudget, takeBodies } from "./body-reader.ts";
import { READINGS_BODY_BYTES_MAX, READINGS_PER_BODY_MAX } from "./limits.ts";
import { namesShown } from "./names-shown.ts";

const READINGS_PATH = "/readings/:sensor";

/** Names the device of all readings of a request that do not name one themselves: it becomes the key of their records. */
const DEVICE_HEADER = "tidemark-device";

const EMPTY = Buffer.alloc(0);

export interface ReadingsDoor {
  readonly sensors: SensorDirectory;
  readonly log: ReadingsLog;
  readonly budget: BodyBudget;
}

/** One request is one append: all of it becomes durable, or the answer says that it did not. */
export function registerReadings(scope: FastifyInstance, door: ReadingsDoor): void {
  takeBodies(scope, READINGS_BODY_BYTES_MAX, door.budget);
  scope.post(READINGS_PATH, async (request: FastifyRequest<{ Params: { sensor: string } }>) => {
    const body = Buffer.isBuffer(request.body) ? request.body : EMPTY;
    try {
      const { sensor } = request.params;
      if (door.sensors.find(sensor) === undefined) {
        const known = namesShown(door.sensors);
        throw new TidemarkError("not-found", `Cannot append to "${sensor}": expected one of ${known}`);
      }
      const key = deviceKey(sensor, request.raw.headers[DEVICE_HEADER]);
      const records = recordsOfBody(sensor, body, key, READINGS_PER_BODY_MAX);
      await door.log.append(sensor, records);
      return { appended: records.length };
    } finally {
      door.budget.give(body.length);
    }
  });
}

/** The bytes that the client sent: Node gives them as Latin-1. */
function deviceKey(sensor: string, header: string | string[] | undefined): Buffer | undefined {
  if (header === undefined) return undefined;
  const key = Buffer.from(String(header), "latin1");
  if (key.length >= 1 && key.length <= NAME_BYTES_MAX) return key;
  const wanted = `Tidemark-Device must be 1 to ${NAME_BYTES_MAX} bytes, was ${key.length}`;
  throw new TidemarkError("request-invalid", `Cannot append to "${sensor}": ${wanted}`);
}
