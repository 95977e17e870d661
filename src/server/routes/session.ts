/** `POST /session`: the token → a cookie that stands for it, for browsers. `DELETE /session` has it forgotten. Open to all. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { formatMs } from "../../core/time.ts";
import type { BodyBudget } from "../body-budget.ts";
import { type Guard, originFault, TokenGuard } from "../guard.ts";
import { takeJson } from "../json-body.ts";
import { SESSION_BODY_BYTES_MAX } from "../limits.ts";
import { RequestError } from "../problem.ts";
import { describe, objectOf, ROLES_HELD, TEXT, TIME } from "../route-schema.ts";
import type { Sessions } from "../sessions.ts";

const SESSION_PATH = "/session";

const BEGIN = describe({
  group: "Operation",
  open: true,
  summary: "Begins a browser's session: a cookie stands for the token, and may what that may",
  body: objectOf({ token: TEXT }),
  answer: objectOf({ expires: TIME, roles: ROLES_HELD }),
  answerHeaders: { "Set-Cookie": TEXT },
  errors: ["not-authorized", "origin-refused", "too-many-requests"],
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
  readonly guard: Guard;
  /** null: there is nothing to begin a session with. */
  readonly sessions: Sessions | null;
  readonly publicUrls: readonly string[];
  readonly budget: BodyBudget;
}

/** Adds both routes. */
export function registerSession(scope: FastifyInstance, { guard, sessions, publicUrls, budget }: SessionOptions): void {
  scope.addHook("onRequest", ({ raw }, _reply, done) => done(originFault(raw, publicUrls, false) ?? undefined));
  scope.delete(SESSION_PATH, { schema: END }, (request, reply) => {
    if (sessions !== null) reply.header("set-cookie", sessions.end(isSecure(request)));
    return reply.send({ ended: true });
  });
  scope.register(async (withBody) => {
    takeJson(withBody, SESSION_BODY_BYTES_MAX, budget, '{"token":…}');
    withBody.post(SESSION_PATH, { schema: BEGIN }, (request: FastifyRequest<{ Body: TokenBody }>, reply) => {
      if (!(guard instanceof TokenGuard) || sessions === null) {
        throw new RequestError(400, "Cannot begin a session: expected a server with a token, this one lets in without");
      }
      const token = guard.find(request.raw, request.body.token);
      if (token instanceof TidemarkError) {
        if (token.code !== "not-authorized") throw token;
        throw new TidemarkError(
          "not-authorized",
          "Cannot begin a session: expected a token of the server, was another",
        );
      }
      const { cookie, expires } = sessions.begin(token, isSecure(request));
      reply.header("cache-control", "no-store").header("set-cookie", cookie);
      return reply.send({ expires: formatMs(expires), roles: token.roles });
    });
  });
}

/** The browser came over TLS, be it to a proxy: then it says so in every request that changes something. */
function isSecure({ raw }: FastifyRequest): boolean {
  return "encrypted" in raw.socket || raw.headers.origin?.startsWith("https://") === true;
}
