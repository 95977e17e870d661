/** One HTTP request and its whole answer, over node:http: a sensor needs no more, and undici is 20 MB. */
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { messageOf } from "../../core/errors.ts";
import { Agent as PlainAgent, request as plainRequest } from "../../core/node-http.ts";

import { trustOf } from "../../core/trusted-servers.ts";

/** A server that says nothing for this long is gone: an fsync takes milliseconds, a busy disk seconds. */
const SILENCE_MS_MAX = 10_000;

/** An answer is a line, a problem description (RFC 9457), or a part of a list. */
const ANSWER_BYTES_MAX = 4_194_304;

/** Of node:http or node:https. */
export type Agent = InstanceType<typeof PlainAgent>;

/** An answer, of any status. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** How to ask. */
export interface Exchange {
  readonly method: string;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One kept-alive connection. */
export function agentFor(url: URL): Agent {
  const options = { keepAlive: true, maxSockets: 1 };
  return url.protocol === "https:" ? new TlsAgent({ ...options, ...trustOf(url) }) : new PlainAgent(options);
}

/** The authorization header; none without a token. */
export function bearer(token: string | null): Readonly<Record<string, string>> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** @throws Error of the connection, of an answer that is too long or does not come, or of the signal */
export function exchange(url: URL, options: Exchange, body: Uint8Array = Buffer.alloc(0)): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? tlsRequest : plainRequest;
    const headers = { ...options.headers, ...(body.length === 0 ? {} : { "content-length": body.length }) };
    const outgoing: ClientRequest = request(url, { ...options, headers });
    outgoing.setTimeout(SILENCE_MS_MAX, () => {
      outgoing.destroy(new Error(`no answer within ${SILENCE_MS_MAX / 1000} s`));
    });
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      readBody(response).then((text) => {
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], body: text });
      }, reject);
    });
    outgoing.end(body);
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is over ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What a connection that fails means, by the system's code. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "its name cannot be looked up now",
  EHOSTUNREACH: "no way leads to this host",
  ENETUNREACH: "no way leads to this host",
  ECONNRESET: "the connection was cut",
  EPROTO: "it does not speak TLS; http:// in place of https://?",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is of no authority that is known here; --ca names one",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is of no authority that is known here; --ca names one",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is of no authority that is known here; --ca names one",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is of no authority that is known here; --ca names one",
};

/** What went wrong. `localhost` with two addresses fails as an AggregateError without a message of its own. */
export function reasonOf(error: unknown): string {
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  const reasons = causes.map((cause) => {
    const code = codeOf(cause);
    return code in MEANINGS ? `${MEANINGS[code]} (${code})` : messageOf(cause);
  });
  return [...new Set(reasons)].join(", ");
}

/** Whether no connection was made, so that nothing was sent. */
export function isNobodyThere(error: unknown): boolean {
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return causes.every((cause) => /^(ECONNREFUSED|E[A-Z]+UNREACH|ENOTFOUND|EAI_AGAIN)$/.test(codeOf(cause)));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
