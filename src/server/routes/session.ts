/** `POST /session`: the token → a cookie that stands for it, for browsers. `DELETE /session` has it forgotten. Open to all. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { formatMs } from "../../core/time.ts";
import type { BodyBudget } from "../body-budget.ts";
import { isToken, originFault } from "../guard.ts";
import { takeJson } from "../json-body.ts";
import { SESSION_BODY_BYTES_MAX } from "../limits.ts";
import { RequestError } from "../problem.ts";
import { describe, objectOf, TEXT, TIME } from "../route-schema.ts";
import type { Sessions } from "../sessions.ts";

const SESSION_PATH = "/session";

const BEGIN = describe({
  group: "Operation",
  open: true,
  summary: "Begins a browser's session: a cookie stands for the token from then on",
  body: objectOf({ token: TEXT }),
  answer: objectOf({ expires: TIME }),
  answerHeaders: { "Set-Cookie": TEXT },
  errors: ["not-authorized", "origin-refused"],
  examples: {
    begin: { summary: "A browser's first request", body: { token: "0123456789abcdef" } },
  },
});

const END = describe({
  group: "Operation",
  open: true,
  summary: "Has the browser forget its session",
  answer: objectOf({ ended: { const: true } }),
  errors: ["origin-refused"],
});

interface TokenBody {
  readonly token: string;
}

/** What the routes need. */
export interface SessionOptions {
  /** null: there is nothing to begin a session with. */
  readonly token: string | null;
  readonly sessions: Sessions | null;
  readonly publicUrls: readonly string[];
  readonly budget: BodyBudget;
}

/** Adds both routes. */
export function registerSession(scope: FastifyInstance, { token, sessions, publicUrls, budget }: SessionOptions): void {
  scope.addHook("onRequest", ({ raw }, _reply, done) => done(originFault(raw, publicUrls, false) ?? undefined));
  scope.delete(SESSION_PATH, { schema: END }, (request, reply) => {
    if (sessions !== null) reply.header("set-cookie", sessions.end(isSecure(request)));
    return reply.send({ ended: true });
  });
  scope.register(async (withBody) => {
    takeJson(withBody, SESSION_BODY_BYTES_MAX, budget, '{"token":…}');
    withBody.post(SESSION_PATH, { schema: BEGIN }, (request: FastifyRequest<{ Body: TokenBody }>, reply) => {
      if (token === null || sessions === null) {
        throw new RequestError(400, "Cannot begin a session: expected a server with a token, this one lets in without");
      }
      if (!isToken(request.body.token, token)) {
        throw new TidemarkError("not-authorized", "Cannot begin a session: expected the server's token, was another");
      }
      const { cookie, expires } = sessions.begin(isSecure(request));
      reply.header("cache-control", "no-store").header("set-cookie", cookie);
      return reply.send({ expires: formatMs(expires) });
    });
  });
}

/** The browser came over TLS, be it to a proxy. It says so in every request that changes something. */
function isSecure({ raw }: FastifyRequest): boolean {
  return raw.headers.origin?.startsWith("https://") === true;
}
