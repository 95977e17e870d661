/** One request to a server: its answer, or the error that says what went wrong. */
import { ERRORS, type ErrorCode, messageOf, TidemarkError } from "../core/errors.ts";

/** Where the server is, and what it lets in. */
export interface ServerAddress {
  /** Ends in a slash. */
  readonly url: URL;
  readonly token: string | null;
}

/** A question over ten years takes milliseconds; a busy disk seconds. */
const ANSWER_MS_MAX = 30_000;

/** What is shown of an answer that is none of tidemark's. */
const SHOWN_MAX = 200;

/** A pause that the server asks for, s; that it answers with an error. */
export class Refusal extends TidemarkError {
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode, message: string, retryAfterMs: number | null) {
    super(code, message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** How to ask. */
export interface Asking {
  /** Then it is a POST. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** False: the answer may take as long as it does. */
  readonly limited?: boolean;
}

/** @throws TidemarkError "server-unreachable"; whatever `signal` was aborted with */
export async function request({ url, token }: ServerAddress, path: string, asking: Asking = {}): Promise<Response> {
  const { body, headers = {}, signal, limited = true } = asking;
  const signals = [...(signal === undefined ? [] : [signal]), ...(limited ? [AbortSignal.timeout(ANSWER_MS_MAX)] : [])];
  try {
    return await fetch(new URL(path, url), {
      method: body === undefined ? "GET" : "POST",
      headers: { ...headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body }),
      redirect: "error",
      signal: AbortSignal.any(signals),
    });
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    const cause = error instanceof TypeError && error.cause !== undefined ? error.cause : error;
    const reason = cause instanceof AggregateError ? cause.errors.map(messageOf).join(", ") : messageOf(cause);
    throw new TidemarkError("server-unreachable", `Cannot reach ${url.origin}: ${reason}`, error);
  }
}

/** The JSON of an answer. @throws Refusal with the server's own words unless it is a success */
export async function requestJson(server: ServerAddress, path: string, asking: Asking = {}): Promise<unknown> {
  const response = await request(server, path, asking);
  const text = await response.text().catch((error: unknown) => {
    throw new TidemarkError(
      "server-unreachable",
      `Cannot read the answer of ${server.url.origin}: ${messageOf(error)}`,
    );
  });
  if (!response.ok) throw refusalOf(response, text);
  return JSON.parse(text);
}

/** The error in an answer that is no success. */
export function refusalOf(response: Response, text: string): Refusal {
  const fields = fieldsOf(text);
  const code = fields.get("code");
  const detail = fields.get("detail") ?? fields.get("errors");
  const shown = Array.isArray(detail) ? detail.join("; ") : String(detail ?? text.slice(0, SHOWN_MAX));
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new Refusal(isCode(code) ? code : codeOf(response.status), shown, seconds >= 0 ? seconds * 1000 : null);
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return "not-authorized";
  if (status === 404) return "not-found";
  return status === 429 || status >= 500 ? "too-busy" : "request-invalid";
}

function fieldsOf(text: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
  } catch {
    return new Map();
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
