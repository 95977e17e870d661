/** How the commands ask a server: one request, its answer, and what went wrong in the words of the command line. */
import type { IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import type { ClientConfig } from "../config/client-config.ts";
import { type ErrorCode, TidemarkError } from "../core/errors.ts";
import { request as plainRequest } from "../core/node-http.ts";
import { printable } from "../core/printable.ts";
import type { Role } from "../core/tokens.ts";
import { trustOf } from "../core/trusted-servers.ts";
import { reasonOf } from "../doors/simulator/exchange.ts";
import { runningServer } from "./run-files.ts";

/** A question over ten years of history takes milliseconds; a busy disk seconds. */
const ANSWER_MS_MAX = 30_000;

/** What is read of an answer: a thousand sensors are 2 MB. */
const ANSWER_BYTES_MAX = 67_108_864;

/** Characters shown of what a server says. */
const WORDS_MAX = 500;

/** A server's answer, its JSON parsed. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** The server's own clock, ms, cut to seconds; null when it does not say. */
  readonly dateMs: number | null;
  readonly server: string;
}

/** Its token is good, and for something else. */
const ROLE_MISSING: ErrorCode = "role-missing";

/** How to ask. */
export interface Asking {
  /** Sent as JSON; then it is a POST. */
  readonly body?: object;
  readonly accept?: string;
  readonly msMax?: number;
  /** What the token must be for; absent: `read`. */
  readonly role?: Role;
}

/** The server of a client: named, or running on the data directory, or on the usual port. @throws TidemarkError "server-unreachable" when the directory was named and none runs on it */
export function serverUrl({ url, data, isDataGiven, port }: ClientConfig): URL {
  const running = runningServer(data)?.url ?? null; // also where it is named: it may be the one, whose certificate is known
  if (url !== null) return url;
  if (running !== null) return new URL(running);
  if (isDataGiven) throw new TidemarkError("server-unreachable", `Cannot find a server: none runs on ${data}`);
  return new URL(`http://127.0.0.1:${port}/`);
}

/** The head of an answer; its body is still to be read. @throws TidemarkError "server-unreachable" */
export async function open(client: ClientConfig, path: string, asking: Asking = {}): Promise<IncomingMessage> {
  const url = new URL(path, serverUrl(client));
  const { body, accept, msMax = ANSWER_MS_MAX, role = "read" } = asking;
  const token = client.tokens[role];
  const headers = {
    accept: accept ?? "application/json",
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const send = url.protocol === "https:" ? tlsRequest : plainRequest;
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const method = body === undefined ? "GET" : "POST";
      const outgoing = send(url, { ...trustOf(url), method, headers, agent: false }, resolve);
      outgoing.setTimeout(msMax, () => outgoing.destroy(new Error(`no answer within ${msMax / 1000} s`)));
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  } catch (error) {
    throw unreachable(url.origin, error);
  }
}

/** @throws TidemarkError "server-unreachable" */
export async function ask(client: ClientConfig, path: string, asking: Asking = {}): Promise<Answer> {
  return await whole(await open(client, path, asking), client);
}

/** Reads an answer to its end. @throws TidemarkError "server-unreachable" */
export async function whole(response: IncomingMessage, client: ClientConfig): Promise<Answer> {
  const server = serverUrl(client).origin;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is over ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreachable(server, error);
  }
  const date = Date.parse(response.headers.date ?? "");
  return {
    status: response.statusCode ?? 0,
    body: parsed(Buffer.concat(chunks).toString("utf8")),
    dateMs: Number.isNaN(date) ? null : date,
    server,
  };
}

function unreachable(server: string, error: unknown): TidemarkError {
  return new TidemarkError("server-unreachable", `Cannot reach ${server}: ${reasonOf(error)}`, error);
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
  const { status, body, server } = answer;
  const fields = fieldsOf(body);
  if (status >= 200 && status < 300) return fields;
  const detail = fields.get("detail") ?? fields.get("errors");
  const words = Array.isArray(detail) ? detail.join("; ") : typeof detail === "string" ? detail : null;
  const refusal = refusalOf(status, server, words);
  const code = fields.get("code") === ROLE_MISSING ? ROLE_MISSING : codeOf(status);
  throw new TidemarkError(code, refusal.startsWith("Cannot ") ? refusal : `Cannot ${doing}: ${refusal}`);
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return "not-authorized";
  if (status === 404) return "not-found";
  return status === 429 || status >= 500 ? "too-busy" : "request-invalid";
}

function refusalOf(status: number, server: string, words: string | null): string {
  if (status === 401) return `${server} lets in only who has its token`;
  if (words === null) return `what answers at ${server} is no tidemark, or of another version (${status})`;
  return printable(words).slice(0, WORDS_MAX);
}

/** A value in lines of JSON; its escapes keep what is printable so, and the JSON as it means. */
export function printJson(value: unknown, out: (line: string) => void): void {
  for (const line of JSON.stringify(value, null, 2).split("\n")) out(printable(line));
}
