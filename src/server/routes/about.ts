/** `GET /about`: which tidemark this is, its clock and the zone of its times. */
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../core/clock.ts";
import { formatMs } from "../../core/time.ts";
import type { Zone } from "../../core/zone.ts";
import { programVersion } from "../../runtime/version.ts";
import { describe, objectOf, TEXT, TIME } from "../route-schema.ts";

const ABOUT_PATH = "/about";

const SCHEMA = describe({
  group: "Operation",
  summary: "Its version, the zone of times that name none, and its clock",
  answer: objectOf({
    version: TEXT,
    timezone: { ...TEXT, description: "an IANA name, or a POSIX text" },
    time: TIME,
    token: { type: "boolean", description: "whether requests need it" },
  }),
  errors: [],
});

/** What the route needs. */
export interface AboutOptions {
  readonly clock: Clock;
  readonly zone: Zone;
  readonly token: string | null;
}

/** Adds the route. */
export function registerAbout(scope: FastifyInstance, { clock, zone, token }: AboutOptions): void {
  scope.get(ABOUT_PATH, { schema: SCHEMA }, (_request, reply) =>
    reply.header("cache-control", "no-store").send({
      version: programVersion(),
      timezone: zone.name,
      time: formatMs(clock.now()),
      token: token !== null,
    }),
  );
}
