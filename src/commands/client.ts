/** How the commands ask a server: one request, JSON back, errors as it words them. */

import type { ClientConfig } from "../config/client-config.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { printable } from "../ui/printable.ts";
import { runningServer } from "./run-files.ts";

/** A question over ten years of history takes milliseconds; a busy disk seconds. */
const ANSWER_MS_MAX = 30_000;

/** A server's answer, its JSON parsed. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The server of a client: named, or running on the data directory, or on the usual port. @throws TidemarkError "server-unreachable" when the directory was named and none runs on it */
export function serverUrl({ url, data, isDataGiven, port }: ClientConfig): URL {
  if (url !== null) return url;
  const running = runningServer(data)?.url ?? null;
  if (running !== null) return new URL(running);
  if (isDataGiven) throw new TidemarkError("server-unreachable", `Cannot find a server: none runs on ${data}`);
  return new URL(`http://127.0.0.1:${port}/`);
}

/** @throws TidemarkError "server-unreachable" */
export async function ask(client: ClientConfig, path: string, body?: object): Promise<Answer> {
  const url = new URL(path, serverUrl(client));
  try {
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(client.token === null ? {} : { authorization: `Bearer ${client.token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    return { status: response.status, body: parsed(await response.text()) };
  } catch (error) {
    const cause = error instanceof TypeError && error.cause !== undefined ? error.cause : error;
    const reason = cause instanceof AggregateError ? cause.errors.map(messageOf).join(", ") : messageOf(cause);
    throw new TidemarkError("server-unreachable", `Cannot reach ${url.origin}: ${reason}`, error);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Fields of a JSON object; none of anything else. */
export function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

/** @throws TidemarkError with the server's own words, unless the answer is a success */
export function requireSuccess(answer: Answer, doing: string): ReadonlyMap<string, unknown> {
  if (answer.status >= 200 && answer.status < 300) return fieldsOf(answer.body);
  const fields = fieldsOf(answer.body);
  const detail = fields.get("detail") ?? fields.get("errors") ?? answer.body;
  const words = Array.isArray(detail) ? detail.join("; ") : String(detail);
  const code = answer.status === 401 || answer.status === 403 ? "not-authorized" : "request-invalid";
  throw new TidemarkError(code, `Cannot ${doing}: ${answer.status} ${printable(words).slice(0, 500)}`);
}

/** A value in lines of JSON; its escapes keep what is printable so, and the JSON as it means. */
export function printJson(value: unknown, out: (line: string) => void): void {
  for (const line of JSON.stringify(value, null, 2).split("\n")) out(printable(line));
}
