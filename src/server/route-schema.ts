/** What a route says of itself, in one place: Fastify validates requests by it, and the API's description (openapi.ts) is made of it. */
import type { IncomingMessage } from "node:http";
import type { FastifySchema, RouteOptions } from "fastify";
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import { ROLES, type Role } from "../core/tokens.ts";

declare module "fastify" {
  interface FastifySchema {
    summary?: string;
    /** Absent: the route is no part of the API that is described. */
    facts?: RouteFacts;
  }
}

/** A JSON Schema. One with a `title` stands under that name in the description, wherever it is used. */
export type Schema = Readonly<Record<string, unknown>>;

/** Routes that belong together, and what they are for. */
export const GROUPS = {
  Questions: "Numbers of any window of time, and what changes as it changes",
  Readings: "Readings come in",
  Influx: "What clients of InfluxDB write, and ask before; docs/INFLUX.md",
  Sensors: "What there is",
  Uncounted: "Readings that were held back, and records that are no reading: why, and what becomes of them",
  Alerts: "Rules, and what they found; docs/ALERTS.md",
  Corrections: "What people take out of the past, or call otherwise: who, when and why, and back again",
  Grafana: "What Grafana's built-in Graphite source asks; docs/GRAFANA.md",
  Operation: "How tidemark itself does, and what it says of itself",
} as const;

/** A request that works as it stands, once the examples of the readings were sent. */
export interface Example {
  /** What it shows. */
  readonly summary: string;
  /** Of the path, the query and the headers. */
  readonly parameters?: Readonly<Record<string, string | number>>;
  /** A text as it is, else JSON. */
  readonly body?: unknown;
  /** The media type of the body. */
  readonly type?: string;
  /** What comes back, where that does not depend on when it is asked. */
  readonly answer?: unknown;
}

/** The sections of a route's schema; absent ones are not validated. */
export interface RouteFacts {
  readonly group: keyof typeof GROUPS;
  /** What it does, in one sentence without its full stop. */
  readonly summary: string;
  /** The rest of what its users must know, in Markdown. */
  readonly details?: string;
  /** Anyone may ask, with a token too. */
  readonly open?: true;
  /** What a token must be for; null: any will do. Absent: `read` of a GET, and every other method has to say it. */
  readonly role?: Role | null;
  /** The token where clients of this route's protocol put it; undefined: it may be in `Authorization: Bearer` all the same. */
  readonly tokenOf?: (request: IncomingMessage) => string | undefined;
  readonly params?: Schema;
  readonly query?: Schema;
  /** Parameters of the query that the route itself asks for. */
  readonly required?: readonly string[];
  /** Parameters of the query that hold several, with commas between them, as arrays. */
  readonly lists?: Readonly<Record<string, Schema>>;
  /** Headers that the route itself reads and judges. */
  readonly headers?: Readonly<Record<string, Schema>>;
  /** A body of ours: parsed before and validated by this schema. */
  readonly body?: Schema;
  /** A body that the route itself reads and judges, by media type: described here, never validated. */
  readonly bytes?: Readonly<Record<string, Schema>>;
  /** The body of a 200: JSON … */
  readonly answer?: Schema;
  /** … and what else it may be, by media type. */
  readonly otherwise?: Readonly<Record<string, Schema>>;
  /** Its success is a 204, which has no body; with an `answer` it may be a 200 as well. */
  readonly empty?: true;
  /** Headers of a 200. */
  readonly answerHeaders?: Readonly<Record<string, Schema>>;
  /** The body of another status than 200 that is no problem. */
  readonly answers?: Readonly<Record<number, Schema>>;
  /** What it may fail with, beside the errors of every route. */
  readonly errors: readonly ErrorCode[];
  /** By name. */
  readonly examples?: Readonly<Record<string, Example>>;
}

/** Any text. */
export const TEXT: Schema = { type: "string" };
/** … or that there is none. */
export const TEXT_OR_NULL: Schema = { type: ["string", "null"] };
/** A count, an id. */
export const NATURAL: Schema = { type: "integer", minimum: 0 };
/** A time as answers have it. */
export const TIME: Schema = { type: "string", description: "UTC, ISO 8601 with milliseconds" };
/** … or that there is none yet. */
export const TIME_OR_NULL: Schema = { ...TIME, type: ["string", "null"] };

/** What a token is for. */
export const ROLES_HELD: Schema = { type: "array", items: { enum: ROLES }, description: "what the token is for" };

/** An object of exactly these fields, all of them there but for the optional ones. */
export function objectOf(fields: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(fields).filter((name) => !optional.includes(name));
  return { type: "object", properties: fields, required, additionalProperties: false };
}

/** Parameters of a query, none of which must be there; others are refused (validation.ts). */
export function queryOf(parameters: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", properties: parameters };
}

/** Answers of RFC 9457. */
export const PROBLEM: Schema = {
  title: "Problem",
  description: "RFC 9457; `type` is the address of a page that says what to do",
  ...objectOf({
    type: { ...TEXT, format: "uri-reference" },
    title: TEXT,
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { ...TEXT, description: "what could not be done, and what was expected" },
    code: { enum: Object.keys(ERRORS) },
    retryable: { type: "boolean", description: "whether the same request may succeed later" },
  }),
};

/** Of problems that HTTP itself has a status for. */
const REQUEST: ErrorCode = "request-invalid";

/** What an append to the log may end with, its sensor's or topic's refusal included. */
export const OF_APPENDING = [
  "topic-missing",
  "record-too-large",
  "log-unreachable",
  "log-refused",
  "log-sync-failed",
  "log-closed",
  "disk-full",
] as const satisfies readonly ErrorCode[];

/** Errors of any request, and of access. */
const OF_ALL: readonly ErrorCode[] = [REQUEST, "too-busy", "internal"];
const OF_ACCESS: readonly ErrorCode[] = ["not-authorized", "role-missing", "origin-refused", "too-many-requests"];

/** What a body may be refused for: it has no length, or a coding or form that is not read; and a path: it is too long. */
const OF_BODIES: readonly number[] = [411, 415];
const OF_PATHS = 414;

/** The codes of the problems that a route may answer with, by status. */
export function problemsOf({ errors, params, body, bytes, open }: RouteFacts): Map<number, Set<ErrorCode>> {
  const problems = new Map<number, Set<ErrorCode>>();
  const add = (status: number, code: ErrorCode) => problems.set(status, (problems.get(status) ?? new Set()).add(code));
  for (const code of [...OF_ALL, ...(open ? [] : OF_ACCESS), ...errors]) add(ERRORS[code].status, code);
  if (params !== undefined) add(OF_PATHS, REQUEST);
  if (body !== undefined || bytes !== undefined) {
    for (const status of OF_BODIES) add(status, REQUEST);
    add(ERRORS["request-too-large"].status, "request-too-large");
  }
  return problems;
}

/** What Fastify is given as a route's `schema`. */
export function describe(facts: RouteFacts): FastifySchema {
  const { summary, params, query, body } = facts;
  return {
    summary,
    facts,
    ...(params && { params }),
    ...(query && { querystring: query }),
    ...(body && { body }),
  };
}

/** What a token must be for; null: any will do. */
export function roleOf(facts: RouteFacts | undefined): Role | null {
  return facts?.role === undefined ? "read" : facts.role;
}

/** Whether it is known who may use a route: what only reads is for readers, everything else has to say it. */
export function saysWho({ method, schema }: RouteOptions): boolean {
  const facts = schema?.facts;
  return facts === undefined || facts.open === true || facts.role !== undefined || /^(GET|HEAD)$/.test(String(method));
}
