/** Whatever was thrown → an answer in the form of RFC 9457 ("Problem Details for HTTP APIs"). */

import type { FastifyReply } from "fastify";
import { ERRORS, type ErrorCode, TidemarkError } from "../core/errors.ts";
import { STATUS_CODES } from "../core/node-http.ts";
import { RETRY_AFTER_SECONDS } from "./limits.ts";

/** The media type of RFC 9457. */
export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** Where the server itself shows docs/ERRORS.md; every code is a heading in it. */
export const ERROR_DOCS_PATH = "/docs/ERRORS.md";

/** An error as clients get it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
}

/** @param status only where the code's own status is too general (431, 408, 415) */
export function problem(code: ErrorCode, detail: string, status: number = ERRORS[code].status): Problem {
  const words = code.replaceAll("-", " ");
  return {
    type: `${ERROR_DOCS_PATH}#${code}`,
    title: words[0].toUpperCase() + words.slice(1),
    status,
    detail,
    code,
    retryable: ERRORS[code].retryable,
  };
}

/** A request that cannot be served for a reason that has a status of its own in HTTP. */
export class RequestError extends TidemarkError {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string) {
    super("request-invalid", message);
    this.httpStatus = httpStatus;
  }
}

/** The problem behind an error; "internal" when it is none that we know, which then is a bug of ours. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestError) return problem(error.code, error.message, error.httpStatus);
  if (error instanceof TidemarkError) return problem(error.code, error.message);
  const status = statusOfFramework(error);
  if (status === 413) return problem("request-too-large", messageOfFramework(error));
  if (status === 404) return problem("not-found", messageOfFramework(error));
  if (status >= 400 && status < 500) return problem("request-invalid", messageOfFramework(error), status);
  return problem("internal", "Cannot answer: tidemark has a bug here, it was reported to the process");
}

/** The status that Fastify (or a stream) gave an error of the request; 500 for everything else. */
function statusOfFramework(error: unknown): number {
  if (!(error instanceof Error) || !("statusCode" in error)) return 500;
  return typeof error.statusCode === "number" ? error.statusCode : 500;
}

function messageOfFramework(error: unknown): string {
  return `Cannot read the request: ${error instanceof Error ? error.message : STATUS_CODES[400]}`;
}

/** Answers with a problem, through the framework. */
export function sendProblem(reply: FastifyReply, answer: Problem): FastifyReply {
  const headers = problemHeaders(answer);
  for (let i = 0; i < headers.length; i += 2) reply.header(headers[i], headers[i + 1]);
  return reply.code(answer.status).type(PROBLEM_TYPE).send(JSON.stringify(answer));
}

/** The headers that go with a problem whatever form its body has: names and values in turn. */
export function problemHeaders(answer: Problem): readonly string[] {
  if (answer.retryable && (answer.status === 429 || answer.status === 503)) {
    return ["Retry-After", String(RETRY_AFTER_SECONDS)];
  }
  return answer.status === 401 ? ["WWW-Authenticate", 'Bearer realm="tidemark"'] : [];
}
