/** Where clients of InfluxDB write, and what they ask before: `/write`, `/api/v2/write`, `/query`, `/ping`, `/health`. docs/INFLUX.md */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { INFLUX_TOPIC, type InfluxDoor, PRECISION_NAMES } from "../../doors/influx.ts";
import type { Engine } from "../../engine/engine.ts";
import { programVersion } from "../../runtime/version.ts";
import type { BodyBudget } from "../body-budget.ts";
import { takeBodies } from "../body-reader.ts";
import { influxToken } from "../influx-token.ts";
import { INFLUX_BODY_BYTES_MAX } from "../limits.ts";
import { RequestError } from "../problem.ts";
import { describe, OF_APPENDING, objectOf, queryOf, type Schema, TEXT } from "../route-schema.ts";

const WRITE_1_PATH = "/write";
const WRITE_2_PATH = "/api/v2/write";
const QUERY_PATH = "/query";
const PING_PATH = "/ping";
const HEALTH_PATH = "/health";

/** Clients that look at the version write as they would to this one. */
const VERSION_HEADER = "X-Influxdb-Version";
const VERSION = `1.8-tidemark-${programVersion()}`;

const PRECISION: Schema = { enum: PRECISION_NAMES, description: "the unit of times; ns if not given" };
const PASSED_OVER: Schema = { ...TEXT, description: "taken and not used" };
const LINES: Schema = {
  ...TEXT,
  description: "a line each, `measurement,tag=a field=1,other=2 TIME`; also compressed",
};

const parameters = (...names: readonly string[]): Schema => {
  const others = Object.fromEntries(names.map((name) => [name, PASSED_OVER]));
  return { ...queryOf({ precision: PRECISION, ...others }), additionalProperties: true };
};

const facts = {
  group: "Influx",
  role: "write",
  tokenOf: influxToken,
  details: `Each field that is a number is a reading. Lines that are none are rejected alone, and listed under \`/rejections\`;
texts and booleans are passed over. The answer comes when the lines are durable, also for none.`,
  bytes: { "text/plain": LINES },
  empty: true,
  errors: OF_APPENDING,
} as const;

const WRITE_1 = describe({
  ...facts,
  summary: "Takes line protocol as version 1 of InfluxDB does",
  query: parameters("db", "rp", "consistency", "u", "p"),
  examples: {
    line: {
      summary: "A line",
      parameters: { db: "home", precision: "s" },
      type: "text/plain",
      body: "room,device=attic temperature=21.5,humidity=48i 1578928320",
    },
  },
});

const WRITE_2 = describe({
  ...facts,
  summary: "Takes line protocol as version 2 of InfluxDB does",
  query: parameters("bucket", "org", "orgID"),
  errors: [...facts.errors, "log-full"],
  examples: {
    line: {
      summary: "A line",
      parameters: { bucket: "home", org: "home", precision: "s" },
      type: "text/plain",
      body: "room,device=cellar temperature=12,humidity=71i 1578928320",
    },
  },
});

const QUERY_ANSWER = objectOf({ results: { type: "array", items: { type: "object" } } });

const query = {
  group: "Influx",
  role: "write",
  tokenOf: influxToken,
  summary: "Answers what clients ask before they write: CREATE DATABASE and SHOW DATABASES, and no other InfluxQL",
  query: { ...queryOf({ q: TEXT, db: PASSED_OVER }), additionalProperties: true },
  answer: QUERY_ANSWER,
  errors: [],
} as const;
const QUERY_GET = describe({
  ...query,
  examples: {
    create: {
      summary: "A database, of which there is no need",
      parameters: { q: 'CREATE DATABASE "home"' },
      answer: { results: [{ statement_id: 0 }] },
    },
  },
});
const QUERY_POST = describe({
  ...query,
  bytes: { "application/x-www-form-urlencoded": { type: "object", properties: { q: TEXT } } },
  examples: {
    create: {
      summary: "A database, of which there is no need",
      type: "application/x-www-form-urlencoded",
      body: { q: 'CREATE DATABASE "home"' },
      answer: { results: [{ statement_id: 0 }] },
    },
  },
});

