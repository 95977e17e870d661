/** The HTTP doors: every route, who may pass, and how they close. */

import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import type { Clock } from "../core/clock.ts";
import { assert, TidemarkError } from "../core/errors.ts";
import type { Zone } from "../core/zone.ts";
import type { ReadingsLog } from "../doors/body.ts";
import type { Engine } from "../engine/engine.ts";
import { BodyBudget } from "./body-reader.ts";
import { ComputeDoor } from "./compute-route.ts";
import { registerErrorDocs } from "./error-docs-route.ts";
import { errorHandler, type OnBug } from "./error-handler.ts";
import { siteGuard, tokenGuard } from "./guard.ts";
import { registerHealth } from "./health-route.ts";
import { Doors, type Place } from "./listen.ts";
import { registerLists } from "./lists-route.ts";
import { LiveFeed } from "./live-feed.ts";
import { registerLive } from "./live-route.ts";
import { refuseOtherMethods, rememberMethods } from "./methods.ts";
import { problem, sendProblem } from "./problem.ts";
import { registerReadings } from "./readings-route.ts";

/** Longest sensor name in a path: a topic of Kafka has at most 249 characters. */
const PARAMETER_LENGTH_MAX = 256;

export interface ServerOptions {
  readonly engine: Engine;
  readonly log: ReadingsLog;
  readonly clock: Clock;
  /** Of times that name none. */
  readonly zone: Zone;
  /** What clients must have; null: nothing, but only this machine is let in. */
  readonly token: string | null;
  /** Lets other machines in without a token. */
  readonly allowAnonymous?: boolean;
  /** What is worse than it should be though readings are taken in; null when all is well. */
  readonly notice?: () => string | null;
  /** Told of exceptions that are bugs; the client gets a 500 that says nothing of it. */
  readonly onBug: OnBug;
}

const doorsOf = new WeakMap<FastifyInstance, Doors>();

/** No route has a schema, so their compilers (6 MB, 80 ms) stay unloaded. */
function noSchemas(): never {
  throw new Error("BUG: a route has a schema");
}

/** Makes the server; it is ready, but listens nowhere yet (`listen`). Its `close` ends streams, answers what it has begun, then resolves. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { engine, clock, token, onBug } = options;
  const app = fastify({
    return503OnClosing: false, // a request that made it in is answered; new connections are refused
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    frameworkErrors: (error, _request, reply) => {
      errorHandler(onBug)(error, _request, reply);
    },
  });
  const budget = new BodyBudget();
  const feed = new LiveFeed(engine, clock, (error) => {
    if (!(error instanceof TidemarkError)) onBug(error);
  });
  const anyHost = options.allowAnonymous === true;
  const guard = token === null ? siteGuard(anyHost) : tokenGuard(token);
  const compute = new ComputeDoor({ ...options, budget, guard });

  app.setErrorHandler(errorHandler(onBug));
  app.register(async (open) => {
    const methods = rememberMethods(open);
    registerHealth(open, engine, options.notice);
    refuseOtherMethods(open, methods);
  });
  app.register(async (guarded) => {
    const methods = rememberMethods(guarded);
    guarded.addHook("onRequest", (request, _reply, done) => done(guard(request.raw) ?? undefined));
    guarded.removeAllContentTypeParsers(); // the body of an unknown path is of no interest
    guarded.setNotFoundHandler((request, reply) =>
      sendProblem(reply, problem("not-found", `Cannot ${request.method} ${request.url}: there is no such path`)),
    );
    registerErrorDocs(guarded);
    registerLive(guarded, feed);
    guarded.register(async (scope) => compute.register(scope));
    guarded.register(async (scope) => registerReadings(scope, { sensors: engine.sensors, log: options.log, budget }));
    guarded.register(async (scope) => registerLists(scope, engine, budget));
    guarded.after(() => refuseOtherMethods(guarded, methods));
  });

  const doors = new Doors(
    (request, response) => {
      if (!compute.take(request, response)) app.routing(request, response);
    },
    token !== null || anyHost,
  );
  doorsOf.set(app, doors);
  app.addHook("preClose", async () => {
    feed.close();
    compute.close();
    await doors.close();
  });
  await app.ready();
  return app;
}

/**
 * Opens the server's ports: of both loopbacks when no address is named.
 * @returns the addresses that it listens on
 * @throws TidemarkError "port-in-use" | "address-unusable" | "bind-refused" (beyond this machine without token or `allowAnonymous`)
 */
export async function listen(server: FastifyInstance, place: Place): Promise<readonly AddressInfo[]> {
  const doors = doorsOf.get(server);
  assert(doors !== undefined, () => "listen needs a server that createServer made");
  return doors.open(place);
}
