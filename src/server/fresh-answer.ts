/** Answers of what is so now. */
import type { FastifyReply } from "fastify";

/** Sends an answer that no cache keeps. */
export function sendFresh(reply: FastifyReply, body: object): FastifyReply {
  return reply.header("cache-control", "no-store").send(body);
}
