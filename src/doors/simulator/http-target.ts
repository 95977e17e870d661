/** Readings → `POST /readings/{sensor}` of a tidemark, as NDJSON over one kept-alive connection. */

import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { type ErrorCode, messageOf, TidemarkError } from "../../core/errors.ts";
import { Agent, request } from "../../core/node-http.ts";
import type { Sent, Target } from "./outbox.ts";

/** A server that says nothing for this long is gone: an fsync takes milliseconds, a busy disk seconds. */
const SILENCE_MS_MAX = 10_000;

/** An answer is a line, or a problem description (RFC 9457). */
const ANSWER_BYTES_MAX = 65_536;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

export class HttpTarget implements Target {
  readonly name: string;
  readonly #url: URL;
  readonly #sensor: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: InstanceType<typeof Agent>;

  /** @param url of the server, ending in a slash */
  constructor(url: URL, sensor: string, token: string | null) {
    this.name = url.href.replace(/\/$/, "");
    this.#url = new URL(`readings/${encodeURIComponent(sensor)}`, url);
    this.#sensor = sensor;
    this.#headers = {
      "content-type": "application/x-ndjson",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent = url.protocol === "https:" ? new TlsAgent(options) : new Agent(options);
  }

  async send(payloads: readonly Uint8Array[], signal: AbortSignal): Promise<Sent> {
    const body = Buffer.concat(payloads.flatMap((payload) => [payload, NEWLINE]));
    let answer: Answer;
    try {
      answer = await this.#post(body, signal);
    } catch (cause) {
      return this.#refused("server-unreachable", reasonOf(cause), cause);
    }
    if (answer.status === 200) return this.#acknowledged(answer.body, payloads.length);
    const detail = `${answer.status} ${detailOf(answer.body)}`.trim();
    if (answer.status === 429 || answer.status >= 500) {
      const refused = this.#refused(answer.status === 429 ? "log-full" : "too-busy", detail);
      const seconds = /^\d{1,6}$/.test(answer.retryAfter ?? "") ? Number(answer.retryAfter) : undefined;
      return seconds === undefined ? refused : { ...refused, retryAfterMs: seconds * 1000 };
    }
    return this.#refused(CODES.get(answer.status) ?? "request-invalid", detail);
  }

  #acknowledged(body: string, expected: number): Sent {
    const appended = fieldOf(body, "appended");
    if (appended === expected) return { acknowledged: true };
    return this.#refused("request-invalid", `expected {"appended":${expected}}, was ${body.slice(0, 80)}`);
  }

  #refused(code: ErrorCode, detail: string, cause?: unknown): { acknowledged: false; error: TidemarkError } {
    const error = new TidemarkError(code, `Cannot send to "${this.#sensor}" at ${this.name}: ${detail}`, cause);
    return { acknowledged: false, error };
  }

  #post(body: Uint8Array, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const send = this.#url.protocol === "https:" ? tlsRequest : request;
      const headers = { ...this.#headers, "content-length": body.length };
      const outgoing: ClientRequest = send(this.#url, { method: "POST", agent: this.#agent, headers, signal });
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

  async close(): Promise<void> {
    this.#agent.destroy();
  }
}

const NEWLINE = Buffer.from("\n");

const CODES = new Map<number, ErrorCode>([
  [401, "not-authorized"],
  [403, "not-authorized"],
  [404, "not-found"],
  [413, "request-too-large"],
]);

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

/** `localhost` with two addresses fails as an AggregateError without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(", ");
  return messageOf(error);
}

/** Field of a JSON object; undefined when it is none. */
function fieldOf(body: string, name: string): unknown {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null
      ? Object.getOwnPropertyDescriptor(parsed, name)?.value
      : undefined;
  } catch {
    return undefined;
  }
}

function detailOf(body: string): string {
  const detail = fieldOf(body, "detail") ?? fieldOf(body, "title");
  return typeof detail === "string" ? detail : body.slice(0, 200).replace(/\s+/g, " ");
}
