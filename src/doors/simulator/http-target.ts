/** Readings → `POST /readings/{sensor}` of a tidemark, as NDJSON over one kept-alive connection. */

import { type ErrorCode, TidemarkError } from "../../core/errors.ts";
import { type Agent, type Answer, agentFor, bearer, exchange, reasonOf } from "./exchange.ts";
import type { Sent, Target } from "./send-queue.ts";

/** A tidemark to send readings to. */
export class HttpTarget implements Target {
  readonly name: string;
  readonly #url: URL;
  readonly #sensor: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;

  /** @param url of the server, ending in a slash */
  constructor(url: URL, sensor: string, token: string | null) {
    this.name = url.href.replace(/\/$/, "");
    this.#url = new URL(`readings/${encodeURIComponent(sensor)}`, url);
    this.#sensor = sensor;
    this.#headers = {
      "content-type": "application/x-ndjson",
      ...bearer(token),
    };
    this.#agent = agentFor(url);
  }

  async send(payloads: readonly Uint8Array[], signal: AbortSignal): Promise<Sent> {
    const body = Buffer.concat(payloads.flatMap((payload) => [payload, NEWLINE]));
    let answer: Answer;
    try {
      answer = await exchange(this.#url, { method: "POST", agent: this.#agent, headers: this.#headers, signal }, body);
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
