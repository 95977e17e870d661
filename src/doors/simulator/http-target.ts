/** Readings → `POST /readings/{sensor}` of a tidemark, as NDJSON over one kept-alive connection. */

import { type ErrorCode, TidemarkError } from "../../core/errors.ts";
import { type Agent, type Answer, agentFor, bearer, exchange, reasonOf } from "./exchange.ts";
import type { Sent, Target } from "./send-queue.ts";

/** A reading that the server does not take for one, by the line of what was sent. */
export interface Problem {
  readonly line: number;
  readonly code: string;
  readonly reason: string;
}

/** What became of some payloads that are not to be sent again. */
export interface Outcome {
  readonly sent: number;
  readonly appended: number;
  readonly rejected: number;
  readonly problems: readonly Problem[];
}

/** A tidemark to send readings to. */
export class HttpTarget implements Target {
  readonly name: string;
  readonly #url: URL;
  readonly #sensor: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;
  readonly #take: ((outcome: Outcome) => void) | undefined;

  /** @param url of the server, ending in a slash @param take told what became of payloads; without it one that is rejected is a failure */
  constructor(url: URL, sensor: string, token: string | null, take?: (outcome: Outcome) => void) {
    this.#take = take;
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
    const none = answer.status === 400 ? NO_READING.exec(detailOf(answer.body)) : null;
    if (none !== null && this.#take !== undefined) {
      const [, line, code, reason] = none;
      const problems = [{ line: Number(line), code, reason }];
      this.#take({ sent: payloads.length, appended: 0, rejected: payloads.length, problems });
      return { acknowledged: true };
    }
    const detail = `${answer.status} ${detailOf(answer.body)}`.trim();
    if (answer.status === 429 || answer.status >= 500) {
      const refused = this.#refused(busyCode(answer), detail);
      const seconds = /^\d{1,6}$/.test(answer.retryAfter ?? "") ? Number(answer.retryAfter) : undefined;
      return seconds === undefined ? refused : { ...refused, retryAfterMs: seconds * 1000 };
    }
    return this.#refused(CODES.get(answer.status) ?? "request-invalid", detail);
  }

  #acknowledged(body: string, expected: number): Sent {
    const appended = fieldOf(body, "appended");
    if (this.#take !== undefined && typeof appended === "number") {
      const rejected = Number(fieldOf(body, "rejected") ?? 0);
      this.#take({ sent: expected, appended, rejected, problems: problemsOf(fieldOf(body, "problems")) });
      return { acknowledged: true };
    }
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

/** Nothing was appended, as nothing is a reading; the first line says why. */
const NO_READING = /line (\d+) is none \(([\w-]+)\): (.*)$/s;

const CODES = new Map<number, ErrorCode>([
  [401, "not-authorized"],
  [403, "not-authorized"],
  [404, "not-found"],
  [413, "request-too-large"],
]);

function busyCode({ status, body }: Answer): ErrorCode {
  if (status !== 429) return "too-busy";
  return fieldOf(body, "code") === "too-many-requests" ? "too-many-requests" : "log-full";
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

function problemsOf(list: unknown): Problem[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  return items.map((item) => {
    const fields = new Map<string, unknown>(Object.entries(typeof item === "object" && item !== null ? item : {}));
    return { line: Number(fields.get("line")), code: String(fields.get("code")), reason: String(fields.get("reason")) };
  });
}

function detailOf(body: string): string {
  const detail = fieldOf(body, "detail") ?? fieldOf(body, "title");
  return typeof detail === "string" ? detail : body.slice(0, 200).replace(/\s+/g, " ");
}
