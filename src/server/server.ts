/** The HTTP server: every route, access control, and shutdown. */

import type { AddressInfo, Socket } from "node:net";
import fastify, { type FastifyInstance, type RouteOptions } from "fastify";
import type { Clock } from "../core/clock.ts";
import { assert, TidemarkError } from "../core/errors.ts";
import { DEFAULT_NAMING, type LineNaming } from "../core/line-naming.ts";
import type { Tokens } from "../core/tokens.ts";
import type { Zone } from "../core/zone.ts";
import type { ReadingsLog } from "../doors/body.ts";
import type { DoorView } from "../doors/door-counts.ts";
import type { HttpDoor } from "../doors/http-door.ts";
import { InfluxDoor } from "../doors/influx.ts";
import type { ListenAddress } from "../doors/listening.ts";
import type { Unrouted } from "../doors/mapping/unrouted.ts";
import type { Admission } from "../doors/mqtt/listener-session.ts";
import type { LookInto } from "../doors/records-found.ts";
import type { Engine } from "../engine/engine.ts";
import { BodyBudget } from "./body-budget.ts";
import { allowOrigins } from "./cors.ts";
import { errorHandler, type OnBug } from "./error-handler.ts";
import { siteGuard, TokenGuard } from "./guard.ts";
import { LiveFeed } from "./live-feed.ts";
import { OTHER_METHODS, refuseOtherMethods, rememberMethods } from "./methods.ts";
import { Ports } from "./ports.ts";
import { problem, sendProblem } from "./problem.ts";
import { RateLimit } from "./rate-limit.ts";
import { roleOf, saysWho } from "./route-schema.ts";
import { registerAbout } from "./routes/about.ts";
import { type AlertsOptions, registerAlerts } from "./routes/alerts.ts";
import { ComputeRoute } from "./routes/compute.ts";
import { registerCorrections } from "./routes/corrections.ts";
import { registerDevices } from "./routes/devices.ts";
import { registerDoors } from "./routes/doors.ts";
import { registerErrorDocs } from "./routes/error-docs.ts";
import { registerFace } from "./routes/face.ts";
import { registerGraphite } from "./routes/graphite.ts";
import { registerHealth } from "./routes/health.ts";
import { registerIn } from "./routes/in.ts";
import { registerInflux, registerInfluxProbes } from "./routes/influx.ts";
import { registerLists } from "./routes/lists.ts";
import { registerLive } from "./routes/live.ts";
import { registerMetrics } from "./routes/metrics.ts";
import { registerOpenapi } from "./routes/openapi.ts";
import { registerReadings } from "./routes/readings.ts";
import { registerSeries } from "./routes/series.ts";
import { registerSession } from "./routes/session.ts";
import { registerSkip } from "./routes/skip.ts";
import { Sessions } from "./sessions.ts";
import type { TlsIdentity } from "./tls-port.ts";
import { AJV_OPTIONS, readNumbers, refuseUnknownParameters, requestFault } from "./validation.ts";

/** Longest sensor name in a path: a topic of Kafka has at most 249 characters. */
const PARAMETER_LENGTH_MAX = 256;

/** What a server serves, and which clients it admits. */
export interface ServerOptions {
  readonly engine: Engine;
  readonly log: ReadingsLog;
  /** Tells readings from other records at the door; absent: all are appended unseen. */
  readonly lookInto?: LookInto;
  /** Doors that map what comes; absent: there are none. */
  readonly doors?: {
    readonly views: readonly DoorView[];
    readonly unrouted: Unrouted;
    readonly http: HttpDoor;
  };
  /** Rules and what they found; absent: there are none. */
  readonly alerts?: AlertsOptions;
  readonly clock: Clock;
  /** Of times that name none. */
  readonly zone: Zone;
  /** One of which clients must have; null: nothing, but only this machine is let in. */
  readonly tokens: Tokens | null;
  /** From one address and with one token; null: as many as come. */
  readonly requestsPerSecond?: number | null;
  /** null: plain HTTP. */
  readonly tls?: TlsIdentity | null;
  /** Lets other machines in without a token. */
  readonly allowAnonymous?: boolean;
  /** Origins under which browsers reach this server through a proxy, as `https://tidemark.example`. */
  readonly publicUrls?: readonly string[];
  /** Origins of other sites whose pages may ask and read. */
  readonly corsOrigins?: readonly string[];
  /** How lines of InfluxDB's become sensors and devices; absent: as without configuration. */
  readonly naming?: LineNaming;
  /** Listener for exceptions that are bugs; the client gets a bare 500. */
  readonly onBug: OnBug;
}

/** The server: made by `createServer`, ready, and listening nowhere before `listen`. */
export interface HttpServer {
  readonly app: FastifyInstance;
  /** Every route with its schema: what the description of the API is made of. */
  readonly routes: readonly RouteOptions[];
  /**
   * Opens its ports: of both loopbacks when no address is named.
   * @returns the addresses that it listens on
   * @throws TidemarkError "port-in-use" | "address-unusable" | "bind-refused" (beyond this machine without token or `allowAnonymous`)
   */
  listen(address: ListenAddress): Promise<readonly AddressInfo[]>;
  /** Ends streams, answers what it has begun, then resolves. */
  close(): Promise<void>;
  /** Whether a client of another protocol that brings this token may send readings: wrong ones of an address are counted together with those of HTTP. */
  admit(socket: Socket, token: string | undefined): Admission;
  /** From now on this certificate is shown; connections that there are go on. Only of a server that was made with one. */
  renewTls(identity: TlsIdentity): void;
}

