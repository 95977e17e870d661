/** `GET /about`: which tidemark this is, its clock and the zone of its times. */
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../core/clock.ts";
import { formatMs } from "../../core/time.ts";
import type { Tokens } from "../../core/tokens.ts";
import type { Zone } from "../../core/zone.ts";
import { programVersion } from "../../runtime/version.ts";
import { sendFresh } from "../fresh-answer.ts";
import type { Guard } from "../guard.ts";
import { describe, objectOf, ROLES_HELD, TEXT, TIME } from "../route-schema.ts";

const ABOUT_PATH = "/about";

const SCHEMA = describe({
  group: "Operation",
  summary: "Its version, the zone of times that name none, and its clock",
  answer: objectOf({
    version: TEXT,
    timezone: { ...TEXT, description: "an IANA name, or a POSIX text" },
    time: TIME,
    token: { type: "boolean", description: "whether requests need one" },
    roles: ROLES_HELD,
  }),
  role: null,
  errors: [],
});

/** What the route needs. */
export interface AboutOptions {
  readonly clock: Clock;
  readonly zone: Zone;
  readonly tokens: Tokens | null;
  readonly guard: Guard;
}

/** Adds the route. */
export function registerAbout(scope: FastifyInstance, { clock, zone, tokens, guard }: AboutOptions): void {
  scope.get(ABOUT_PATH, { schema: SCHEMA }, ({ raw }, reply) =>
    sendFresh(reply, {
      version: programVersion(),
      timezone: zone.name,
      time: formatMs(clock.now()),
      token: tokens !== null,
      roles: guard.roles(raw),
    }),
  );
}
