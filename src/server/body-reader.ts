/** Takes in request bodies as bytes, whatever their Content-Type says: bounded each, and all together. */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { BODIES_BYTES_MAX, DROPPED_BODY_BYTES_MAX } from "./limits.ts";
import { RequestError } from "./problem.ts";

const NONE: Uint8Array[] = [];

/** Bytes that bodies may hold in memory at one time: taken chunk by chunk, given back when the request is done. */
export class BodyBudget {
  #free: number;

  constructor(bytesMax: number = BODIES_BYTES_MAX) {
    this.#free = bytesMax;
  }

  take(bytes: number): boolean {
    if (bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#free += bytes;
  }

  get free(): number {
    return this.#free;
  }
}

export type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Makes the bodies of a scope's routes `Buffer`s in `request.body` (undefined when there is none).
 * Their bytes were taken from `budget`: whoever handles the request gives them back.
 * A body over `limit` bytes fails with "request-too-large", but only after it was read to its end where that is not too far:
 * most clients read no answer before they have sent everything.
 */
export function takeBodies(scope: FastifyInstance, limit: number, budget: BodyBudget): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (request, _payload, done) => {
    readBody(request.raw, limit, budget, done);
  });
  scope.addHook("onRequest", ignoreContentType);
}

/** What of the headers makes the body unreadable; null: nothing. */
export function codingFault(request: IncomingMessage): RequestError | null {
  const coding = request.headers["content-encoding"];
  if (coding === undefined || coding === "identity") return null;
  return new RequestError(415, `Cannot read the request body: expected no Content-Encoding, was ${coding}`);
}

/** The framework answers an ill-formed Content-Type with 415 before any parser sees the body: here it means nothing. */
function ignoreContentType(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const { headers } = request.raw;
  if (headers["content-type"] !== undefined) headers["content-type"] = undefined;
  done(codingFault(request.raw) ?? undefined);
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
    else if (busy) finish(new TidemarkError("too-busy", "Cannot read the request body: too many others are in memory"));
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

function tooLarge(limit: number, bytes: number): TidemarkError {
  return new TidemarkError(
    "request-too-large",
    `Cannot read the request body: expected <= ${limit} bytes, was ${bytes}`,
  );
}