/** Makes the server with all its routes. */
export async function createServer(options: ServerOptions): Promise<HttpServer> {
  const { engine, clock, tokens, onBug, doors, alerts } = options;
  const app = fastify({
    return503OnClosing: false, // a request that made it in is answered; new connections are refused
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX, ignoreTrailingSlash: true },
    ajv: AJV_OPTIONS,
    schemaErrorFormatter: requestFault,
    frameworkErrors: (error, _request, reply) => {
      errorHandler(onBug)(error, _request, reply);
    },
  });
  const routes: RouteOptions[] = [];
  const budget = new BodyBudget();
  const influx = new InfluxDoor({ ...options, naming: options.naming ?? DEFAULT_NAMING });
  const views = (): readonly DoorView[] => [...(doors?.views ?? []), influx];
  const feed = new LiveFeed(
    engine,
    clock,
    (error) => {
      if (!(error instanceof TidemarkError)) onBug(error);
    },
    alerts?.alerts ?? null,
  );
  const anyHost = options.allowAnonymous === true;
  const { publicUrls = [], corsOrigins = [] } = options;
  const sessions = tokens === null ? null : new Sessions(tokens, clock);
  const rate = new RateLimit(options.requestsPerSecond ?? null, clock);
  const guard =
    tokens === null || sessions === null
      ? siteGuard({ anyHost, publicUrls, corsOrigins }, rate)
      : new TokenGuard(tokens, sessions, publicUrls, rate);
  const compute = new ComputeRoute({ ...options, budget, guard });

  const ports = new Ports(
    (request, response) => {
      if (!compute.take(request, response)) app.routing(request, response);
    },
    tokens !== null || anyHost,
    options.tls ?? null,
  );
  let tls = options.tls ?? null;
  app.addHook("onRoute", (route) => {
    assert(route.schema?.summary !== undefined, () => `${route.method} ${route.url} does not say what it is`);
    if (route.schema === OTHER_METHODS) return;
    assert(saysWho(route), () => `${route.method} ${route.url} does not say which role it is for (describe: role)`);
    routes.push(route);
  });
  app.setErrorHandler(errorHandler(onBug));
  // A serializer made from a schema drops the fields that the schema lacks, in silence; that none is missing is a test's business.
  app.setSerializerCompiler(() => JSON.stringify);
  readNumbers(app);
  allowOrigins(app, corsOrigins);
  app.register(async (open) => {
    const methods = rememberMethods(open);
    registerHealth(open, { engine, connections: () => ports.counts, guard, doors: views, alerts });
    registerInfluxProbes(open, engine);
    registerFace(open);
    open.register(async (scope) => registerSession(scope, { guard, sessions, publicUrls, budget }));
    open.after(() => refuseOtherMethods(open, methods));
  });
  app.register(async (guarded) => {
    const methods = rememberMethods(guarded);
    guarded.addHook("onRequest", ({ raw, is404, routeOptions: { schema } }, _reply, done) => {
      const role = is404 || schema === OTHER_METHODS ? null : roleOf(schema?.facts);
      done(guard.refusal(raw, role, schema?.facts?.tokenOf?.(raw)) ?? undefined);
    });
    refuseUnknownParameters(guarded);
    guarded.removeAllContentTypeParsers(); // the body of an unknown path is of no interest
    guarded.setNotFoundHandler((request, reply) =>
      sendProblem(
        reply,
        problem("not-found", `Cannot ${request.method} ${request.url.split("?", 1)[0]}: there is no such path`),
      ),
    );
    registerErrorDocs(guarded);
    registerAbout(guarded, { ...options, guard });
    registerOpenapi(guarded, routes, sessions?.name ?? null);
    registerLive(guarded, feed, engine);
    registerSeries(guarded, options);
    registerDevices(guarded, engine);
    const counted = {
      live: () => feed.counts,
      tls: () => tls,
      rate: () => rate.counts,
      doors: views,
      alerts,
      unroutedDropped: () => doors?.unrouted.dropped ?? 0,
    };
    registerMetrics(guarded, { engine, connections: () => ports.counts, ...counted });
    if (doors !== undefined) {
      registerDoors(guarded, { views, unrouted: doors.unrouted });
      guarded.register(async (scope) => registerIn(scope, doors.http, budget));
    }
    if (alerts !== undefined) {
      guarded.register(async (scope) => registerAlerts(scope, alerts, { ...options, budget }));
    }
    guarded.register(async (scope) => compute.register(scope));
    guarded.register(async (scope) => registerReadings(scope, { ...options, budget }));
    guarded.register(async (scope) => registerInflux(scope, { door: influx, budget }));
    guarded.register(async (scope) => registerGraphite(scope, { ...options, budget }));
    guarded.register(async (scope) => registerLists(scope, engine, budget));
    guarded.register(async (scope) => registerSkip(scope, engine, budget));
    guarded.register(async (scope) => registerCorrections(scope, { ...options, budget }));
    guarded.after(() => refuseOtherMethods(guarded, methods));
  });

  app.addHook("preClose", async () => {
    feed.close();
    compute.close();
    await ports.close();
  });
  await app.ready();
  return {
    app,
    routes,
    listen: (address) => ports.open(address),
    close: () => app.close(),
    admit: (socket, text) => {
      if (tokens === null) return { isValid: () => true };
      if (text === undefined) return { refusal: "no-token" };
      const token = tokens.find(text);
      if (rate.judge({ socket }, token) !== null) return { refusal: "busy" };
      if (token === null) return { refusal: "wrong-token" };
      return token.roles.includes("write") ? { isValid: () => tokens.all.includes(token) } : { refusal: "role" };
    },
    renewTls: (identity) => {
      tls = identity;
      ports.renewTls(identity);
    },
  };
}
