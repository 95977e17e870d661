/** Compressed request bodies (RFC 9110, 8.4): inflated with a bound, in memory that was reserved before. */
import { gunzip, type InputType, inflate, inflateRaw, type ZlibOptions } from "node:zlib";
import { type BodyBudget, tooBusy, tooLarge } from "./body-budget.ts";
import { RequestError } from "./problem.ts";

/** Gets a body, or why there is none. */
export type Done = (error: Error | null, body?: Buffer) => void;

type Inflate = (bytes: InputType, options: ZlibOptions, done: (error: Error | null, body: Buffer) => void) => void;

/** Why a body of this Content-Encoding cannot be read; null: it can. */
export function codingFault(coding: string | undefined): RequestError | null {
  if (coding === undefined || isPlain(coding) || inflateOf(coding, NO_BYTES) !== null) return null;
  return new RequestError(
    415,
    `Cannot read the request body: expected the Content-Encoding gzip or deflate, was ${coding}`,
  );
}

/**
 * The body as it was before it was compressed; one that was not is passed on as it is.
 * @param sent its bytes are taken from `budget`; given back here, where they are not what is passed on
 * @param limit of the result, bytes
 */
export function decodeBody(
  coding: string | undefined,
  sent: Buffer,
  limit: number,
  budget: BodyBudget,
  done: Done,
): void {
  const decode = coding === undefined ? null : inflateOf(coding, sent);
  if (decode === null) {
    done(null, sent);
    return;
  }
  if (!budget.take(limit)) {
    budget.give(sent.length);
    done(tooBusy());
    return;
  }
  decode(sent, { maxOutputLength: limit }, (error, body) => {
    budget.give(sent.length + limit);
    if (error !== null) done(faultOf(error, limit, coding));
    else if (budget.take(body.length)) done(null, body);
    else done(tooBusy());
  });
}

const NO_BYTES = Buffer.alloc(0);

function isPlain(coding: string): boolean {
  return coding === "" || coding.toLowerCase() === "identity";
}

function inflateOf(coding: string, bytes: Buffer): Inflate | null {
  switch (coding.toLowerCase()) {
    case "gzip":
    case "x-gzip":
      return gunzip;
    case "deflate":
      // "deflate" is the format of RFC 1950; some clients send the bare one of RFC 1951.
      return hasZlibHeader(bytes) ? inflate : inflateRaw;
    default:
      return null;
  }
}

/** RFC 1950, 2.2: method 8, and both bytes together are a multiple of 31. */
function hasZlibHeader(bytes: Buffer): boolean {
  return bytes.length >= 2 && (bytes[0] & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0;
}

function faultOf(error: Error, limit: number, coding: string | undefined): Error {
  if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") return tooLarge(limit, `more (${coding})`);
  return new RequestError(400, `Cannot read the request body: expected ${coding}, ${error.message}`);
}
