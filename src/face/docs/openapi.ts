/** As much of OpenAPI 3.1 as tidemark's own description uses, and how its schemas read as words. */

/** A JSON Schema. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly format?: string;
}

/** A named example. */
export interface Example {
  readonly summary?: string;
  readonly value: unknown;
}

/** What goes over the wire in one media type. */
export interface Media {
  readonly schema: Schema;
  readonly examples?: Readonly<Record<string, Example>>;
}

/** Of the path, the query or the headers. */
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly description?: string;
  readonly explode?: boolean;
  readonly schema: Schema;
  readonly examples?: Readonly<Record<string, Example>>;
}

/** One status of an answer. */
export interface Answer {
  readonly $ref?: string;
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description?: string; readonly $ref?: string }>>;
  readonly content?: Readonly<Record<string, Media>>;
}

/** A method of a path. */
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Answer>>;
}

/** The whole. */
export interface Description {
  readonly info: { readonly version: string; readonly description: string };
  readonly security: readonly unknown[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** An operation and where it is. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  /** Whether a token is wanted. */
  readonly guarded: boolean;
}

/** All operations, in the order of their groups. */
export function routesOf({ paths, tags, security }: Description): Route[] {
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      return { method: method.toUpperCase(), path, operation, guarded: (operation.security ?? security).length > 0 };
    }),
  );
  return tags.flatMap(({ name }) => routes.filter(({ operation }) => operation.tags[0] === name));
}

/** What a reference, or anything, stands for. */
export function resolved<T extends { readonly $ref?: string }>(description: Description, value: T): T {
  if (value.$ref === undefined) return value;
  const keys = value.$ref.slice(2).split("/");
  return keys.reduce<unknown>((part, key) => new Map(Object.entries(part as object)).get(key), description) as T;
}

/** Of a choice so many are listed. */
const LISTED_MAX = 8;

/** A schema in a few words: `whole number ≥ 0`, `list of MetricName`. */
export function words(schema: Schema): string {
  const { $ref, type, anyOf, items, additionalProperties: each } = schema;
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf("/") + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return listed(schema.enum.map((value) => JSON.stringify(value)));
  if (anyOf !== undefined) return listed([...new Set(anyOf.map(words))]);
  const types = type === undefined ? ["anything"] : [type].flat();
  return types
    .map((name) => {
      if (name === "array") return items === undefined ? "list" : `list of ${words(items)}`;
      if (name === "object") return typeof each === "object" ? `object, each value ${words(each)}` : "object";
      if (name === "integer") return `whole number${range(schema)}`;
      if (name === "number") return `number${range(schema)}`;
      if (name === "boolean") return "true or false";
      if (name === "string") return schema.format === "date-time" ? "time (RFC 3339)" : "text";
      return name;
    })
    .join(" or ");
}

function listed(all: readonly string[]): string {
  const shown = all.slice(0, LISTED_MAX).join(" or ");
  return all.length > LISTED_MAX ? `${shown}, … (${all.length} in all)` : shown;
}

function range({ minimum, maximum }: Schema): string {
  const isOpen = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER;
  const least = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? "" : ` ≥ ${minimum}`;
  return isOpen ? least : least === "" ? ` ≤ ${maximum}` : ` from ${minimum} to ${maximum}`;
}
