/** `/graphite/…`: as much of Graphite's HTTP API as Grafana's built-in data source asks for (docs/GRAFANA.md). */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../core/clock.ts";
import type { Zone } from "../../core/zone.ts";
import type { Engine } from "../../engine/engine.ts";
import type { BodyBudget } from "../body-budget.ts";
import { takeBodies } from "../body-reader.ts";
import { type OnBug, reported } from "../error-handler.ts";
import { find, linesOf } from "../graphite/paths.ts";
import { render } from "../graphite/render.ts";
import { FUNCTIONS, TARGETS_EXPECTED } from "../graphite/target.ts";
import { GRAPHITE_BODY_BYTES_MAX } from "../limits.ts";
import { NAME_LIST } from "../name-list.ts";
import { problemHeaders, RequestError } from "../problem.ts";
import { describe, objectOf, PROBLEM, queryOf, type RouteFacts, type Schema, TEXT } from "../route-schema.ts";

const RENDER_PATH = "/graphite/render";
const FIND_PATH = "/graphite/metrics/find";
const EXPAND_PATH = "/graphite/metrics/expand";

/** What Grafana takes for the Graphite that it speaks to: the first version whose functions can be asked for. */
const VERSION = "1.1.0";

const FORM = "application/x-www-form-urlencoded";

/** Grafana shows people the `message` of an error, and nothing else of it. */
const REFUSAL: Schema = {
  ...PROBLEM,
  title: "GraphiteProblem",
  description: "a problem whose detail is its message, too",
  properties: { ...(PROBLEM["properties"] as object), message: TEXT },
  required: [...(PROBLEM["required"] as string[]), "message"],
};

const REFUSALS = Object.fromEntries([400, 401, 403, 411, 413, 415, 429, 500, 503].map((status) => [status, REFUSAL]));

const MOMENT = { ...TEXT, description: "epoch seconds, `now`, or `-6h`, `-5min`, `-1mon`" };

const RENDER = {
  target: { ...NAME_LIST, description: TARGETS_EXPECTED },
  from: { ...MOMENT, description: `${MOMENT.description}; else -24h` },
  until: {
    ...MOMENT,
    description: `${MOMENT.description}; else now. The second of a number does not belong to the window`,
  },
  maxDataPoints: { ...TEXT, description: "at most so many, and 2,000; else 500" },
  format: { enum: ["json"] },
};

const FIND = {
  query: { ...TEXT, description: "names with dots between them; `*`, `?` and `{a,b}` stand for several" },
};

const DRAWN: Schema = {
  type: "array",
  items: objectOf({
    target: TEXT,
    datapoints: {
      type: "array",
      items: { type: "array", items: { type: ["number", "null"] }, minItems: 2, maxItems: 2 },
      description: "values, null where there is none, each with the epoch second at which its bucket begins",
    },
  }),
};

const FLAG = { enum: [0, 1] };
const NODES: Schema = {
  type: "array",
  items: objectOf({
    text: TEXT,
    id: TEXT,
    leaf: FLAG,
    expandable: FLAG,
    allowChildren: FLAG,
    context: { type: "object" },
  }),
};

const LINE = {
  summary: "A line of a minute",
  parameters: {
    target: "alias(temperature.mean,'inside')",
    from: "1578928320",
    until: "1578928380",
    maxDataPoints: "2",
  },
  answer: [
    {
      target: "inside",
      datapoints: [
        [21.25, 1578928320],
        [null, 1578928350],
      ],
    },
  ],
};
const TREE = { summary: "Every sensor", parameters: { query: "*" } };

/** Asked by address and by form alike. */
const renders = bothOf(
  { summary: "Draws lines of metrics, for Grafana's built-in Graphite source", answer: DRAWN },
  RENDER,
  LINE,
);
const finds = bothOf({ summary: "Finds sensors and their metrics, as a tree of names", answer: NODES }, FIND, TREE);

const EXPAND = describe({
  ...{ group: "Grafana", summary: "Finds whole names of metrics", query: openQueryOf(FIND), required: ["query"] },
  answer: objectOf({ results: { type: "array", items: TEXT } }),
  answers: REFUSALS,
  errors: [],
  examples: { all: { summary: "Every mean", parameters: { query: "*.mean" } } },
});

