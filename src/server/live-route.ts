/** `GET /live`: server-sent events (docs/formats/live.md). */
import type { FastifyInstance } from "fastify";
import type { LiveFeed } from "./live-feed.ts";

const LIVE_PATH = "/live";

const HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-accel-buffering": "no", // nginx would hold frames back
};

export function registerLive(scope: FastifyInstance, feed: LiveFeed): void {
  scope.get(LIVE_PATH, { exposeHeadRoute: false }, (_request, reply) => {
    feed.refuseWhenFull();
    const greeting = feed.greeting();
    reply.hijack();
    const response = reply.raw;
    response.writeHead(200, HEAD);
    response.write(greeting);
    feed.join(response);
  });
  scope.head(LIVE_PATH, (_request, reply) => reply.headers(HEAD).send());
}