const PING = describe({
  group: "Influx",
  open: true,
  summary: "Answers that something is there, and with `verbose` which version",
  query: { ...queryOf({ verbose: TEXT }), additionalProperties: true },
  answer: objectOf({ version: TEXT }),
  empty: true,
  errors: [],
});

const HEALTH_ANSWER = objectOf({
  name: { const: "tidemark" },
  message: TEXT,
  status: { enum: ["pass", "fail"] },
  checks: { type: "array", maxItems: 0, items: {} },
  version: TEXT,
});
const HEALTH = describe({
  group: "Influx",
  open: true,
  summary: "Whether readings are taken in, as version 2 of InfluxDB says it",
  answer: HEALTH_ANSWER,
  answers: { 503: HEALTH_ANSWER },
  errors: [],
});

/** What the routes that write need. */
export interface InfluxOptions {
  readonly door: InfluxDoor;
  readonly budget: BodyBudget;
}

/** Answered with 429. */
const LATER: readonly TidemarkError["code"][] = ["log-full", "too-many-requests"];

type Asked = FastifyRequest<{ Querystring: { precision?: string }; Body: Buffer }>;
type Queried = FastifyRequest<{ Querystring: { q?: string }; Body?: Buffer }>;

/** Adds those that need the token. One request is one append. */
export function registerInflux(scope: FastifyInstance, { door, budget }: InfluxOptions): void {
  takeBodies(scope, INFLUX_BODY_BYTES_MAX, budget);
  const write = async ({ query, body }: Asked, reply: FastifyReply): Promise<FastifyReply> => {
    await door.take(body, query.precision ?? "ns");
    return reply.code(204).header(VERSION_HEADER, VERSION).send();
  };
  scope.post(WRITE_1_PATH, { schema: WRITE_1, errorHandler: retriedLater }, write);
  scope.post(WRITE_2_PATH, { schema: WRITE_2 }, write);
  scope.get(QUERY_PATH, { schema: QUERY_GET }, async ({ query }: Queried) => answerOf(query.q));
  scope.post(QUERY_PATH, { schema: QUERY_POST }, async ({ query, body }: Queried) =>
    answerOf(query.q ?? new URLSearchParams(body?.toString("utf8")).get("q") ?? undefined),
  );
}

/** Adds those that are open to all, as small clients ask them without the token. */
export function registerInfluxProbes(scope: FastifyInstance, engine: Pick<Engine, "trouble">): void {
  type Pinged = FastifyRequest<{ Querystring: { verbose?: string } }>;
  scope.get(PING_PATH, { schema: PING }, ({ query }: Pinged, reply) => {
    reply.header(VERSION_HEADER, VERSION);
    const isVerbose = query.verbose !== undefined && !["", "0", "false"].includes(query.verbose);
    return isVerbose ? reply.send({ version: VERSION }) : reply.code(204).send();
  });
  scope.get(HEALTH_PATH, { schema: HEALTH }, (_request, reply) => {
    const isFine = engine.trouble === null;
    return reply
      .code(isFine ? 200 : 503)
      .header(VERSION_HEADER, VERSION)
      .header("cache-control", "no-store")
      .send({
        name: "tidemark",
        message: isFine ? "ready for writes" : "readings are not taken in: GET /readyz says why",
        status: isFine ? "pass" : "fail",
        checks: [],
        version: VERSION,
      });
  });
}

/** Clients of version 1 drop their lines for a 429 as for every 4xx, and try again after a 503. The server's own handler answers. */
function retriedLater(error: unknown): never {
  const isLater = error instanceof TidemarkError && LATER.some((code) => code === error.code);
  throw isLater ? new TidemarkError("too-busy", error.message) : error;
}

function answerOf(q: string | undefined): { readonly results: readonly object[] } {
  const statement = (q ?? "").trim();
  if (/^create\s/i.test(statement)) return { results: [{ statement_id: 0 }] };
  if (/^show\s+databases\b/i.test(statement)) {
    const series = [{ name: "databases", columns: ["name"], values: [[INFLUX_TOPIC]] }];
    return { results: [{ statement_id: 0, series }] };
  }
  throw new RequestError(
    400,
    "Cannot answer the query: expected CREATE DATABASE or SHOW DATABASES; questions are for POST /compute/metrics",
  );
}
