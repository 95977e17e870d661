/** Takes in request bodies as bytes, whatever their Content-Type says: bounded each, and all together. */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import { messageOf } from "../core/errors.ts";
import { type BodyBudget, tooBusy, tooLarge } from "./body-budget.ts";
import { codingFault, type Done, decodeBody } from "./body-coding.ts";
import { DROPPED_BODY_BYTES_MAX } from "./limits.ts";
import { RequestError } from "./problem.ts";

const NONE: Uint8Array[] = [];

/** What Fastify takes every body for: what is in it is said by the route, whatever the request's Content-Type says. */
const BYTES = "application/octet-stream";

declare module "fastify" {
  interface FastifyRequest {
    /** Bytes of the budget that the body holds until there is an answer. */
    bodyBytes: number;
  }
}

/**
 * Makes the bodies of a scope's routes `Buffer`s in `request.body`, also when they are empty. Their bytes are taken from `budget`
 * until there is an answer. A body over `limit` bytes fails with "request-too-large", but only after it was read to its end
 * where that is not too far: most clients read no answer before they have sent everything.
 */
export function takeBodies(scope: FastifyInstance, limit: number, budget: BodyBudget): void {
  scope.removeAllContentTypeParsers();
  scope.decorateRequest("bodyBytes", 0);
  scope.addHook("onRequest", (request, _reply, done) => {
    request.headers = { "content-type": BYTES };
    done();
  });
  scope.addContentTypeParser(BYTES, (request, _payload, done) => {
    const fault = headersFault(request.raw);
    if (fault !== null) {
      done(fault);
      return;
    }
    readBody(request.raw, limit, budget, (error, sent) => {
      if (sent === undefined) return done(error);
      decodeBody(request.raw.headers["content-encoding"], sent, limit, budget, (error, body) => {
        request.bodyBytes = body?.length ?? 0;
        done(error, body);
      });
    });
  });
  scope.addHook("onSend", (request, _reply, payload, done) => {
    budget.give(request.bodyBytes);
    request.bodyBytes = 0;
    done(null, payload);
  });
}

/** What of the headers makes the body unreadable; null: nothing. */
function headersFault(request: IncomingMessage): RequestError | null {
  const { "content-length": length, "transfer-encoding": transfer, "content-encoding": coding } = request.headers;
  if (length === undefined && transfer === undefined) {
    return new RequestError(411, "Cannot read the request body: expected a Content-Length, there was none");
  }
  return codingFault(coding);
}

/** Reads one body under the terms of `takeBodies`. An error leaves the connection in the middle of it: close it after the answer. */
export function readBody(request: IncomingMessage, limit: number, budget: BodyBudget, done: Done): void {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limit + DROPPED_BODY_BYTES_MAX || (announced > limit && request.headers.expect !== undefined)) {
    done(tooLarge(limit, announced));
    return;
  }
  let first: Buffer | null = null;
  let more = NONE as Buffer[];
  let length = 0;
  let held = 0;
  let busy = false;
  let over = false;

  request.on("data", onData);
  request.on("end", onEnd);
  request.on("error", onError);

  function onData(chunk: Buffer): void {
    if (over) return;
    length += chunk.length;
    if (length > limit || busy) {
      drop();
      if (length > limit + DROPPED_BODY_BYTES_MAX) finish(tooLarge(limit, length));
    } else if (!budget.take(chunk.length)) {
      busy = true;
      drop();
    } else {
      held += chunk.length;
      if (first === null) first = chunk;
      else if (more === NONE) more = [chunk];
      else more.push(chunk);
    }
  }

  function drop(): void {
    first = null;
    more = NONE as Buffer[];
    budget.give(held);
    held = 0;
  }

  function onEnd(): void {
    if (over) return;
    if (length > limit) finish(tooLarge(limit, length));
    else if (busy) finish(tooBusy());
    else if (first === null) finish(null, Buffer.alloc(0));
    else finish(null, more === NONE ? first : Buffer.concat([first, ...more], length));
  }

  function onError(error: Error): void {
    if (over) return; // the client went away while it was answered
    drop();
    finish(new RequestError(400, `Cannot read the request body: ${messageOf(error)}`));
  }

  function finish(error: Error | null, body?: Buffer): void {
    over = true;
    done(error, body);
  }
}