/** What Grafana asks beside, each with its answer. */
const NONE: Schema = { type: "array", items: TEXT, maxItems: 0 };
const PROBES: readonly (readonly [path: string, summary: string, schema: Schema, answer: unknown])[] = [
  ["/graphite/version", "The version of Graphite whose API this is", TEXT, VERSION],
  ["/graphite/functions", "The functions that targets may have", { type: "object" }, FUNCTIONS],
  ["/graphite/tags/autoComplete/tags", "Tags of metrics: there are none", NONE, []],
  ["/graphite/tags/autoComplete/values", "Values of a tag: there are none", NONE, []],
  ["/graphite/events/get_data", "Events for annotations: there are none", NONE, []],
];

/** Grafana and its proxies send more than is of interest here. */
function openQueryOf(fields: Readonly<Record<string, Schema>> = {}): Schema {
  return { ...queryOf(fields), additionalProperties: true };
}

function bothOf(
  facts: Pick<RouteFacts, "summary" | "answer">,
  fields: Readonly<Record<string, Schema>>,
  example: {
    readonly summary: string;
    readonly parameters: Readonly<Record<string, string>>;
    readonly answer?: unknown;
  },
): { readonly get: RouteFacts; readonly post: RouteFacts } {
  const shared = { ...facts, group: "Grafana", role: "read", answers: REFUSALS, errors: [] } as const;
  const required = Object.keys(fields).slice(0, 1);
  const { parameters, ...rest } = example;
  return {
    get: { ...shared, query: openQueryOf(fields), required, examples: { one: example } },
    post: {
      ...shared,
      query: openQueryOf(),
      bytes: { [FORM]: { type: "object", properties: fields, required } },
      examples: { one: { ...rest, type: FORM, body: parameters } },
    },
  };
}

/** What the routes need. */
export interface GraphiteOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly zone: Zone;
  readonly budget: BodyBudget;
  readonly onBug: OnBug;
}

/** Adds them. */
export function registerGraphite(
  scope: FastifyInstance,
  { engine, clock, zone, budget, onBug }: GraphiteOptions,
): void {
  takeBodies(scope, GRAPHITE_BODY_BYTES_MAX, budget);
  scope.setErrorHandler((error: unknown, _request, reply) => {
    const problem = reported(error, onBug);
    const headers = problemHeaders(problem);
    for (let i = 0; i < headers.length; i += 2) reply.header(headers[i], headers[i + 1]);
    return reply.code(problem.status).send({ ...problem, message: problem.detail });
  });
  scope.addHook("onSend", async (_request, reply) => {
    reply.header("cache-control", "no-store");
  });

  const draw = (request: FastifyRequest) => render(askedOf(request), engine, zone, clock.now());
  scope.get(RENDER_PATH, { schema: describe(renders.get) }, draw);
  scope.post(RENDER_PATH, { schema: describe(renders.post) }, draw);

  const found = (request: FastifyRequest) =>
    find(patternOf(request), engine.sensors).map(({ text, id, isLeaf }) => {
      const [leaf, expandable] = isLeaf ? [1, 0] : [0, 1];
      return { text, id, leaf, expandable, allowChildren: expandable, context: {} };
    });
  scope.get(FIND_PATH, { schema: describe(finds.get) }, async (request) => found(request));
  scope.post(FIND_PATH, { schema: describe(finds.post) }, async (request) => found(request));
  scope.get(EXPAND_PATH, { schema: EXPAND }, async (request) => {
    return {
      results: linesOf(patternOf(request), engine.sensors).map(({ sensor, metric }) => `${sensor}.${metric.name}`),
    };
  });
  for (const [path, summary, schema, answer] of PROBES) {
    const said = describe({
      group: "Grafana",
      summary,
      query: openQueryOf(),
      answer: schema,
      answers: REFUSALS,
      errors: [],
    });
    scope.get(path, { schema: said }, (_request, reply) =>
      reply.type("application/json; charset=utf-8").send(JSON.stringify(answer)),
    );
  }
}

/** The query and the form of a request; Grafana sends both. */
function askedOf({ raw, body }: FastifyRequest): URLSearchParams {
  const { url = "" } = raw;
  const asked = new URLSearchParams(url.includes("?") ? url.slice(url.indexOf("?")) : "");
  if (Buffer.isBuffer(body))
    for (const [name, value] of new URLSearchParams(body.toString("utf8"))) asked.append(name, value);
  return asked;
}

function patternOf(request: FastifyRequest): string {
  const query = askedOf(request).get("query");
  if (query === null || query === "") {
    throw new RequestError(
      400,
      "Cannot find metrics without a query: expected query=*, or names with dots between them",
    );
  }
  return query;
}
