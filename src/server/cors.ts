/** CORS for pages of configured other sites (fetch.spec.whatwg.org, 3.2); all others get no such header. */
import type { FastifyInstance } from "fastify";
import { PREFLIGHT_SECONDS } from "./limits.ts";

/** What a page may send and read beyond what any page may. */
const METHODS = "GET, HEAD, POST, PUT, DELETE";
const HEADERS = "Authorization, Content-Encoding, Content-Type, Tidemark-Device";
const READABLE = "Retry-After, Tidemark-Window, WWW-Authenticate";

/** Before any guard: a browser asks in advance without the token that the page will send. */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  app.addHook("onRequest", (request, reply, done) => {
    const { origin, "access-control-request-method": wanted } = request.raw.headers;
    if (origin === undefined || !allowed.has(origin)) return done();
    reply.header("access-control-allow-origin", origin).header("vary", "Origin");
    if (request.method !== "OPTIONS" || wanted === undefined) {
      reply.header("access-control-expose-headers", READABLE);
      return done();
    }
    reply.header("access-control-allow-methods", METHODS).header("access-control-allow-headers", HEADERS);
    reply.header("access-control-max-age", PREFLIGHT_SECONDS).code(204).send();
  });
}
