/** The routes → their description as OpenAPI 3.1 has it (spec.openapis.org/oas/v3.1.1): of the same schemas that validate requests. */
import type { RouteOptions } from "fastify";
import { assert, type ErrorCode } from "../core/errors.ts";
import { STATUS_CODES } from "../core/node-http.ts";
import { programVersion } from "../runtime/version.ts";
import {
  type Example,
  GROUPS,
  NATURAL,
  PROBLEM,
  problemsOf,
  type RouteFacts,
  roleOf,
  type Schema,
} from "./route-schema.ts";

type Json = Readonly<Record<string, unknown>>;

const JSON_TYPE = "application/json";
const PROBLEM_TYPE = "application/problem+json";

const ABOUT = `Streams of sensor readings turned into numbers people can trust.

Every body is what its operation says, whatever its \`Content-Type\` says. JSON may have trailing commas in questions and lists of ids.
Each \`GET\` is a \`HEAD\` too, but those of \`/in\`, which write; and a slash at the end of a path changes nothing. Fields may be added to answers.`;

/** What the header of an answer says. */
const ANSWER_HEADERS: Readonly<Record<number, Readonly<Record<string, Json>>>> = {
  401: { "WWW-Authenticate": { description: "how to come in", schema: { type: "string" } } },
  429: { "Retry-After": { description: "when to try again, s", schema: NATURAL } },
  503: { "Retry-After": { description: "when to try again, s; absent where that does not help", schema: NATURAL } },
};

/** The description of these routes. @param session the cookie of a session of one of the tokens; null: none is wanted */
export function describeApi(routes: readonly RouteOptions[], session: string | null): Json {
  const components = new Components(session !== null);
  const paths: Record<string, Record<string, Json>> = {};
  for (const { url, method, schema } of routes) {
    if (schema?.facts === undefined || method === "HEAD") continue;
    const path = url.replace(/:(\w+)/g, "{$1}");
    const verb = String(method).toLowerCase();
    paths[path] = { ...paths[path], [verb]: new Operation(schema.facts, components).shown(operationId(verb, url)) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "tidemark",
      version: programVersion(),
      description: ABOUT,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "this server" }],
    security: session !== null ? [{ token: [] }, { session: [] }] : [],
    tags: Object.entries(GROUPS).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      ...components.shown(),
      ...(session !== null && {
        securitySchemes: {
          token: {
            type: "http",
            scheme: "bearer",
            description:
              "one that the server was started with, for the role of the operation: `--token`, `--token-read` …",
          },
          session: {
            type: "apiKey",
            in: "cookie",
            name: session,
            description: "a browser's, from `POST /session`; each token has a name of its own",
          },
        },
      }),
    },
  };
}

/** `post`, `/quarantine/release` → `postQuarantineRelease` */
function operationId(verb: string, url: string): string {
  const words = url.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return verb + words.map((word) => word[0].toUpperCase() + word.slice(1)).join("");
}

/** Schemas that have a title, and answers that several routes have: each stands once, and is referred to. */
class Components {
  /** Whether one is wanted. */
  readonly hasTokens: boolean;
  readonly #responses = new Map<string, Json>();
  readonly #titled = new Map<string, { readonly schema: unknown; shown: Json }>();

  constructor(hasTokens: boolean) {
    this.hasTokens = hasTokens;
  }

