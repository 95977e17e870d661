/** The schema of a route, in one place: Fastify validates requests by it, and the API's description is to be generated from it. */
import type { FastifySchema } from "fastify";
import { ERRORS, type ErrorCode } from "../core/errors.ts";

declare module "fastify" {
  interface FastifySchema {
    summary?: string;
  }
}

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

/** The sections of a route's schema; absent ones are not validated. */
export interface RouteFacts {
  /** What it does, in one sentence without its full stop. */
  readonly summary: string;
  readonly params?: Schema;
  readonly query?: Schema;
  /** A body of ours: parsed before and validated by this schema. */
  readonly body?: Schema;
  /** A body that the route itself reads and judges, by media type: described here, never validated. */
  readonly bytes?: Readonly<Record<string, Schema>>;
  /** The body of a 200. */
  readonly answer: Schema;
  /** The body of another status than 200 that is no problem. */
  readonly answers?: Readonly<Record<number, Schema>>;
  /** What it may fail with, beside the errors of every route. */
  readonly errors: readonly ErrorCode[];
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

/** An object of exactly these fields, all of them there but for the optional ones. */
export function objectOf(fields: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(fields).filter((name) => !optional.includes(name));
  return { type: "object", properties: fields, required, additionalProperties: false };
}

/** Parameters of a query, none of which must be there; others are passed over. */
export function queryOf(parameters: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", properties: parameters };
}

/** Answers of RFC 9457. */
const PROBLEM: Schema = objectOf({
  type: TEXT,
  title: TEXT,
  status: NATURAL,
  detail: TEXT,
  code: { enum: Object.keys(ERRORS) },
  retryable: { type: "boolean" },
});

/** Errors of access, and of any request. */
const OF_ALL: readonly ErrorCode[] = ["request-invalid", "not-authorized", "origin-refused", "internal"];

/** What Fastify is given as a route's `schema`. */
export function describe(facts: RouteFacts): FastifySchema {
  const { summary, params, query, body, bytes, answer, answers, errors } = facts;
  const response: Record<string, Schema> = {};
  for (const code of [...OF_ALL, ...errors]) response[ERRORS[code].status] = PROBLEM;
  const content = bytes && Object.fromEntries(Object.entries(bytes).map(([type, schema]) => [type, { schema }]));
  return {
    summary,
    ...(params && { params }),
    ...(query && { querystring: query }),
    ...(body && { body }),
    ...(content && { body: { content } }),
    response: { ...response, ...answers, 200: answer },
  };
}
