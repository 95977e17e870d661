/** Validates requests against the schemas of their routes, and words the errors. */
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from "fastify";
import type { TidemarkError } from "../core/errors.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
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
function faultText({ instancePath, keyword, params, message, data, parentSchema }: Fault, part: string): string {
  const place = instancePath === "" ? `the ${part === "querystring" ? "query" : part}` : instancePath.slice(1);
  const was = shown(data);
  const examples = keyword === "pattern" ? parentSchema?.["examples"] : undefined;
  const wanted =
    keyword === "enum" && Array.isArray(params["allowedValues"])
      ? `must be ${params["allowedValues"].join(" or ")}`
      : keyword === "additionalProperties"
        ? `must not have "${params["additionalProperty"]}"`
        : Array.isArray(examples)
          ? `must be such as ${examples.map(shown).join(" or ")}`
          : (message ?? "is not valid");
  return `${place} ${wanted}, was ${was}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= SHOWN_MAX ? text : text.slice(0, SHOWN_MAX) + "…";
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

/** What libraries and proxies add to an address so that no cache answers begins with this, and is passed over. */
const PASSED_OVER = "_";

/** Refuses parameters of a query that the route does not know: it would answer something else than was asked. */
export function refuseUnknownParameters(scope: FastifyInstance): void {
  scope.addHook("preValidation", (request, _reply, done) => {
    if (request.is404 || !isObject(request.query) || isOpen(request.routeOptions.schema?.querystring)) return done();
    const known = parametersOf(request).map(([name]) => name);
    const unknown = Object.keys(request.query).find((name) => !known.includes(name) && !name.startsWith(PASSED_OVER));
    if (unknown === undefined) return done();
    const expected = known.length === 0 ? "none" : known.join(", ");
    const meant = didYouMean(nearest(unknown.toLowerCase(), known));
    done(
      new RequestError(
        400,
        `Cannot read the request: unknown parameter ${shown(unknown)}, expected ${expected}${meant}`,
      ),
    );
  });
}

/** The route says that it passes over what it does not know. */
function isOpen(schema: unknown): boolean {
  return isObject(schema) && schema["additionalProperties"] === true;
}

function parametersOf(request: FastifyRequest): [name: string, of: unknown][] {
  const schema: unknown = request.routeOptions.schema?.querystring;
  return isObject(schema) && isObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
}

function naturalsOf(request: FastifyRequest): string[] {
  return parametersOf(request)
    .filter(([, of]) => isObject(of) && of["type"] === "integer")
    .map(([name]) => name);
}

function readNumber(query: Record<string, unknown>, name: string): void {
  const text = query[name];
  if (typeof text === "string" && NATURAL.test(text)) query[name] = Number(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
