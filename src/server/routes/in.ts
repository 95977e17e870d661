/** `POST /in/{name}`, `GET /in/{name}`: messages as their senders make them, read by the map of that name. Answered when their readings are durable. */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import type { HttpDoor } from "../../doors/http-door.ts";
import type { Taken } from "../../doors/mapped-door.ts";
import { fieldsOf, type Payload, payloadOf, withEventHeaders } from "../../doors/mapping/payload.ts";
import type { BodyBudget } from "../body-budget.ts";
import { takeBodies } from "../body-reader.ts";
import { PROBLEMS_SHOWN_MAX, READINGS_BODY_BYTES_MAX } from "../limits.ts";
import { describe, NATURAL, OF_APPENDING, objectOf, type RouteFacts, TEXT } from "../route-schema.ts";

const IN_PATH = "/in/:name";
const IN_DEVICE_PATH = "/in/:name/:device";

/** Senders that can set no header put the token here. */
const TOKEN_PARAMETER = "token";

const BASIC = /^Basic +(\S+) *$/i;

const NAME = { name: { ...TEXT, description: "of a map, or of a preset" } };
const DEVICE = { device: { ...TEXT, description: "what sends, where the message does not say" } };

const FACTS = {
  group: "Readings",
  role: "write",
  tokenOf: inToken,
  details:
    "JSON, a form, or the query of a GET. The token may also be the password of Basic authentication or the parameter `token`. See DOORS.md.",
  query: {
    type: "object",
    properties: { [TOKEN_PARAMETER]: { ...TEXT, description: "instead of the header" } },
    additionalProperties: true,
  },
  answer: objectOf(
    {
      appended: { ...NATURAL, description: "readings that are in the log" },
      passed: { ...NATURAL, description: "values that are no reading, and need not be" },
      repeats: { ...NATURAL, description: "left out: the same within `repeatsWithin`" },
      unchanged: { ...NATURAL, description: "left out: the same value, where the map takes only changes" },
      rejected: { ...NATURAL, description: "what should have been a reading and is none" },
      problems: {
        type: "array",
        maxItems: PROBLEMS_SHOWN_MAX,
        items: objectOf({ at: TEXT, code: TEXT, reason: TEXT }),
      },
    },
    ["passed", "repeats", "unchanged", "rejected", "problems"],
  ),
  errors: ["not-found", "too-many-sensors", "log-full", ...OF_APPENDING],
} as const satisfies Partial<RouteFacts>;

const POSTED = {
  summary: "Reads a message by the map of that name",
  bytes: {
    "application/json": { description: "whatever the map reads" },
    "application/x-www-form-urlencoded": TEXT,
    "text/plain": TEXT,
  },
} as const;

const POST = describe({
  ...FACTS,
  ...POSTED,
  params: objectOf(NAME),
  examples: {
    senml: {
      summary: "A SenML pack, by the preset",
      parameters: { name: "senml" },
      body: [{ bn: "urn:dev:ow:10e2073a01080063:", bt: 1276020076, n: "voltage", u: "V", v: 120.1 }],
      answer: { appended: 1 },
    },
  },
});
const POST_DEVICE = describe({
  ...FACTS,
  ...POSTED,
  params: objectOf({ ...NAME, ...DEVICE }),
  examples: {
    telemetry: {
      summary: "Telemetry that names no device",
      parameters: { name: "thingsboard", device: "boiler" },
      body: { ts: 1451649600000, values: { temperature: 42.2 } },
      answer: { appended: 1 },
    },
  },
});

const GOT = { summary: "Reads a message out of the query, as weather stations send it" };
const GET = describe({
  ...FACTS,
  ...GOT,
  params: objectOf(NAME),
  query: {
    ...FACTS.query,
    properties: { ...FACTS.query.properties, ID: TEXT, tempf: TEXT, dateutc: TEXT },
  },
  examples: {
    station: {
      summary: "A station of the Weather Underground protocol",
      parameters: { name: "wunderground", ID: "garden", tempf: "39.5", dateutc: "2019-06-01 12:00:00" },
      answer: { appended: 1 },
    },
  },
});
const GET_DEVICE = describe({ ...FACTS, ...GOT, params: objectOf({ ...NAME, ...DEVICE }) });

