/** `GET /live`: server-sent events (docs/formats/live.md). */
import type { FastifyInstance } from "fastify";
import type { LiveFeed } from "../live-feed.ts";
import { describe, TEXT } from "../route-schema.ts";

const LIVE_PATH = "/live";

const HEAD = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store",
  "X-Accel-Buffering": "no", // nginx would hold frames back
};

const SCHEMA = describe({
  group: "Questions",
  summary: "Server-sent events: every sensor as readings come in",
  details: "The first event is `snapshot`, then `update` for each change. docs/formats/live.md says what is in them.",
  otherwise: { "text/event-stream": { ...TEXT, description: "server-sent events whose data is JSON" } },
  errors: ["not-ready"],
});

/** Adds the route. */
export function registerLive(scope: FastifyInstance, feed: LiveFeed): void {
  scope.get(LIVE_PATH, { schema: SCHEMA, exposeHeadRoute: false }, (_request, reply) => {
    feed.refuseWhenFull();
    const greeting = feed.greeting();
    reply.hijack();
    const response = reply.raw;
    response.writeHead(200, { ...Object.fromEntries(Object.entries(reply.getHeaders())), ...HEAD });
    response.write(greeting);
    feed.join(response);
  });
  scope.head(LIVE_PATH, { schema: SCHEMA }, (_request, reply) => reply.headers(HEAD).send());
}
