/** `GET /live`: server-sent events (docs/formats/live.md). */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { namesShown } from "../../engine/directory.ts";
import type { Engine } from "../../engine/engine.ts";
import { LIVE_SENSORS_MAX } from "../limits.ts";
import type { LiveFeed } from "../live-feed.ts";
import { SENSOR_NAME } from "../metric-schema.ts";
import { NAME_LIST, type NameList, namesOf } from "../name-list.ts";
import { RequestError } from "../problem.ts";
import { describe, queryOf, TEXT } from "../route-schema.ts";

const LIVE_PATH = "/live";

const HEAD = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store, no-transform", // what compresses holds frames back
  "X-Accel-Buffering": "no", // and so does nginx
};

const SCHEMA = describe({
  group: "Questions",
  summary: "Server-sent events: sensors as readings come in, and which seconds of them changed",
  details:
    "The first event is `snapshot`, then `update` for each change. Who comes back with Last-Event-ID is told every second that changed " +
    "meanwhile. docs/formats/live.md says what is in them.",
  query: queryOf({
    sensor: { ...NAME_LIST, description: "only these sensors: repeated, or with commas between them" },
    after: { ...TEXT, description: "the id of the last event seen, where no header Last-Event-ID can be sent" },
  }),
  lists: { sensor: { type: "array", items: SENSOR_NAME, minItems: 1, maxItems: LIVE_SENSORS_MAX } },
  otherwise: { "text/event-stream": { ...TEXT, description: "server-sent events whose data is JSON" } },
  errors: ["not-ready"],
});

interface LiveQuery {
  readonly sensor?: NameList;
  readonly after?: string;
}

/** Adds the route. */
export function registerLive(scope: FastifyInstance, feed: LiveFeed, engine: Engine): void {
  const options = { schema: SCHEMA, exposeHeadRoute: false };
  scope.get(LIVE_PATH, options, ({ query, headers }: FastifyRequest<{ Querystring: LiveQuery }>, reply) => {
    const sensors = query.sensor === undefined ? null : sensorsOf(query.sensor, engine);
    const lastEventId = headers["last-event-id"] ?? query.after ?? "";
    const asked = { sensors, lastEventId: lastEventId === "" ? null : String(lastEventId) };
    feed.refuseWhenFull();
    const greeting = feed.greeting(asked);
    reply.hijack();
    const response = reply.raw;
    response.writeHead(200, { ...Object.fromEntries(Object.entries(reply.getHeaders())), ...HEAD });
    response.write(greeting);
    feed.join(response, asked);
  });
  scope.head(LIVE_PATH, { schema: SCHEMA }, (_request, reply) => reply.headers(HEAD).send());
}

/** @throws RequestError 400 that names those that are unknown: a stream of a mistyped name would be silent for ever */
function sensorsOf(parameter: NameList, engine: Engine): ReadonlySet<string> {
  const names = namesOf(parameter);
  if (names.length === 0 || names.length > LIVE_SENSORS_MAX) {
    throw refused(`${names.length} sensors`, `1 to ${LIVE_SENSORS_MAX}`);
  }
  const unknown = names.filter((name) => engine.sensors.find(name) === undefined);
  if (unknown.length > 0)
    throw refused(unknown.map((name) => JSON.stringify(name)).join(", "), `some of ${namesShown(engine.sensors)}`);
  return new Set(names);
}

function refused(what: string, wanted: string): RequestError {
  return new RequestError(400, `Cannot open the live stream of ${what}: expected ${wanted}`);
}
