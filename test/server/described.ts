/** Answers against the description of the API: a status, a media type, a header or a field that it lacks is a fault. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

/** An answer as a test got it. */
export interface Answered {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

type Examples = Readonly<Record<string, { readonly value: unknown }>>;

interface Media {
  readonly content?: Readonly<Record<string, { readonly examples?: Examples }>>;
}

interface Response extends Media {
  readonly $ref?: string;
  readonly headers?: object;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly responses: Readonly<Record<string, Response>>;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: "path" | "query" | "header";
    readonly examples?: Examples;
  }[];
  readonly requestBody?: Media;
}

/** As much of OpenAPI as the tests read. */
export interface Api {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const PROBLEM = "#/components/schemas/Problem";
const PROBLEM_TYPE = "application/problem+json";

export class Described {
  readonly #api: Api;
  readonly #others: readonly string[];
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #paths: readonly { readonly path: string; readonly pattern: RegExp }[];

  /** @param others routes that are no part of the API, with `*` for any end */
  constructor(api: Api, others: readonly string[] = []) {
    this.#api = api;
    this.#others = others;
    this.#ajv.addSchema(api, "api");
    this.#paths = Object.keys(api.paths).map((path) => {
      return { path, pattern: new RegExp(`^${path.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+")}/?$`) };
    });
  }

  /** What of an answer is not described; null: nothing. */
  fault({ method, url, status, headers, body }: Answered): string | null {
    const target = decoded(url.replace(/^https?:\/\/[^/]+/, "").split("?")[0]);
    if (this.#others.some((other) => (other.endsWith("*") ? target.startsWith(other.slice(0, -1)) : target === other)))
      return null;
    const path = this.#paths.find(({ pattern }) => pattern.test(target))?.path ?? "";
    const verb = method === "HEAD" && !("head" in (this.#api.paths[path] ?? {})) ? "get" : method.toLowerCase();
    const type = String(headers["content-type"] ?? "").split(";")[0];
    const operation = this.#api.paths[path]?.[verb];
    if (operation === undefined) {
      if (method === "OPTIONS" && status === 204) return null;
      if (type === PROBLEM_TYPE && method === "HEAD") return null;
      return type === PROBLEM_TYPE ? this.#bodyFault(PROBLEM, body) : `${type} of what is not described`;
    }
    if (method === "OPTIONS" || (method === "HEAD" && status === 405)) return null;
    const place = `#/paths/${pointer(path)}/${verb}/responses/${status}`;
    const response = operation.responses[status];
    if (response === undefined) return `status ${status} is not described: ${body.slice(0, 300)}`;
    const at = response.$ref ?? place;
    const { content } = this.#resolved(at);
    if (content === undefined && type === "" && body === "") return null;
    if (content?.[type] === undefined)
      return `${status} of the type ${type || "none"}, not ${Object.keys(content ?? {})}`;
    if (method === "HEAD") return null;
    const schemaAt = `${at}/content/${pointer(type)}/schema`;
    return type.endsWith("json") && type !== "application/x-ndjson" ? this.#bodyFault(schemaAt, body) : null;
  }

  #resolved(at: string): Media {
    return at
      .slice(2)
      .split("/")
      .reduce((value: unknown, key) => (value as Record<string, unknown>)[unpointed(key)], this.#api) as Media;
  }

  #bodyFault(at: string, body: string): string | null {
    const validate: ValidateFunction | undefined = this.#ajv.getSchema(`api${encoded(at)}`);
    if (validate === undefined) return `no schema at ${at}`;
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return `no JSON: ${body.slice(0, 300)}`;
    }
    return validate(value) ? null : `${this.#ajv.errorsText(validate.errors)}: ${body.slice(0, 300)}`;
  }
}

/** As the router reads it; what cannot be decoded is a path of nothing. */
function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return "";
  }
}

/** RFC 6901. */
function pointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function unpointed(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** … in a fragment. */
function encoded(at: string): string {
  return at.replaceAll("{", "%7B").replaceAll("}", "%7D");
}
