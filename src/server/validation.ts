/** Validates requests against the schemas of their routes, and words the errors. */
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from "fastify";
import type { TidemarkError } from "../core/errors.ts";
import { RequestError } from "./problem.ts";

/** Nothing is turned into another type, left out or added: what does not fit is refused. */
export const AJV_OPTIONS: FastifyServerOptions["ajv"] = {
  customOptions: {
    allowUnionTypes: true,
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: false,
    verbose: true,
  },
};

/** Of a value that does not fit this much is shown, characters. */
const SHOWN_MAX = 64;

/** Natural numbers of a query: fifteen digits are exact in a double. */
export const QUERY_NATURAL_MAX = 999_999_999_999_999;
const NATURAL = /^[0-9]{1,15}$/;

/** A fault as Ajv reports it; `data` and `parentSchema` come with its option `verbose`. */
interface Fault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  readonly data?: unknown;
  readonly parentSchema?: Readonly<Record<string, unknown>>;
}

/** `limit must be <= 1000, was 5000` */
function faultText({ instancePath, keyword, params, message, data }: Fault, part: string): string {
  const place = instancePath === "" ? `the ${part === "querystring" ? "query" : part}` : instancePath.slice(1);
  const text = JSON.stringify(data) ?? "nothing";
  const was = text.length <= SHOWN_MAX ? text : text.slice(0, SHOWN_MAX) + "…";
  const wanted =
    keyword === "enum" && Array.isArray(params["allowedValues"])
      ? `must be ${params["allowedValues"].join(" or ")}`
      : keyword === "additionalProperties"
        ? `must not have "${params["additionalProperty"]}"`
        : (message ?? "is not valid");
  return `${place} ${wanted}, was ${was}`;
}

/** The first fault of a request as the error that it is answered with. Of one that fits none of several forms, what these are. */
export function requestFault(faults: readonly Fault[], part: string): TidemarkError {
  const forms = faults.find(({ keyword }) => keyword === "oneOf")?.parentSchema?.["description"];
  if (typeof forms === "string") return new RequestError(400, `Cannot read the request: expected ${forms}`);
  const [first] = faults;
  return new RequestError(400, `Cannot read the request: ${first === undefined ? part : faultText(first, part)}`);
}

/** Makes numbers of the parameters of a query that the schema of their route wants as numbers; texts that are none stay. */
export function readNumbers(scope: FastifyInstance): void {
  scope.addHook("preValidation", (request, _reply, done) => {
    if (isObject(request.query)) for (const name of naturalsOf(request)) readNumber(request.query, name);
    done();
  });
}

function naturalsOf(request: FastifyRequest): string[] {
  const schema: unknown = request.routeOptions.schema?.querystring;
  const properties = isObject(schema) && isObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  return properties.filter(([, of]) => isObject(of) && of["type"] === "integer").map(([name]) => name);
}

function readNumber(query: Record<string, unknown>, name: string): void {
  const text = query[name];
  if (typeof text === "string" && NATURAL.test(text)) query[name] = Number(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