/** Adds the routes. */
export function registerIn(scope: FastifyInstance, door: HttpDoor, budget: BodyBudget): void {
  takeBodies(scope, READINGS_BODY_BYTES_MAX, budget);
  type Asked = FastifyRequest<{ Params: { name: string; device?: string }; Body: Buffer | undefined }>;
  const take = async (
    request: Asked,
    body: Buffer,
    type: string | undefined,
    payload: Payload,
    reply: FastifyReply,
  ) => {
    const { name, device } = request.params;
    const taken = await door.takeNamed(name, device, { body, type, payload });
    reply.header("cache-control", "no-store");
    return answerOf(name, taken);
  };
  const posted = (request: Asked, reply: FastifyReply) => {
    const { headers } = request.raw;
    const body = request.body ?? Buffer.alloc(0);
    const type = headers["content-type"];
    return take(request, body, type, withEventHeaders(payloadOf(body, type), headers), reply);
  };
  // The query of a GET is a form.
  const got = (request: Asked, reply: FastifyReply) => {
    const foreign = foreignPageFault(request.raw);
    if (foreign !== null) throw foreign;
    const searchParams = queryOf(request.raw.url ?? "");
    searchParams.delete(TOKEN_PARAMETER);
    const body = Buffer.from(searchParams.toString());
    const payload: Payload =
      body.length === 0 ? { kind: "nothing" } : { kind: "value", value: fieldsOf(searchParams), isText: true };
    return take(request, body, "application/x-www-form-urlencoded", payload, reply);
  };
  scope.post(IN_PATH, { schema: POST }, posted);
  scope.post(IN_DEVICE_PATH, { schema: POST_DEVICE }, posted);
  // A HEAD that writes would be a surprise.
  scope.get(IN_PATH, { schema: GET, exposeHeadRoute: false }, got);
  scope.get(IN_DEVICE_PATH, { schema: GET_DEVICE, exposeHeadRoute: false }, got);
}

/** The password of Basic authentication, or `token` of the query where there is no header. */
function inToken({ headers: { authorization }, url = "" }: IncomingMessage): string | undefined {
  if (authorization === undefined) return queryOf(url).get(TOKEN_PARAMETER) ?? undefined;
  const basic = BASIC.exec(authorization)?.[1];
  return basic === undefined ? undefined : /:(.*)$/s.exec(Buffer.from(basic, "base64").toString("utf8"))?.[1];
}

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start < 0 ? "" : url.slice(start));
}

/**
 * A browser asks GETs of any page without saying whose it is by an `Origin`, also with the cookie of a session: one that a page of another
 * origin asks for would write. Browsers mark them otherwise (Fetch Metadata; `Referer`); weather stations do neither.
 */
function foreignPageFault({ headers, method, url = "" }: IncomingMessage): TidemarkError | null {
  const { referer, host, "sec-fetch-site": site } = headers;
  const isForeign = site === "cross-site" || site === "same-site";
  if (!isForeign && (referer === undefined || (URL.canParse(referer) && new URL(referer).host === host))) return null;
  const what = `Cannot serve ${method} ${url.split("?", 1)[0]} to a page of another site`;
  return new TidemarkError("origin-refused", `${what}: expected a program, as this GET writes`);
}

function answerOf(name: string, { readings, repeats, unchanged, passed, faults, isUnrouted }: Taken): object {
  const what = `Cannot read a message for "${name}"`;
  if (isUnrouted) {
    throw new TidemarkError(
      "not-found",
      `${what}: expected the name of a map or preset; GET /unrouted has a map that would fit`,
    );
  }
  const problems = faults.slice(0, PROBLEMS_SHOWN_MAX);
  if (readings + repeats + unchanged === 0 && faults.length > 0) {
    const [{ code, reason, at }] = faults;
    throw new TidemarkError("request-invalid", `${what}: ${at === "" ? "" : `${at}: `}${reason} (${code})`);
  }
  return {
    appended: readings,
    ...(passed > 0 && { passed }),
    ...(repeats > 0 && { repeats }),
    ...(unchanged > 0 && { unchanged }),
    ...(faults.length > 0 && { rejected: faults.length, problems }),
  };
}