  /** A copy in which titled schemas are references. */
  refer(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.refer(item));
    if (typeof value !== "object" || value === null) return value;
    const { title } = value as Schema;
    if (typeof title !== "string") return this.#copy(value);
    const known = this.#titled.get(title);
    assert(known === undefined || known.schema === value, () => `two schemas have the title ${title}`);
    if (known === undefined) {
      const made = { schema: value, shown: {} };
      this.#titled.set(title, made);
      const { title: _, ...rest } = value as Schema;
      made.shown = this.#copy(rest);
    }
    return { $ref: `#/components/schemas/${title}` };
  }

  #copy(value: object): Json {
    return Object.fromEntries(Object.entries(value).map(([key, its]) => [key, this.refer(its)]));
  }

  /** The answer of a status with one of these problems. */
  problem(status: number, codes: readonly ErrorCode[]): Json {
    const name = [status, ...codes].join("-");
    const headers = ANSWER_HEADERS[status];
    const schema = { allOf: [PROBLEM, { properties: { status: { const: status }, code: { enum: codes } } }] };
    this.#responses.set(name, {
      description: `${STATUS_CODES[status]}: ${codes.map((code) => `\`${code}\``).join(", ")}`,
      ...(headers && { headers }),
      content: { [PROBLEM_TYPE]: { schema: this.refer(schema) } },
    });
    return { $ref: `#/components/responses/${name}` };
  }

  shown(): Json {
    const schemas = [...this.#titled].map(([title, { shown }]) => [title, shown]);
    return { schemas: Object.fromEntries(schemas), responses: Object.fromEntries(this.#responses) };
  }
}

/** One route on its way to its description. */
class Operation {
  readonly #facts: RouteFacts;
  readonly #examples: readonly [name: string, example: Example][];
  readonly #components: Components;

  constructor(facts: RouteFacts, components: Components) {
    this.#facts = facts;
    this.#examples = Object.entries(facts.examples ?? {});
    this.#components = components;
  }

  shown(operationId: string): Json {
    const { group, summary, details, open, body, bytes } = this.#facts;
    const parameters = this.#parameters();
    const bodies = bytes ?? (body && { [JSON_TYPE]: body });
    return {
      operationId,
      tags: [group],
      summary,
      ...(details !== undefined && { description: details }),
      ...(open ? { security: [] } : this.#security()),
      ...(parameters.length > 0 && { parameters }),
      ...(bodies && { requestBody: { required: true, content: this.#bodies(bodies) } }),
      responses: this.#responses(),
    };
  }

  /** The role that a token needs: lists of names may be roles (3.1, "Security Requirement Object"). */
  #security(): Json {
    const role = roleOf(this.#facts);
    return role === null || !this.#components.hasTokens ? {} : { security: [{ token: [role] }, { session: [role] }] };
  }

  #parameters(): Json[] {
    const { params, query, headers = {}, required = [], lists = {} } = this.#facts;
    const parameter = (place: string, name: string, validating: Schema, isRequired: boolean): Json => {
      const list = lists[name];
      const { description, ...untitled } = validating;
      const schema = "title" in validating ? validating : untitled;
      const examples = this.#examples.flatMap(([key, { summary, parameters = {} }]) => {
        const value = parameters[name];
        if (value === undefined) return [];
        return [[key, { summary, value: list === undefined ? value : String(value).split(",") }]];
      });
      return {
        name,
        in: place,
        ...(isRequired && { required: true }),
        ...(description !== undefined && { description }),
        ...(list !== undefined && { explode: false }),
        schema: this.#components.refer(list ?? schema),
        ...(examples.length > 0 && { examples: Object.fromEntries(examples) }),
      };
    };
    return [
      ...fieldsOf(params).map(([name, schema]) => parameter("path", name, schema, true)),
      ...fieldsOf(query).map(([name, schema]) => parameter("query", name, schema, required.includes(name))),
      ...Object.entries(headers).map(([name, schema]) => parameter("header", name, schema, false)),
    ];
  }

  #bodies(bodies: Readonly<Record<string, Schema>>): Json {
    const content = Object.entries(bodies).map(([type, schema]) => {
      const examples = this.#examples
        .filter(([, { body, type: its = JSON_TYPE }]) => body !== undefined && its === type)
        .map(([name, { summary, body }]) => [name, { summary, value: body }]);
      return [type, this.#media(schema, Object.fromEntries(examples))];
    });
    return Object.fromEntries(content);
  }

  #media(schema: Schema, examples: Json): Json {
    return {
      schema: this.#components.refer(schema),
      ...(Object.keys(examples).length > 0 && { examples }),
    };
  }

  #responses(): Json {
    const { answers = {}, answer, empty } = this.#facts;
    const responses: Record<string, Json> = {
      ...((!empty || answer !== undefined) && { 200: this.#success() }),
      ...(empty && { 204: { description: "Done" } }),
    };
    for (const [status, codes] of problemsOf(this.#facts)) {
      const schema = answers[status];
      responses[status] =
        schema === undefined
          ? this.#components.problem(status, [...codes])
          : {
              description: `${STATUS_CODES[status]}`,
              ...(ANSWER_HEADERS[status] && { headers: ANSWER_HEADERS[status] }),
              content: {
                [JSON_TYPE]: this.#media(schema, {}),
                // Connections that are too many are refused before it is known what they ask.
                ...(status >= 500 && { [PROBLEM_TYPE]: this.#media(PROBLEM, {}) }),
              },
            };
    }
    return responses;
  }

  #success(): Json {
    const { answer, otherwise = {}, answerHeaders } = this.#facts;
    const examples = this.#examples
      .filter(([, { answer }]) => answer !== undefined)
      .map(([name, { summary, answer }]) => [name, { summary, value: answer }]);
    const others = Object.entries(otherwise).map(([type, schema]) => [type, this.#media(schema, {})]);
    const headers = Object.entries(answerHeaders ?? {}).map(([name, { description, ...schema }]) => [
      name,
      { description, schema },
    ]);
    return {
      description: "The answer",
      ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
      content: {
        ...(answer && { [JSON_TYPE]: this.#media(answer, Object.fromEntries(examples)) }),
        ...Object.fromEntries(others),
      },
    };
  }
}

/** The properties of a schema of an object. */
function fieldsOf(schema: Schema | undefined): [string, Schema][] {
  return Object.entries((schema?.["properties"] ?? {}) as Record<string, Schema>);
}
